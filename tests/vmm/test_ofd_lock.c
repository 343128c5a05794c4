/* test_ofd_lock.c: taken, refused, waited for, given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"
#include "vmm/ofd_lock.h"

enum { LONG_MS = 60000 };

static char path[TEMP_PATH_BYTES];
static int first, second;

static int setup(void **state)
{
	(void)state;
	temp_file_make(path, 16);
	first = open(path, O_RDWR | O_CLOEXEC);
	second = open(path, O_RDWR | O_CLOEXEC);
	return first < 0 || second < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(first);
	close(second);
	return unlink(path);
}

static void one_has_it_alone_or_several_to_read(void **state)
{
	(void)state;
	assert_int_equal(ofd_lock(first, F_RDLCK, 0), 0);
	assert_int_equal(ofd_lock(second, F_RDLCK, 0), 0);
	assert_int_equal(ofd_lock(second, F_WRLCK, 0), -EBUSY);
	assert_int_equal(ofd_lock(first, F_UNLCK, 0), 0);
	assert_int_equal(ofd_lock(second, F_WRLCK, 0), 0);
	assert_int_equal(ofd_lock(first, F_RDLCK, 0), -EBUSY);
}

static void what_stays_locked_is_given_up(void **state)
{
	(void)state;
	assert_int_equal(ofd_lock(first, F_WRLCK, 0), 0);
	assert_int_equal(ofd_lock(second, F_WRLCK, 10), -EBUSY);
	assert_int_equal(ofd_lock(first, F_UNLCK, 0), 0);
	assert_int_equal(ofd_lock(first, F_WRLCK, 0), 0); /* nobody waits for it any more */
}

/* A child has it, too, and gives it back when we are about to wait, or already do. */
static void what_is_given_back_is_had_at_once(void **state)
{
	int gate[2];
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(gate), 0);
	assert_int_equal(ofd_lock(first, F_WRLCK, 0), 0);
	child = fork();
	if (child == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) != 0);
	}
	close(first);
	close(gate[1]);
	assert_int_equal(ofd_lock(second, F_WRLCK, LONG_MS), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(gate[0]);
	first = open(path, O_RDWR | O_CLOEXEC);
}

static void what_is_no_lock_is_refused_for_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(ofd_lock(-1, F_WRLCK, LONG_MS), -EBADF);
	assert_int_equal(ofd_lock(first, 77, LONG_MS), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_has_it_alone_or_several_to_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_stays_locked_is_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_given_back_is_had_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_lock_is_refused_for_what_it_is, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
