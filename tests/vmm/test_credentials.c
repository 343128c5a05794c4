/* test_credentials.c: what the user writes, and the strings that a guest's systemd reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"
#include "vmm/credentials.h"
#include "vmm/util.h"

static struct credentials credentials;

static int teardown(void **state)
{
	(void)state;
	credentials_free(&credentials);
	assert_int_equal(credentials.n, 0);
	return 0;
}

static int parse(void *text)
{
	return credentials_parse(&credentials, "credential", text);
}

static void assert_string_of_last(const char *want)
{
	char *text = credential_oem_string(&credentials.items[credentials.n - 1]);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

static void text_stays_text_and_the_rest_is_base64(void **state)
{
	static const struct {
		const char *option, *want;
	} cases[] = {
		{"passwd.hashed-password.root=$y$j9T$x",
		 "io.systemd.credential:passwd.hashed-password.root=$y$j9T$x"},
		{"a=", "io.systemd.credential:a="},
		{"b=c=d,e", "io.systemd.credential:b=c=d,e"},
		{"lines=x\ny", "io.systemd.credential.binary:lines=eAp5"},
		{"accent=\xc3\xa9", "io.systemd.credential.binary:accent=w6k="},
		{"at=mail@host", "io.systemd.credential:at=mail@host"},
	};
	char option[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(option, cases[i].option);
		assert_int_equal(parse(option), 0);
		assert_string_of_last(cases[i].want);
	}
	assert_int_equal(credentials.n, ARRAY_SIZE(cases));
	assert_non_null(credentials_find(&credentials, "at"));
	assert_null(credentials_find(&credentials, "att"));
}

static void a_file_s_bytes_are_taken_whatever_they_are(void **state)
{
	char path[TEMP_PATH_BYTES], option[TEMP_PATH_BYTES + 16];

	(void)state;
	temp_file_make(path, 3); /* three NULs */
	snprintf(option, sizeof(option), "key=@%s", path);
	assert_int_equal(parse(option), 0);
	assert_string_of_last("io.systemd.credential.binary:key=AAAA");
	unlink(path);
}

static void a_comma_in_a_file_s_name_may_be_doubled(void **state)
{
	char option[] = "key=@/no/such,,file", said[256];

	(void)state;
	assert_int_equal(said_by(parse, option, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "credential '/no/such,file': cannot read"));
}

static void what_is_no_credential_is_refused(void **state)
{
	static const struct {
		const char *option, *says;
	} cases[] = {
		{"name", "--credential 'name': want NAME=VALUE or NAME=@FILE"},
		{"", "want NAME=VALUE"},
		{"=x", "not a credential's name"},
		{"..=x", "not a credential's name"},
		{"a/b=x", "--credential 'a/b': not a credential's name"},
		{"a:b=x", "not a credential's name"},
		{"a b=x", "not a credential's name"},
		{"there=y", "--credential 'there': given twice"},
		{"big=@/dev/zero", "credential '/dev/zero': more than 32768 bytes"},
	};
	char option[32] = "there=x", said[256];

	(void)state;
	assert_int_equal(parse(option), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(option, cases[i].option);
		assert_true(said_by(parse, option, said, sizeof(said)) < 0);
		if (!strstr(said, cases[i].says))
			fail_msg("'%s': %s", cases[i].option, said);
	}
	assert_int_equal(credentials.n, 1);
}

static void ours_stand_behind_the_user_s(void **state)
{
	char option[] = "tmpfiles.extra=d /srv/mine";

	(void)state;
	assert_int_equal(parse(option), 0);
	assert_int_equal(credentials_append(&credentials, "tmpfiles.extra", "L+ x\n", 5), 0);
	assert_string_equal(credentials.items[0].value, "d /srv/mine\nL+ x\n");
	assert_int_equal(credentials_append(&credentials, "tmpfiles.extra", "f y\n", 4), 0);
	assert_string_equal(credentials.items[0].value, "d /srv/mine\nL+ x\nf y\n");
	assert_int_equal(credentials_append(&credentials, "other", "z", 1), 0);
	assert_int_equal(credentials.n, 2);
}

static void there_is_a_most(void **state)
{
	char name[16];

	(void)state;
	for (unsigned int i = 0; i < CREDENTIALS_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(credentials_append(&credentials, name, "", 0), 0);
	}
	assert_int_equal(credentials_append(&credentials, "more", "", 0), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(text_stays_text_and_the_rest_is_base64, teardown),
		cmocka_unit_test_teardown(a_file_s_bytes_are_taken_whatever_they_are, teardown),
		cmocka_unit_test_teardown(a_comma_in_a_file_s_name_may_be_doubled, teardown),
		cmocka_unit_test_teardown(what_is_no_credential_is_refused, teardown),
		cmocka_unit_test_teardown(ours_stand_behind_the_user_s, teardown),
		cmocka_unit_test_teardown(there_is_a_most, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
