/* test_disk_image.c: which files are taken, and what is said about those that are not. */
#include "devices/backend/disk_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"
#include "vmm/util.h"

static char path[TEMP_PATH_BYTES];
static bool read_only;

static int setup(void **state)
{
	(void)state;
	read_only = false;
	temp_file_make(path, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (remove(path) < 0 && errno != ENOENT)
		return -1;
	return 0;
}

static int try_open(void *name)
{
	struct disk_image image;
	int err = disk_image_open(&image, name, read_only, false);

	if (!err)
		disk_image_close(&image);
	assert_int_equal(image.fd, -1);
	return err;
}

/* Opening fails with err and one line: "minivmm: error: disk 'PATH': SAID". */
static void refused(int err, const char *said)
{
	char line[512];
	char expected[512];

	assert_int_equal(said_by(try_open, path, line, sizeof(line)), err);
	snprintf(expected, sizeof(expected), "minivmm: error: disk '%s': %s\n", path, said);
	assert_string_equal(line, expected);
}

static void an_image_is_opened_with_its_size(void **state)
{
	struct disk_image image;
	uint64_t size;

	(void)state;
	assert_int_equal(disk_image_open(&image, path, false, false), 0);
	assert_int_equal(image.size, 1 << 20);
	assert_int_equal(image.block_size, 512);
	assert_false(image.block_device);
	assert_int_equal(truncate(path, (1 << 20) + 1000), 0);
	assert_int_equal(disk_image_measure(&image, &size), 0);
	assert_int_equal(size, (1 << 20) + 512); /* half a sector is no sector */
	disk_image_close(&image);
}

static void a_missing_file_is_refused(void **state)
{
	(void)state;
	unlink(path);
	refused(-ENOENT, "cannot open: No such file or directory");
}

static void an_empty_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, 0), 0);
	refused(-EINVAL, "is empty");
}

static void a_part_of_a_sector_is_refused(void **state)
{
	static const off_t sizes[] = {1, 511, 513, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char said[128];

		assert_int_equal(truncate(path, sizes[i]), 0);
		snprintf(said, sizeof(said), "its size of %d bytes is not a multiple of 512",
			 (int)sizes[i]);
		refused(-EINVAL, said);
	}
}

static void a_directory_is_refused(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refused(-EISDIR, "is a directory, not an image file");
	read_only = true;
	refused(-EISDIR, "is a directory, not an image file");
}

static void a_pipe_is_refused_without_waiting_for_it(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	read_only = true;
	refused(-EINVAL, "is neither a file nor a block device");
}

static void a_file_without_permission_is_refused(void **state)
{
	bool root = geteuid() == 0;

	(void)state;
	if (root) { /* root may read all: be somebody else for as long */
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	chmod(path, 0400);
	refused(-EACCES, "cannot open for writing (',ro' only reads it): Permission denied");
	read_only = true;
	assert_int_equal(try_open(path), 0);
	chmod(path, 0);
	refused(-EACCES, "cannot open: Permission denied");
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void a_second_writer_is_refused_by_name_and_readers_share(void **state)
{
	struct disk_image first, second;

	(void)state;
	assert_int_equal(disk_image_open(&first, path, false, false), 0);
	refused(-EBUSY, "in use by another program"); /* it is we ourselves */
	read_only = true;
	refused(-EBUSY, "in use by another program");
	disk_image_close(&first);

	assert_int_equal(disk_image_open(&first, path, true, false), 0);
	assert_int_equal(disk_image_open(&second, path, true, false), 0);
	read_only = false;
	refused(-EBUSY, "in use by another program");
	disk_image_close(&first);
	disk_image_close(&second);
	assert_int_equal(try_open(path), 0);
}

static void the_other_program_is_named(void **state)
{
	int ready[2], release[2];
	char said[128];
	char byte = 0;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(release, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		struct disk_image image;

		close(release[1]);
		if (disk_image_open(&image, path, false, false) < 0)
			_exit(1);
		_exit(write(ready[1], &byte, 1) == 1 && read(release[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(said, sizeof(said), "in use by another program (process %d)", (int)child);
	refused(-EBUSY, said);
	kill(child, SIGKILL); /* however it ends, the lock ends with it */
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(try_open(path), 0);
	for (unsigned int i = 0; i < 2; i++) {
		close(ready[i]);
		close(release[i]);
	}
}

static void what_is_in_it_is_never_looked_at(void **state)
{
	static const char header[] = "QFI\xfb\0\0\0\3";
	struct disk_image image;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	close(fd);
	assert_int_equal(disk_image_open(&image, path, false, false), 0);
	assert_int_equal(image.size, 1 << 20);
	disk_image_close(&image);
}

#define image_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		image_test(an_image_is_opened_with_its_size),
		image_test(a_missing_file_is_refused),
		image_test(an_empty_file_is_refused),
		image_test(a_part_of_a_sector_is_refused),
		image_test(a_directory_is_refused),
		image_test(a_pipe_is_refused_without_waiting_for_it),
		image_test(a_file_without_permission_is_refused),
		image_test(a_second_writer_is_refused_by_name_and_readers_share),
		image_test(the_other_program_is_named),
		image_test(what_is_in_it_is_never_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
