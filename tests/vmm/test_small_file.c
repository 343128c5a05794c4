/* test_small_file.c: files and pipes of every size around the limit, and those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"
#include "vmm/small_file.h"

struct reading {
	const char *path;
	char *bytes;
	size_t len;
};

static int read_it(void *arg)
{
	struct reading *reading = arg;

	return small_file_read("credential", reading->path, 8, &reading->bytes, &reading->len);
}

static void files_up_to_the_limit_are_read(void **state)
{
	char path[TEMP_PATH_BYTES], said[256];

	(void)state;
	for (size_t size = 0; size <= 9; size++) {
		struct reading reading = {.path = path};

		temp_file_make(path, size);
		if (size <= 8) {
			assert_int_equal(said_by(read_it, &reading, said, sizeof(said)), 0);
			assert_int_equal(reading.len, size);
			assert_int_equal(reading.bytes[size], '\0');
			assert_string_equal(said, "");
		} else {
			assert_int_equal(said_by(read_it, &reading, said, sizeof(said)), -EFBIG);
			assert_non_null(strstr(said, "': more than 8 bytes\n"));
		}
		free(reading.bytes);
		unlink(path);
	}
}

static void a_pipe_is_read_to_its_end(void **state)
{
	struct reading reading = {.path = NULL};
	char path[64];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "secret", 6), 6);
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	reading.path = path;
	assert_int_equal(read_it(&reading), 0);
	assert_string_equal(reading.bytes, "secret");
	free(reading.bytes);
	close(fds[0]);
}

static void what_is_no_file_is_refused(void **state)
{
	struct reading none = {.path = "/no/such"}, folder = {.path = "/"};
	char said[256];

	(void)state;
	assert_int_equal(said_by(read_it, &none, said, sizeof(said)), -ENOENT);
	assert_string_equal(said, "minivmm: error: credential '/no/such': cannot read: "
				  "No such file or directory\n");
	assert_int_equal(said_by(read_it, &folder, said, sizeof(said)), -EISDIR);
	assert_null(none.bytes);
	assert_null(folder.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_up_to_the_limit_are_read),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
		cmocka_unit_test(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
