/* Tests of devices/backend/child.c: programs run to their end. */
#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/child.h"

static void a_program_that_is_not_there_says_so(void **state)
{
	char name[] = "/nonexistent/program";
	char *argv[] = {name, NULL};
	char line[CHILD_LINE_SIZE];

	(void)state;
	assert_int_equal(child_run(argv, -1, -1, line), -ENOENT);
	assert_string_equal(line, "");
}

static void the_last_line_that_is_not_empty_is_kept(void **state)
{
	char shell[] = "/bin/sh", flag[] = "-c",
	     body[] = "printf 'first\\n\\033[1mlast\\n\\n' >&2; exit 7";
	char *argv[] = {shell, flag, body, NULL};
	char line[CHILD_LINE_SIZE];

	(void)state;
	assert_int_equal(child_run(argv, -1, -1, line), 7);
	assert_string_equal(line, "[1mlast"); /* with nothing that a terminal would obey */
}

static void a_line_longer_than_the_room_for_it_is_cut(void **state)
{
	char shell[] = "/bin/sh", flag[] = "-c", body[] = "printf '%01000d' 0 >&2";
	char *argv[] = {shell, flag, body, NULL};
	char line[CHILD_LINE_SIZE];

	(void)state;
	assert_int_equal(child_run(argv, -1, -1, line), 0);
	assert_int_equal(strlen(line), CHILD_LINE_SIZE - 1);
}

static void a_program_killed_by_a_signal_says_so(void **state)
{
	char shell[] = "/bin/sh", flag[] = "-c", body[] = "kill -TERM $$";
	char *argv[] = {shell, flag, body, NULL};
	char line[CHILD_LINE_SIZE];

	(void)state;
	assert_int_equal(child_run(argv, -1, -1, line), 128 + 15);
}

static void a_program_does_not_inherit_that_we_ignore_a_signal(void **state)
{
	char shell[] = "/bin/sh", flag[] = "-c", body[] = "kill -PIPE $$";
	char *argv[] = {shell, flag, body, NULL};
	char line[CHILD_LINE_SIZE];
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);

	(void)state;
	assert_int_equal(child_run(argv, -1, -1, line), 128 + SIGPIPE);
	signal(SIGPIPE, before);
}

static void what_a_program_leaves_in_the_background_is_not_waited_for(void **state)
{
	char shell[] = "/bin/sh", flag[] = "-c";
	char body[] = "(read line <&3) & echo left it >&2; exit 3";
	char *argv[] = {shell, flag, body, NULL};
	char line[CHILD_LINE_SIZE];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(child_run(argv, fds[0], -1, line), 3);
	assert_string_equal(line, "left it");
	close(fds[0]);
	close(fds[1]);
}

static void a_program_that_does_not_end_is_killed_in_time(void **state)
{
	char shell[] = "/bin/sh", flag[] = "-c", body[] = "exec cat /dev/zero >/dev/null";
	char *argv[] = {shell, flag, body, NULL};
	char line[CHILD_LINE_SIZE];

	(void)state;
	assert_int_equal(child_run(argv, -1, 1, line), -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_is_not_there_says_so),
		cmocka_unit_test(the_last_line_that_is_not_empty_is_kept),
		cmocka_unit_test(a_line_longer_than_the_room_for_it_is_cut),
		cmocka_unit_test(a_program_killed_by_a_signal_says_so),
		cmocka_unit_test(a_program_does_not_inherit_that_we_ignore_a_signal),
		cmocka_unit_test(what_a_program_leaves_in_the_background_is_not_waited_for),
		cmocka_unit_test(a_program_that_does_not_end_is_killed_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
