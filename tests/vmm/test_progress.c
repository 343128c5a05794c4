/* test_progress.c: sizes are readable, and who looks at no terminal sees nothing. */
#include "vmm/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/temp_file.h"
#include "vmm/util.h"

static void sizes_are_readable(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {{0, "0.0 KiB"},
		    {512, "0.5 KiB"},
		    {1 << 20, "1.0 MiB"},
		    {1023 << 10, "1.0 MiB"},
		    {1536u << 20, "1.5 GiB"},
		    {3ull << 40, "3.0 TiB"},
		    {5000ull << 40, "5000.0 TiB"}};
	char text[PROGRESS_SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		progress_format_size(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

static int work(void *arg)
{
	struct progress progress;

	(void)arg;
	progress_start(&progress, "copying", 0);
	for (int i = 0; i < 100; i++)
		progress_add(&progress, 1);
	progress_end(&progress);
	return 0;
}

static void without_a_terminal_nothing_is_shown(void **state)
{
	char said[64];

	(void)state;
	assert_int_equal(said_by(work, NULL, said, sizeof(said)), 0);
	assert_string_equal(said, "");
}

/* What is shown on a terminal of so many columns, until the end. */
static void show_on(unsigned short columns, char *shown, size_t size)
{
	struct winsize window = {.ws_row = 24, .ws_col = columns};
	int terminal, other, before = dup(STDERR_FILENO);
	struct progress progress;
	ssize_t n;

	assert_int_equal(openpty(&terminal, &other, NULL, NULL, &window), 0);
	dup2(other, STDERR_FILENO);
	progress_start(&progress, "copying", 4096);
	progress_add(&progress, 1024);
	dup2(before, STDERR_FILENO);
	n = read(terminal, shown, size - 1);
	shown[n > 0 ? n : 0] = '\0';
	close(before);
	close(terminal);
	close(other);
}

static void a_line_is_never_longer_than_the_terminal(void **state)
{
	static const struct {
		unsigned short columns;
		const char *shown;
	} rows[] = {
		{80, "\rcopying [######                  ]  25 %  1.0 KiB of 4.0 KiB\033[K"},
		{0, "\rcopying [######                  ]  25 %  1.0 KiB of 4.0 KiB\033[K"},
		{20, "\rcopying 25 %\033[K"},
		{8, "\rcopying\033[K"},
		{1, "\r\033[K"},
	};
	char shown[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		show_on(rows[i].columns, shown, sizeof(shown));
		assert_string_equal(shown, rows[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_readable),
		cmocka_unit_test(without_a_terminal_nothing_is_shown),
		cmocka_unit_test(a_line_is_never_longer_than_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
