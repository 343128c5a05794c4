/* test_log.c: what a guest can make us say. */
#include "vmm/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr, captured;

static int capture(void **state)
{
	(void)state;
	captured = memfd_create("stderr", MFD_CLOEXEC);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	return captured < 0 || saved_stderr < 0 || dup2(captured, STDERR_FILENO) < 0;
}

/* Ends the capture and returns what was written. */
static const char *release(void)
{
	static char text[8192];
	ssize_t n = pread(captured, text, sizeof(text) - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(captured);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void a_cause_is_said_once(void **state)
{
	struct log_once once = {0};
	const char *text;

	(void)state;
	for (int i = 0; i < 5; i++)
		log_guest(&once, "disk0: %s", "odd");
	text = release();
	assert_string_equal(text, "minivmm: warning: guest: disk0: odd\n");
}

static void resetting_for_ever_does_not_flood_the_log(void **state)
{
	struct log_once once = {0};
	const char *text;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		log_guest(&once, "disk0: odd");
		log_guest_rearm(&once);
	}
	text = release();
	assert_int_equal(count_lines(text), 10);
	assert_non_null(strstr(text, "guest (the last of its kind): disk0: odd\n"));
}

static void a_message_is_one_line_whatever_it_quotes(void **state)
{
	const char *text;

	(void)state;
	log_error(0, "disk '%s': cannot open", "a\nb\033[31m\177\t\xc3\xa4");
	text = release();
	assert_string_equal(text, "minivmm: error: disk 'a?b?[31m??\xc3\xa4': cannot open\n");
}

static void an_error_has_its_reason_behind_it(void **state)
{
	const char *text;

	(void)state;
	log_error(-2, "disk '%s': cannot open", "root.img");
	text = release();
	assert_string_equal(text, "minivmm: error: disk 'root.img': cannot open: "
				  "No such file or directory\n");
}

static void a_line_that_is_too_long_is_still_one_line(void **state)
{
	static char name[5000];
	const char *text;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	log_warning("%s", name);
	text = release();
	assert_int_equal(count_lines(text), 1);
	assert_true(strlen(text) <= 1024);
}

#define TEST(name) cmocka_unit_test_setup(name, capture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cause_is_said_once),
		TEST(resetting_for_ever_does_not_flood_the_log),
		TEST(a_message_is_one_line_whatever_it_quotes),
		TEST(an_error_has_its_reason_behind_it),
		TEST(a_line_that_is_too_long_is_still_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
