/* test_disk_copy.c: a copy holds what its source holds, and holes stay holes. */
#include "devices/backend/disk_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/temp_file.h"
#include "vmm/util.h"

enum { MIB = 1 << 20 };

static char from_path[TEMP_PATH_BYTES], to_path[TEMP_PATH_BYTES];
static int from, to;

struct counter {
	struct disk_copy_watch watch;
	uint64_t moved;
	unsigned int calls, fail_at;
};

static int count(struct disk_copy_watch *watch, uint64_t bytes)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	counter->moved += bytes;
	return ++counter->calls == counter->fail_at ? -EINTR : 0;
}

static int set_up(void **state)
{
	(void)state;
	temp_file_make(from_path, 24 * (size_t)MIB);
	temp_file_make(to_path, 0);
	from = open(from_path, O_RDWR | O_CLOEXEC);
	to = open(to_path, O_RDWR | O_CLOEXEC);
	/* Data at the beginning, in the middle over two parts, and at the very end. */
	for (off_t at = 0; at < 64 << 10; at += 8) {
		assert_int_equal(pwrite(from, "startsta", 8, at), 8);
		assert_int_equal(pwrite(from, "middlemi", 8, 8 * MIB - 4096 + at), 8);
	}
	assert_int_equal(pwrite(from, "end", 3, 24 * MIB - 3), 3);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(from);
	close(to);
	unlink(from_path);
	unlink(to_path);
	return 0;
}

static bool is_same(void)
{
	static unsigned char a[MIB], b[MIB];
	ssize_t n;
	off_t at = 0;

	do {
		n = pread(from, a, sizeof(a), at);
		if (pread(to, b, sizeof(b), at) != n || (n > 0 && memcmp(a, b, (size_t)n) != 0))
			return false;
		at += n;
	} while (n > 0);
	return true;
}

static void a_copy_is_the_same_and_has_the_same_holes(void **state)
{
	struct counter counter = {.watch.moved = count};
	struct stat status;
	uint64_t bytes;

	(void)state;
	assert_int_equal(disk_copy_measure(from, &bytes), 0);
	assert_int_equal(disk_copy(from, to, false, &counter.watch), 0);
	assert_true(is_same());
	assert_int_equal(counter.moved, bytes);
	assert_int_equal(fstat(to, &status), 0);
	assert_true(status.st_blocks * 512 < 4 * MIB);
}

static void a_full_copy_has_all_of_its_space(void **state)
{
	struct counter counter = {.watch.moved = count};
	struct stat status;

	(void)state;
	assert_int_equal(disk_copy(from, to, true, &counter.watch), 0);
	assert_true(is_same());
	assert_int_equal(fstat(to, &status), 0);
	assert_true(status.st_blocks * 512 >= 24 * MIB);
}

static void who_watches_can_end_it(void **state)
{
	struct counter counter = {.watch.moved = count, .fail_at = 2};

	(void)state;
	assert_int_equal(disk_copy(from, to, false, &counter.watch), -EINTR);
	assert_int_equal(counter.calls, 2);
}

static void an_empty_image_has_an_empty_copy(void **state)
{
	struct counter counter = {.watch.moved = count};
	struct stat status;

	(void)state;
	assert_int_equal(ftruncate(from, 0), 0);
	assert_int_equal(disk_copy(from, to, false, &counter.watch), 0);
	assert_int_equal(fstat(to, &status), 0);
	assert_int_equal(status.st_size, 0);
}

/* A limit on the size of files stands for a full disk. */
static void no_space_is_an_error(void **state)
{
	struct counter counter = {.watch.moved = count};
	struct rlimit limit, unlimited;
	int err;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	limit = unlimited;
	limit.rlim_cur = 4 * MIB;
	setrlimit(RLIMIT_FSIZE, &limit);
	err = disk_copy(from, to, false, &counter.watch);
	setrlimit(RLIMIT_FSIZE, &unlimited);
	assert_int_equal(err, -EFBIG);
}

static void sharing_works_or_says_that_it_cannot(void **state)
{
	int err = disk_copy_share(from, to);

	(void)state;
	assert_true(err == 0 || err == -EOPNOTSUPP || err == -EXDEV || err == -EINVAL ||
		    err == -ENOTTY);
	if (!err)
		assert_true(is_same());
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_copy_is_the_same_and_has_the_same_holes),
		FILE_TEST(a_full_copy_has_all_of_its_space),
		FILE_TEST(who_watches_can_end_it),
		FILE_TEST(an_empty_image_has_an_empty_copy),
		FILE_TEST(no_space_is_an_error),
		FILE_TEST(sharing_works_or_says_that_it_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
