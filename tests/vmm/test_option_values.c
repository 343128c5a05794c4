/* test_option_values.c: options as text: put together, and their file names made absolute. */
#include "vmm/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/temp_file.h"
#include "vmm/util.h"

struct fields {
	const char *kernel, *keys, *color;
	struct option_list disks, nets, credentials;
	unsigned int timeout;
	bool quiet;
};

static const char *const key_choices[] = {"auto", "none", NULL};
static const char *const color_choices[] = {"red", "green", NULL};
static const char *const serials[] = {"serial=", NULL};
static const char *const first_word[] = {"", NULL};
static const char *const net_programs[] = {"script=", "passt=", NULL};
static const char *const net_files[] = {"socket=", NULL};
static const char *const behind_at[] = {"*=@", NULL};

#define FIELD(field) .offset = offsetof(struct fields, field)

static const struct option table[] = {
	{.name = "kernel", .value = "FILE", .kind = OPTION_FILE, FIELD(kernel)},
	{.name = "keys",
	 .value = "auto|none|DIR",
	 .kind = OPTION_FILE,
	 .choices = key_choices,
	 FIELD(keys)},
	{.name = "color",
	 .value = "red|green",
	 .kind = OPTION_CHOICE,
	 .choices = color_choices,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(color)},
	{.name = "disk",
	 .value = "FILE",
	 .kind = OPTION_LIST,
	 .files = first_word,
	 .ids = serials,
	 FIELD(disks)},
	{.name = "net",
	 .value = "KIND",
	 .kind = OPTION_LIST,
	 .files = net_files,
	 .programs = net_programs,
	 FIELD(nets)},
	{.name = "credential",
	 .value = "NAME=VALUE",
	 .kind = OPTION_LIST,
	 .files = behind_at,
	 FIELD(credentials)},
	{.name = "timeout",
	 .value = "SECONDS",
	 .kind = OPTION_COUNT,
	 .scope = OPTION_OF_RUN,
	 .min = 1,
	 .max = 9,
	 FIELD(timeout)},
	{.name = "quiet", .kind = OPTION_FLAG, FIELD(quiet)},
	{0},
};

static const struct command command = {.name = "test", .options = table};

static struct option_values split(const char *const *words)
{
	struct option_values values;
	char *argv[16];
	int argc = 0, noperands;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	assert_int_equal(options_split(&command, argc, argv, &values, &noperands), OPTIONS_OK);
	return values;
}

static void file_names_become_absolute_and_nothing_else_changes(void **state)
{
	static const struct {
		const char *name, *value, *want;
	} rows[] = {
		{"kernel", "vmlinuz", "/a,b/vmlinuz"},
		{"kernel", "./k,1", "/a,b/./k,1"},
		{"kernel", "/k", "/k"},
		{"kernel", "", ""},
		{"keys", "auto", "auto"},
		{"keys", "autos", "/a,b/autos"},
		{"color", "red", "red"},
		{"disk", "root.img,ro,serial=x", "/a,,b/root.img,ro,serial=x"},
		{"disk", "with,,comma", "/a,,b/with,,comma"},
		{"disk", "/dev/vda,ro", "/dev/vda,ro"},
		{"net", "tap=tap0,script=up,mtu=9000", "tap=tap0,script=up,mtu=9000"},
		{"net", "tap,script=./up,mtu=9000", "tap,script=/a,,b/./up,mtu=9000"},
		{"net", "tap,mtu=9000,script=x/up", "tap,mtu=9000,script=/a,,b/x/up"},
		{"net", "passt=bin/passt", "passt=/a,,b/bin/passt"},
		{"net", "passt", "passt"},
		{"net", "peer,socket=s,socket=t", "peer,socket=/a,,b/s,socket=/a,,b/t"},
		{"net", "tap,", "tap,"},
		{"credential", "id=@file", "id=@/a,b/file"},
		{"credential", "id=@one,,two", "id=@/a,b/one,,two"},
		{"credential", "id=@/file", "id=@/file"},
		{"credential", "id=x=@file,y=@z", "id=x=@file,y=@z"},
		{"credential", "id", "id"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option *option =
			options_find(&command, rows[i].name, strlen(rows[i].name));
		const struct option_value value = {.option = option, .value = rows[i].value};
		char *absolute = option_value_absolute(&value, "/a,b");

		assert_non_null(absolute);
		assert_string_equal(absolute, rows[i].want);
		free(absolute);
	}
}

static void the_root_folder_has_one_slash(void **state)
{
	const struct option_value value = {.option = &table[0], .value = "k"};
	char *absolute = option_value_absolute(&value, "/");

	(void)state;
	assert_string_equal(absolute, "/k");
	free(absolute);
}

static void an_option_given_again_replaces_all_that_was_kept_of_it(void **state)
{
	static const char *const kept[] = {"--kernel=a", "--disk=1",	"--disk=2", "--quiet",
					   "--net=peer", "--color=red", NULL};
	static const char *const given[] = {"--disk=3",	     "--kernel=b", "--timeout=5",
					    "--color=green", "--disk=4",   NULL};
	struct option_values values = split(kept), over = split(given);
	struct fields fields = {0};

	(void)state;
	assert_int_equal(option_values_override(&values, &over, OPTION_OF_RUN), 0);
	assert_int_equal(options_apply(&values, &fields), 0);
	assert_string_equal(fields.kernel, "b");
	assert_string_equal(fields.color, "green");
	assert_int_equal(fields.disks.n, 2);
	assert_string_equal(fields.disks.values[0], "3");
	assert_string_equal(fields.disks.values[1], "4");
	assert_int_equal(fields.nets.n, 1);
	assert_int_equal(fields.timeout, 5);
	assert_true(fields.quiet);
}

static void what_is_asked_of_one_run_is_not_kept(void **state)
{
	static const char *const kept[] = {"--kernel=a", NULL};
	static const char *const given[] = {"--timeout=5", "--color=red", NULL};
	struct option_values values = split(kept), over = split(given);

	(void)state;
	assert_int_equal(option_values_override(&values, &over, OPTION_OF_IDENTITY), 0);
	assert_null(option_values_get(&values, "timeout"));
	assert_string_equal(option_values_get(&values, "color")->value, "red");
	assert_string_equal(option_values_get(&values, "kernel")->value, "a");
}

static int apply_bad_value(void *arg)
{
	struct option_values values = {.n = 1};
	struct fields fields;

	(void)arg;
	values.items[0] = (struct option_value){&table[2], "gren", "/state/record", 7};
	return options_apply(&values, &fields);
}

static void a_bad_value_is_named_with_its_file_and_line(void **state)
{
	char said[256];

	(void)state;
	assert_int_equal(said_by(apply_bad_value, NULL, said, sizeof(said)), -EINVAL);
	assert_string_equal(said, "minivmm: error: /state/record:7: --color 'gren': not one of "
				  "red|green; did you mean 'green'?\n");
}

static void a_clone_gets_a_value_without_ids(void **state)
{
	static const struct {
		const char *value, *first, *want;
	} rows[] = {
		{"a.img", NULL, "a.img"},
		{"a.img,serial=1", NULL, "a.img"},
		{"a.img,serial=1,ro", NULL, "a.img,ro"},
		{"a.img,ro,serial=1", "/b,,c", "/b,,c,ro"},
		{"serial=1", NULL, "serial=1"},
		{"a,,serial=1,x", NULL, "a,,serial=1,x"},
		{"a,,serial=1,x", "b", "b,x"},
		{"a,serial=", "b", "b"},
		{"", "b", "b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option_value value = {.option = options_find(&command, "disk", 4),
						   .value = rows[i].value};
		char *text = option_value_without_ids(&value, rows[i].first);

		assert_non_null(text);
		assert_string_equal(text, rows[i].want);
		free(text);
	}
}

static void a_clone_gets_no_first_word_that_is_an_id(void **state)
{
	static const char *const names[] = {"data=", NULL}, *const ids[] = {"id=", NULL};
	static const struct option option = {.name = "x", .files = names, .ids = ids};
	static const char *const rows[][2] = {
		{"id=1,data=f", "data=f"}, {"data=f,id=1", "data=f"}, {"id=1", ""},
		{"id=1,id=2", ""},	   {"data=f", "data=f"},      {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option_value value = {.option = &option, .value = rows[i][0]};
		char *text = option_value_without_ids(&value, NULL);

		assert_string_equal(text, rows[i][1]);
		free(text);
	}
}

static void there_is_an_end_to_options(void **state)
{
	static struct option_values values;
	const struct option_value value = {.option = &table[7]};

	(void)state;
	while (values.n < OPTION_VALUES_MAX)
		assert_int_equal(option_values_add(&values, &value), 0);
	assert_int_equal(option_values_add(&values, &value), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_names_become_absolute_and_nothing_else_changes),
		cmocka_unit_test(the_root_folder_has_one_slash),
		cmocka_unit_test(an_option_given_again_replaces_all_that_was_kept_of_it),
		cmocka_unit_test(what_is_asked_of_one_run_is_not_kept),
		cmocka_unit_test(a_bad_value_is_named_with_its_file_and_line),
		cmocka_unit_test(a_clone_gets_a_value_without_ids),
		cmocka_unit_test(a_clone_gets_no_first_word_that_is_an_id),
		cmocka_unit_test(there_is_an_end_to_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
