/* test_progress.c: sizes are readable, and who looks at no terminal sees nothing. */
#include "vmm/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_readable),
		cmocka_unit_test(without_a_terminal_nothing_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
