/*
 * test_cpio.c: archives as the kernel unpacks them. With TEST_OUT set to a directory one is left
 * there too, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/fake/keep.h"
#include "vmm/cpio.h"
#include "vmm/util.h"

static struct cpio cpio;
static char *archive;
static size_t size;

static int setup(void **state)
{
	(void)state;
	cpio_init(&cpio, open_memstream(&archive, &size));
	return cpio.out ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(archive);
	return 0;
}

static void finish(void)
{
	assert_int_equal(cpio_finish(&cpio), 0);
	fclose(cpio.out);
	assert_int_equal(size, cpio.written);
}

static void a_file_is_the_one_encoded_by_hand(void **state)
{
	static const char want[] = "070701"
				   "00000001" /* inode */
				   "000081A4" /* regular, 0644 */
				   "00000000"
				   "00000000"
				   "00000001" /* links */
				   "00000000"
				   "00000003" /* size */
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000004" /* name with its NUL */
				   "00000000"
				   "a/b\0\0\0" /* 110 + 4 bytes, and 2 to a multiple of 4 */
				   "xyz\0"
				   "070701"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000001"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "00000000"
				   "0000000B"
				   "00000000"
				   "TRAILER!!!\0\0\0\0";

	(void)state;
	cpio_file(&cpio, "a/b", 0644, "xyz", 3);
	finish();
	assert_int_equal(size, sizeof(want) - 1);
	assert_memory_equal(archive, want, size);
}

static uint32_t field(const char *entry, unsigned int n)
{
	char digits[9] = {0};

	memcpy(digits, entry + 6 + 8 * n, 8);
	return (uint32_t)strtoul(digits, NULL, 16);
}

/* The entry behind this one. */
static const char *following(const char *entry)
{
	return entry + align_up(110 + field(entry, 11), 4) + align_up(field(entry, 6), 4);
}

static void every_entry_and_its_data_are_aligned(void **state)
{
	static const char data[] = "0123456789";
	const char *entry;
	char name[32];

	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)i + 1, "abcdefghijkl");
		cpio_file(&cpio, name, 0600, data, i);
	}
	finish();
	assert_int_equal(size % CPIO_ALIGNMENT, 0);
	entry = archive;
	for (unsigned int i = 0; i < 10; i++, entry = following(entry)) {
		assert_memory_equal(entry, "070701", 6);
		assert_int_equal(field(entry, 0), i + 1);
		assert_int_equal(field(entry, 6), i);
		assert_int_equal(strlen(entry + 110) + 1, field(entry, 11));
		assert_memory_equal(entry + align_up(110 + field(entry, 11), 4), data, i);
	}
	assert_string_equal(entry + 110, "TRAILER!!!");
	assert_ptr_equal(following(entry), archive + size);
}

static void directories_have_their_mode_and_two_links(void **state)
{
	(void)state;
	cpio_directory(&cpio, "etc", 0755);
	cpio_file(&cpio, "etc/machine-id", 0444, "00112233445546778899aabbccddeeff\n", 33);
	cpio_file(&cpio, "etc/hostname", 0644, "web1\n", 5);
	cpio_directory(&cpio, "conf", 0700);
	cpio_file(&cpio, "conf/param.conf", 0755, NULL, 0);
	finish();
	keep_file("identity.cpio", 0, archive, size);
	assert_int_equal(field(archive, 1), 0040755);
	assert_int_equal(field(archive, 4), 2);
	assert_int_equal(field(following(archive), 1), 0100444);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
	FILE *full = fopen("/dev/full", "we");

	(void)state;
	fclose(cpio.out);
	assert_non_null(full);
	cpio_init(&cpio, full);
	cpio_file(&cpio, "a", 0644, "x", 1);
	assert_int_equal(cpio_finish(&cpio), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_the_one_encoded_by_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(every_entry_and_its_data_are_aligned, setup,
						teardown),
		cmocka_unit_test_setup_teardown(directories_have_their_mode_and_two_links, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_at_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
