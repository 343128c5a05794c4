/*
 * test_iso9660.c: a seed image as Linux reads it. With TEST_OUT set to a directory one is left
 * there too, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/fake/keep.h"
#include "vmm/bytes.h"
#include "vmm/iso9660.h"
#include "vmm/util.h"

static const struct iso9660_file seed[] = {
	{"meta-data", "instance-id: iid-1\nlocal-hostname: web1\n", 40},
	{"network-config", "version: 2\n", 11},
	{"user-data", "#cloud-config\n{}\n", 17},
};

static uint8_t *image;
static size_t size;

static int teardown(void **state)
{
	(void)state;
	free(image);
	image = NULL;
	return 0;
}

static void make(const struct iso9660_file *files, unsigned int n)
{
	assert_int_equal(iso9660_make("CIDATA", files, n, &image, &size), 0);
}

static const uint8_t *block(unsigned int n)
{
	assert_in_range(n, 0, size / ISO9660_BLOCK_SIZE - 1);
	return image + (size_t)n * ISO9660_BLOCK_SIZE;
}

static void assert_both32(const uint8_t *at, uint32_t want)
{
	assert_int_equal(load_le32(at), want);
	assert_int_equal(__builtin_bswap32(load_le32(at + 4)), want);
}

static void the_primary_descriptor_names_the_volume(void **state)
{
	const uint8_t *primary;

	(void)state;
	make(seed, ARRAY_SIZE(seed));
	keep_file("seed.iso", 0, image, size);
	assert_int_equal(size, 24 * ISO9660_BLOCK_SIZE); /* 48 KiB */
	primary = block(16);
	assert_memory_equal(primary, "\1CD001\1", 7);
	assert_memory_equal(primary + 40, "CIDATA                          ", 32);
	assert_both32(primary + 80, 24);
	assert_memory_equal(primary + 128, "\x00\x08\x08\x00", 4);
	assert_both32(primary + 132, 10);
	assert_int_equal(load_le32(primary + 140), 18);
	assert_int_equal(__builtin_bswap32(load_le32(primary + 148)), 19);
	assert_int_equal(primary[156], 34);
	assert_both32(primary + 158, 20);
	assert_memory_equal(primary + 813, "0000000000000000\0", 17);
	assert_int_equal(primary[881], 1);
	assert_memory_equal(block(17),
			    "\xff"
			    "CD001\1",
			    7);
}

/* The n-th record of the root directory. */
static const uint8_t *record(unsigned int n)
{
	const uint8_t *at = block(20);

	while (n-- > 0) {
		assert_int_not_equal(at[0], 0);
		at += at[0];
	}
	return at;
}

static void files_are_found_through_the_root_directory(void **state)
{
	(void)state;
	make(seed, ARRAY_SIZE(seed));
	assert_int_equal(record(0)[33], 0);
	assert_int_equal(record(1)[33], 1);
	assert_int_equal(record(0)[25], 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(seed); i++) {
		const uint8_t *at = record(2 + i);

		assert_int_equal(at[25], 0);
		assert_int_equal(at[0] % 2, 0);
		assert_int_equal(at[32], strlen(seed[i].name));
		assert_memory_equal(at + 33, seed[i].name, at[32]);
		assert_both32(at + 10, (uint32_t)seed[i].size);
		assert_memory_equal(block(load_le32(at + 2)), seed[i].data, seed[i].size);
	}
	assert_int_equal(record(5)[0], 0);
}

static void both_path_tables_lead_to_the_root(void **state)
{
	(void)state;
	make(seed, 1);
	assert_memory_equal(block(18), "\1\0\x14\0\0\0\1\0\0\0", 10);
	assert_memory_equal(block(19), "\1\0\0\0\0\x14\0\1\0\0", 10);
}

static void files_of_any_size_follow_one_another(void **state)
{
	static const uint8_t data[3 * ISO9660_BLOCK_SIZE] = {[0 ... 3 * ISO9660_BLOCK_SIZE - 1] =
								     'x'};
	const struct iso9660_file files[] = {
		{"a", data, 2048}, {"b", NULL, 0}, {"c", data, 2049}, {"d", data, 1}};

	(void)state;
	make(files, ARRAY_SIZE(files));
	assert_int_equal(load_le32(record(2) + 2), 21);
	assert_int_equal(load_le32(record(3) + 10), 0);
	assert_int_equal(load_le32(record(4) + 2), 22);
	assert_int_equal(load_le32(record(5) + 2), 24);
	assert_int_equal(size, 25 * ISO9660_BLOCK_SIZE);
	assert_int_equal(block(23)[0], 'x');
	assert_int_equal(block(23)[1], 0);
}

static void as_many_files_as_promised_fit(void **state)
{
	char names[ISO9660_MAX_FILES][ISO9660_MAX_NAME + 1];
	struct iso9660_file files[ISO9660_MAX_FILES + 1];

	(void)state;
	for (unsigned int i = 0; i < ISO9660_MAX_FILES; i++) {
		memset(names[i], 'a' + (int)i, ISO9660_MAX_NAME);
		names[i][ISO9660_MAX_NAME] = 0;
		files[i] = (struct iso9660_file){names[i], "x", 1};
	}
	files[ISO9660_MAX_FILES] = (struct iso9660_file){"one-more", "x", 1};
	make(files, ISO9660_MAX_FILES);
	assert_memory_equal(record(1 + ISO9660_MAX_FILES) + 33, names[ISO9660_MAX_FILES - 1],
			    ISO9660_MAX_NAME);
	free(image);
	image = NULL;
	assert_int_equal(iso9660_make("x", files, ISO9660_MAX_FILES + 1, &image, &size), -E2BIG);
}

static void what_cannot_be_stored_is_refused(void **state)
{
	static const struct iso9660_file twice[] = {{"a", "x", 1}, {"a", "y", 1}};
	static const struct {
		struct iso9660_file file;
		int err;
	} cases[] = {
		{{"", "x", 1}, -EINVAL},
		{{"a/b", "x", 1}, -EINVAL},
		{{"a2345678901234567890123456789012", "x", 1}, -EINVAL},
		{{"huge", "x", (size_t)1 << 31}, -E2BIG},
		{{"huge", "x", SIZE_MAX}, -E2BIG},
		{{"huge", "x", (size_t)1 << 30}, -E2BIG}, /* with what stands before it */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(iso9660_make("x", &cases[i].file, 1, &image, &size), cases[i].err);
	assert_int_equal(iso9660_make("x", twice, 2, &image, &size), -EINVAL);
	assert_int_equal(iso9660_make("123456789012345678901234567890123", seed, 1, &image, &size),
			 -EINVAL);
	assert_null(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_primary_descriptor_names_the_volume, teardown),
		cmocka_unit_test_teardown(files_are_found_through_the_root_directory, teardown),
		cmocka_unit_test_teardown(both_path_tables_lead_to_the_root, teardown),
		cmocka_unit_test_teardown(files_of_any_size_follow_one_another, teardown),
		cmocka_unit_test_teardown(as_many_files_as_promised_fit, teardown),
		cmocka_unit_test_teardown(what_cannot_be_stored_is_refused, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
