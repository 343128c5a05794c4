/* test_file_lock.c: writers alone, readers together, and nobody who is gone. */
#include "devices/backend/file_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"

static char path[TEMP_PATH_BYTES];
static int first, second;
static pid_t holder;

static int setup(void **state)
{
	(void)state;
	temp_file_make(path, 512);
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

static void a_writer_is_alone(void **state)
{
	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	assert_int_equal(file_lock(second, true, &holder), -EBUSY);
	assert_int_equal(holder, 0); /* it is nobody else */
	assert_int_equal(file_lock(second, false, &holder), -EBUSY);
}

static void readers_share(void **state)
{
	(void)state;
	assert_int_equal(file_lock(first, false, &holder), 0);
	assert_int_equal(file_lock(second, false, &holder), 0);
	assert_int_equal(file_lock(first, true, &holder), -EBUSY);
}

static void a_lock_ends_with_its_descriptor(void **state)
{
	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	close(first);
	first = -1;
	assert_int_equal(file_lock(second, true, &holder), 0);
}

static void an_unlocked_file_is_free_even_while_it_is_open_elsewhere(void **state)
{
	int duplicate;

	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	duplicate = dup(first);
	file_unlock(first);
	close(first);
	first = -1;
	assert_int_equal(file_lock(second, true, &holder), 0);
	close(duplicate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_writer_is_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_share, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_ends_with_its_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unlocked_file_is_free_even_while_it_is_open_elsewhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
