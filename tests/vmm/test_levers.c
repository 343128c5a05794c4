/* test_levers.c: which levers there are, and the words for the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/fake/temp_file.h"
#include "vmm/levers.h"
#include "vmm/util.h"

#define ID "systemd.machine_id=00112233445546778899aabbccddeeff "
#define NAME "systemd.hostname=web1 "

static struct identity identity;

static int setup(void **state)
{
	const struct identity_options options = {.name = "web1",
						 .uuid = "00112233-4455-4677-8899-aabbccddeeff"};

	(void)state;
	return identity_create(&identity, &options);
}

static int parse(void *text)
{
	unsigned int set;

	return levers_parse(text, &set);
}

static void lists_are_taken_in_any_order(void **state)
{
	static const struct {
		const char *text;
		unsigned int set;
	} cases[] = {
		{"none", 0},
		{"smbios", LEVER_SMBIOS},
		{"cloud-init,smbios", LEVER_CLOUD_INIT | LEVER_SMBIOS},
		{"initrd,credentials,cmdline", LEVER_INITRD | LEVER_CREDENTIALS | LEVER_CMDLINE},
		{"cmdline,cmdline", LEVER_CMDLINE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int set = 99;

		assert_int_equal(levers_parse(cases[i].text, &set), 0);
		assert_int_equal(set, cases[i].set);
	}
}

static void what_is_no_list_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"smbois", "--identity: no 'smbois'; did you mean 'smbios'?"},
		{"xyzzy",
		 "--identity: no 'xyzzy': smbios, cmdline, credentials, initrd, cloud-init"},
		{"", "--identity: no ''"},
		{"smbios,", "--identity: no ''"},
		{",smbios", "--identity: no ''"},
		{"smbios,none", "--identity: no 'none'"},
		{"smbios cmdline", "--identity: no 'smbios cmdline'"},
	};
	char text[32], said[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(text, cases[i].text);
		assert_int_equal(said_by(parse, text, said, sizeof(said)), -EINVAL);
		if (!strstr(said, cases[i].says))
			fail_msg("'%s': %s", cases[i].text, said);
	}
}

static void the_user_s_own_words_are_never_said_again(void **state)
{
	static const struct {
		const char *given, *want;
	} cases[] = {
		{"", ID NAME},
		{"quiet root=/dev/vda -- sh", ID NAME},
		{"systemd.machine_id=ff", NAME},
		{"quiet systemd.machine-id=firmware", NAME},
		{"quiet\tsystemd.machine_id=ff\nsystemd.hostname=x", ""},
		{"systemd.hostname=other", ID},
		{"\"systemd.hostname=a b\"", ID},
		{"systemd.hostname", ID NAME},
		{"x.systemd.hostname=other systemd.machine_idx=1", ID NAME},
		{"note=systemd.hostname=x", ID NAME},
	};
	char cmdline[LEVERS_CMDLINE_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		levers_cmdline(&identity, cases[i].given, cmdline);
		if (strcmp(cmdline, cases[i].want) != 0)
			fail_msg("'%s' gets '%s'", cases[i].given, cmdline);
	}
}

static int tell_shared(void *cmdline)
{
	levers_tell_shared(cmdline);
	return 0;
}

static void what_clones_would_share_by_their_command_line_is_told(void **state)
{
	static const struct {
		const char *cmdline, *begin;
		unsigned int lines;
	} cases[] = {
		{"quiet root=/dev/vda", "", 0},
		{"quiet systemd.machine-id=ff",
		 "minivmm: warning: --append: its systemd.machine_id= is", 1},
		{"systemd.hostname=a systemd.machine_id=ff", "minivmm: warning: --append: its ", 2},
	};
	char said[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int lines = 0;

		said_by(tell_shared, (void *)(uintptr_t)cases[i].cmdline, said, sizeof(said));
		for (const char *c = said; *c; c++)
			lines += *c == '\n';
		assert_int_equal(lines, cases[i].lines);
		assert_int_equal(strncmp(said, cases[i].begin, strlen(cases[i].begin)), 0);
	}
}

static void the_longest_hostname_fits(void **state)
{
	char cmdline[LEVERS_CMDLINE_SIZE];

	(void)state;
	memset(identity.hostname, 'h', IDENTITY_NAME_SIZE - 1);
	levers_cmdline(&identity, "", cmdline);
	assert_int_equal(strlen(cmdline),
			 strlen(ID) + strlen(NAME) + IDENTITY_NAME_SIZE - 1 - strlen("web1"));
}

static void an_identity_that_is_hidden_names_nobody(void **state)
{
	struct identity shown = identity;

	(void)state;
	levers_hide(&shown);
	assert_true(uuid_is_nil_or_max(&shown.uuid));
	assert_string_equal(shown.system_serial, "");
	assert_string_equal(shown.board_serial, "");
	assert_string_equal(shown.chassis_serial, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_taken_in_any_order),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test_setup(the_user_s_own_words_are_never_said_again, setup),
		cmocka_unit_test_setup(what_clones_would_share_by_their_command_line_is_told,
				       setup),
		cmocka_unit_test_setup(the_longest_hostname_fits, setup),
		cmocka_unit_test_setup(an_identity_that_is_hidden_names_nobody, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
