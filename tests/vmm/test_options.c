/* test_options.c: the option table's parser, on tables of good and bad command lines. */
#include "vmm/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/run_options.h"
#include "vmm/util.h"

static enum options_result parse(struct run_options *options, const char *const *words)
{
	char *argv[16];
	int argc = 0, noperands;

	*options = run_options_default();
	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	return options_parse(&run_command, argc, argv, options, &noperands);
}

static void values_reach_their_fields(void **state)
{
	static const char *const words[] = {"--kernel",	   "k",		  "--mem=4G", "--cpus",
					    "3",	   "--no-reboot", "--boot",   "pvh",
					    "--timeout=7", NULL};
	struct run_options options;

	(void)state;
	assert_int_equal(parse(&options, words), OPTIONS_OK);
	assert_string_equal(options.kernel, "k");
	assert_int_equal(options.mem, 4ull << 30);
	assert_int_equal(options.cpus, 3);
	assert_true(options.no_reboot);
	assert_false(options.verbose);
	assert_string_equal(options.boot, "pvh");
	assert_int_equal(options.timeout, 7);
	assert_int_equal(options.grace, 10);
}

static void an_empty_value_is_a_value(void **state)
{
	static const char *const words[] = {"--append=", "--kernel", "", NULL};
	struct run_options options;

	(void)state;
	assert_int_equal(parse(&options, words), OPTIONS_OK);
	assert_string_equal(options.append, "");
	assert_string_equal(options.kernel, "");
}

static void a_value_that_may_be_left_out_is_the_next_word_unless_that_is_an_option(void **state)
{
	static const struct {
		const char *words[4];
		const char *want;
		bool verbose;
	} rows[] = {
		{{"--cloud-init"}, "", false},
		{{"--cloud-init", "--verbose"}, "", true},
		{{"--cloud-init", "user-data=x", "--verbose"}, "user-data=x", true},
		{{"--cloud-init=user-data=x", "--verbose"}, "user-data=x", true},
		{{"--verbose", "--cloud-init="}, "", true},
	};
	struct run_options options;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(parse(&options, rows[i].words), OPTIONS_OK);
		assert_string_equal(options.cloud_init, rows[i].want);
		assert_int_equal(options.verbose, rows[i].verbose);
	}
}

static void bad_command_lines_are_refused(void **state)
{
	static const char *const bad[][4] = {
		{"--kernle", "x"},
		{"--kernel"},
		{"-k", "x"},
		{"kernel"},
		{"--cpus", "0"},
		{"--cpus", "256"},
		{"--cpus", "-1"},
		{"--cpus", "1x"},
		{"--cpus", ""},
		{"--cpus", " 1"},
		{"--cpus=99999999999999999999"},
		{"--mem", "31M"},
		{"--mem", "512"},
		{"--mem", "512MB"},
		{"--mem", "M"},
		{"--mem", "-1G"},
		{"--mem", "0x10M"},
		{"--mem", "99999999999999999999G"},
		{"--mem", "18014398509481984K"},
		{"--boot", "pvhh"},
		{"--boot", ""},
		{"--console", "vga"},
		{"--timeout", "0"},
		{"--timeout", "soon"},
		{"--timeout", "1.5"},
		{"--no-reboot=yes"},
		{"--"},
		{"--="},
		{"--=x"},
		{"-"},
	};
	struct run_options options;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(&options, bad[i]) != OPTIONS_BAD)
			fail_msg("taken: %s %s", bad[i][0], bad[i][1] ? bad[i][1] : "");
	}
}

static void sizes_are_exact(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"1K", 1024}, {"32m", 32u << 20}, {"3G", 3ull << 30}, {"0M", 0}};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(options_parse_size(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	assert_int_equal(options_parse_size("17179869184G", &bytes), -EINVAL); /* 2^64 */
}

static void a_list_ends_somewhere(void **state)
{
	static const struct option table[] = {{.name = "x", .value = "X", .kind = OPTION_LIST},
					      {0}};
	static const struct command command = {.name = "c", .options = table};
	struct option_list list = {.n = 0};
	char word[] = "--x=1", *argv[OPTION_LIST_MAX + 1];
	int noperands;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		argv[i] = word;
	assert_int_equal(options_parse(&command, OPTION_LIST_MAX, argv, &list, &noperands),
			 OPTIONS_OK);
	assert_int_equal(list.n, OPTION_LIST_MAX);
	assert_int_equal(options_parse(&command, 1, argv, &list, &noperands), OPTIONS_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_reach_their_fields),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(
			a_value_that_may_be_left_out_is_the_next_word_unless_that_is_an_option),
		cmocka_unit_test(bad_command_lines_are_refused),
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(a_list_ends_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
