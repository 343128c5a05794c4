/* test_disk_options.c: what --disk may say, and what is said about the rest. */
#include "devices/backend/disk_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/temp_file.h"
#include "vmm/util.h"

static struct disk_options options;

static int parse(void *text)
{
	return disk_options_parse(text, &options);
}

static void a_file_name_alone_is_a_virtio_disk_to_write_to(void **state)
{
	(void)state;
	assert_int_equal(disk_options_parse("root.img", &options), 0);
	assert_string_equal(options.path, "root.img");
	assert_string_equal(options.serial, "");
	assert_int_equal(options.model, DISK_MODEL_DEFAULT);
	assert_int_equal(options.queues, 1);
	assert_false(options.read_only || options.direct || options.iothread);
}

static void every_suboption_is_taken(void **state)
{
	(void)state;
	assert_int_equal(disk_options_parse("/a b/c=d.img,ro,serial=S-1,model=nvme,direct,queues=4,"
					    "iothread=on",
					    &options),
			 0);
	assert_string_equal(options.path, "/a b/c=d.img");
	assert_string_equal(options.serial, "S-1");
	assert_int_equal(options.model, DISK_MODEL_NVME);
	assert_int_equal(options.queues, 4);
	assert_true(options.read_only && options.direct && options.iothread);
}

static void a_comma_in_a_file_name_is_written_twice(void **state)
{
	(void)state;
	assert_int_equal(disk_options_parse("a,,b,,,,c,,,ro", &options), 0);
	assert_string_equal(options.path, "a,b,,c,");
	assert_true(options.read_only);
}

static void what_makes_no_sense_is_refused_in_one_line(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{"", "--disk needs the name of a file"},
		{",ro", "--disk needs the name of a file"},
		{"x,", "disk 'x': unknown suboption ''"},
		{"x,ro,,direct", "disk 'x': unknown suboption ''"},
		{"x,seriel=1", "disk 'x': unknown suboption 'seriel': did you mean 'serial'?"},
		{"x,what", "disk 'x': unknown suboption 'what': ro, serial="},
		{"x,RO", "disk 'x': unknown suboption 'RO'"},
		{"x,ro=1", "disk 'x': suboption 'ro' takes no value"},
		{"x,serial", "disk 'x': suboption 'serial' needs a value"},
		{"x,serial=", "has 1 to 20 characters"},
		{"x,serial=123456789012345678901", "has 1 to 20 characters"},
		{"x,serial=a b", "printable ASCII without spaces"},
		{"x,serial=\x80", "printable ASCII without spaces"},
		{"x,model=ide", "unknown model 'ide': virtio or nvme"},
		{"x,queues=0", "queues=0: a number from 1 to 16"},
		{"x,queues=17", "a number from 1 to 16"},
		{"x,queues=", "a number from 1 to 16"},
		{"x,queues=-1", "a number from 1 to 16"},
		{"x,queues= 1", "a number from 1 to 16"},
		{"x,queues=2x", "a number from 1 to 16"},
		{"x,queues=99999999999999999999", "a number from 1 to 16"},
		{"x,iothread=yes", "iothread=yes: on or off"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		char said[512];

		strcpy(text, cases[i].text);
		assert_int_equal(said_by(parse, text, said, sizeof(said)), -EINVAL);
		if (!strstr(said, cases[i].said))
			fail_msg("'%s' says: %s", cases[i].text, said);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
}

static void a_name_longer_than_any_path_is_refused(void **state)
{
	char *text = malloc(3 * PATH_MAX);
	char said[8192];

	(void)state;
	memset(text, 'a', 3 * PATH_MAX);
	text[PATH_MAX - 1] = '\0';
	assert_int_equal(disk_options_parse(text, &options), 0);
	text[PATH_MAX - 1] = 'a';
	text[PATH_MAX] = '\0';
	assert_int_equal(said_by(parse, text, said, sizeof(said)), -EINVAL);
	strcpy(text, "x,");
	memset(text + 2, 'a', 2 * PATH_MAX);
	text[2 * PATH_MAX] = '\0';
	assert_int_equal(said_by(parse, text, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "is too long"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_name_alone_is_a_virtio_disk_to_write_to),
		cmocka_unit_test(every_suboption_is_taken),
		cmocka_unit_test(a_comma_in_a_file_name_is_written_twice),
		cmocka_unit_test(what_makes_no_sense_is_refused_in_one_line),
		cmocka_unit_test(a_name_longer_than_any_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
