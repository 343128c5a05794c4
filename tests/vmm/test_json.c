/*
 * test_json.c: what is written is JSON, whatever the strings hold. With TEST_OUT set to a directory
 * an example is left there too, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/fake/keep.h"
#include "vmm/json.h"
#include "vmm/util.h"

static struct json json;
static char *text;
static size_t size;

static int setup(void **state)
{
	(void)state;
	json_init(&json, open_memstream(&text, &size));
	return json.out ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static void assert_written(const char *want)
{
	assert_int_equal(json_finish(&json), 0);
	fclose(json.out);
	assert_string_equal(text, want);
}

static void members_stand_one_to_a_line(void **state)
{
	(void)state;
	json_object(&json, NULL);
	json_string(&json, "name", "web1");
	json_unsigned(&json, "epoch", UINT64_MAX);
	json_bool(&json, "running", true);
	json_string(&json, "parent", NULL);
	json_array(&json, "macs");
	json_string(&json, NULL, "a");
	json_string(&json, NULL, "b");
	json_end(&json);
	json_array(&json, "disks");
	json_end(&json);
	json_object(&json, "more");
	json_bool(&json, "last", false);
	json_end(&json);
	json_end(&json);
	assert_written("{\n"
		       "  \"name\": \"web1\",\n"
		       "  \"epoch\": 18446744073709551615,\n"
		       "  \"running\": true,\n"
		       "  \"parent\": null,\n"
		       "  \"macs\": [\n"
		       "    \"a\",\n"
		       "    \"b\"\n"
		       "  ],\n"
		       "  \"disks\": [],\n"
		       "  \"more\": {\n"
		       "    \"last\": false\n"
		       "  }\n"
		       "}\n");
	keep_file("example.json", 0, text, size);
}

static void a_value_may_stand_alone(void **state)
{
	(void)state;
	json_bool(&json, NULL, false);
	assert_written("false\n");
}

static void strings_are_escaped_and_always_utf8(void **state)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
		{"", "\"\"\n"},
		{"a\"b\\c/", "\"a\\\"b\\\\c/\"\n"},
		{"\n\t\x01\x1f\x7f", "\"\\n\\u0009\\u0001\\u001f\\u007f\"\n"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7",
		 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7\"\n"},
		{"\xff", "\"\\ufffd\"\n"},
		{"\x80x", "\"\\ufffdx\"\n"},
		{"\xc3", "\"\\ufffd\"\n"},				    /* cut short */
		{"\xe2\x82", "\"\\ufffd\\ufffd\"\n"},			    /* cut short */
		{"\xc3(", "\"\\ufffd(\"\n"},				    /* no continuation */
		{"\xc0\xaf", "\"\\ufffd\\ufffd\"\n"},			    /* overlong */
		{"\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},	    /* overlong */
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n"},	    /* a surrogate */
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n"}, /* beyond U+10FFFF */
		{"\xf5\x80", "\"\\ufffd\\ufffd\"\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		json_string(&json, NULL, cases[i].text);
		assert_written(cases[i].written);
	}
}

static void names_are_escaped_too(void **state)
{
	(void)state;
	json_object(&json, NULL);
	json_bool(&json, "a\"", true);
	json_end(&json);
	assert_written("{\n  \"a\\\"\": true\n}\n");
}

static void a_full_disk_is_told_at_the_end(void **state)
{
	FILE *full = fopen("/dev/full", "we");

	(void)state;
	fclose(json.out);
	assert_non_null(full);
	json_init(&json, full);
	json_string(&json, NULL, "a");
	assert_int_equal(json_finish(&json), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_stand_one_to_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_value_may_stand_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(strings_are_escaped_and_always_utf8, setup,
						teardown),
		cmocka_unit_test_setup_teardown(names_are_escaped_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_at_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
