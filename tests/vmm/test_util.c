/* Tests of vmm/util.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util.h"

static const char *const words[] = {"kernel", "initrd", NULL, "append", "mem", "cpus", "name"};

static const char *nearest(const char *word)
{
	return nearest_word(word, strlen(word), words, ARRAY_SIZE(words));
}

static void nearest_word_finds_a_slip_of_the_finger(void **state)
{
	(void)state;
	assert_string_equal(nearest("kernle"), "kernel");
	assert_string_equal(nearest("initrdd"), "initrd");
	assert_string_equal(nearest("cpu"), "cpus");
	assert_string_equal(nearest("memm"), "mem");
	assert_string_equal(nearest("mem"), "mem");
}

static void nearest_word_offers_nothing_for_something_else(void **state)
{
	(void)state;
	assert_null(nearest("zzzzzzzz"));
	assert_null(nearest("an option much longer than any that could have been meant"));
	assert_null(nearest_word("mem", 3, NULL, 0));
}

static void nearest_word_reads_no_further_than_the_length(void **state)
{
	(void)state;
	assert_string_equal(nearest_word("mem=512M", 3, words, ARRAY_SIZE(words)), "mem");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_word_finds_a_slip_of_the_finger),
		cmocka_unit_test(nearest_word_offers_nothing_for_something_else),
		cmocka_unit_test(nearest_word_reads_no_further_than_the_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
