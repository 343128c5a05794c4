/* test_boot_file.c: what can be wrong with a file before anybody looks into it. */
#include "vmm/boot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_boot_file.XXXXXX";
static char path[sizeof(folder) + 8];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/kernel", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void make_file(const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static void a_missing_file_is_refused(void **state)
{
	struct boot_file file;

	(void)state;
	assert_int_equal(boot_file_open(&file, "kernel", path), -ENOENT);
	assert_int_equal(file.fd, -1);
}

static void a_directory_is_refused(void **state)
{
	struct boot_file file;

	(void)state;
	assert_int_equal(boot_file_open(&file, "kernel", folder), -EINVAL);
	assert_int_equal(file.fd, -1);
}

static void an_empty_file_is_refused(void **state)
{
	struct boot_file file;

	(void)state;
	make_file("");
	assert_int_equal(boot_file_open(&file, "kernel", path), -EINVAL);
	assert_int_equal(file.fd, -1);
}

static void a_fifo_is_refused_and_not_waited_for(void **state)
{
	struct boot_file file;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(boot_file_open(&file, "kernel", path), -EINVAL);
}

static void a_file_is_read_at_any_offset_but_not_behind_its_end(void **state)
{
	static const struct {
		uint64_t offset;
		size_t len;
		int result;
	} cases[] = {
		{0, 10, 0},
		{9, 1, 0},
		{10, 0, 0},
		{0, 11, -EINVAL},
		{9, 2, -EINVAL},
		{11, 0, -EINVAL},
		{UINT64_MAX, 1, -EINVAL},
		{5, SIZE_MAX, -EINVAL},
	};
	struct boot_file file;
	char buf[16];

	(void)state;
	make_file("0123456789");
	assert_int_equal(boot_file_open(&file, "kernel", path), 0);
	assert_int_equal(file.size, 10);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(boot_file_read(&file, cases[i].offset, buf, cases[i].len),
				 cases[i].result);
	assert_int_equal(boot_file_read(&file, 3, buf, 4), 0);
	assert_memory_equal(buf, "3456", 4);
	boot_file_close(&file);
	boot_file_close(&file);
}

static void a_file_that_shrinks_while_open_is_an_error(void **state)
{
	struct boot_file file;
	char buf[16];

	(void)state;
	make_file("0123456789");
	assert_int_equal(boot_file_open(&file, "kernel", path), 0);
	assert_int_equal(truncate(path, 4), 0);
	assert_int_equal(boot_file_read(&file, 0, buf, 10), -EINVAL);
	assert_int_equal(boot_file_read(&file, 0, buf, 4), 0);
	boot_file_close(&file);
}

static void a_file_is_read_again_after_its_name_has_gone(void **state)
{
	struct boot_file file;
	char buf[16];

	(void)state;
	make_file("0123456789");
	assert_int_equal(boot_file_open(&file, "kernel", path), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(boot_file_read(&file, 0, buf, 10), 0);
	boot_file_close(&file);
}

/* Every window over file, gap and tail, against the same bytes made by hand. */
static void what_is_appended_reads_as_if_it_stood_there(void **state)
{
	static const char *const contents[] = {"0123456", "01234567"};
	static const char *const wanted[] = {"0123456\0tail", "01234567tail"};
	char buf[16];

	(void)state;
	for (unsigned int n = 0; n < 2; n++) {
		struct boot_file file;

		make_file(contents[n]);
		assert_int_equal(boot_file_open(&file, "initrd", path), 0);
		boot_file_append(&file, "another!", 8, 4);
		boot_file_append(&file, "tail", 4, 4);
		assert_int_equal(file.size, 12);
		for (size_t from = 0; from <= 12; from++) {
			for (size_t len = 0; len <= 12 - from; len++) {
				memset(buf, 'x', sizeof(buf));
				assert_int_equal(boot_file_read(&file, from, buf, len), 0);
				assert_memory_equal(buf, wanted[n] + from, len);
				assert_int_equal(buf[len], 'x');
			}
		}
		assert_int_equal(boot_file_read(&file, 9, buf, 4), -EINVAL);
		boot_file_close(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_missing_file_is_refused, remove_file),
		cmocka_unit_test_teardown(a_directory_is_refused, remove_file),
		cmocka_unit_test_teardown(an_empty_file_is_refused, remove_file),
		cmocka_unit_test_teardown(a_fifo_is_refused_and_not_waited_for, remove_file),
		cmocka_unit_test_teardown(a_file_is_read_at_any_offset_but_not_behind_its_end,
					  remove_file),
		cmocka_unit_test_teardown(a_file_that_shrinks_while_open_is_an_error, remove_file),
		cmocka_unit_test_teardown(what_is_appended_reads_as_if_it_stood_there, remove_file),
		cmocka_unit_test_teardown(a_file_is_read_again_after_its_name_has_gone,
					  remove_file),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
