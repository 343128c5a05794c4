/*
 * test_cloud_init.c: the option's text, the serial number and the files of the seed. With TEST_OUT
 * set to a directory a seed is left there, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/fake/keep.h"
#include "tests/fake/state.h"
#include "tests/fake/temp_file.h"
#include "vmm/cloud_init.h"
#include "vmm/iso9660.h"
#include "vmm/util.h"

#define UUID "00112233-4455-4677-8899-aabbccddeeff"

static struct cloud_init cloud_init;
static struct identity identity;
static uint8_t *image;
static size_t size;

static int setup(void **state)
{
	const struct identity_options options = {.name = "web1", .uuid = UUID};

	image = NULL;
	cloud_init = (struct cloud_init){0};
	return state_set_up(state) || identity_create(&identity, &options);
}

static int teardown(void **state)
{
	cloud_init_free(&cloud_init);
	free(image);
	return state_tear_down(state);
}

static int parse(void *text)
{
	return cloud_init_parse(&cloud_init, text);
}

static bool seed_has(const char *text)
{
	return memmem(image, size, text, strlen(text)) != NULL;
}

static void the_serial_is_a_datasource(void **state)
{
	char serial[IDENTITY_SERIAL_SIZE];

	(void)state;
	cloud_init_serial(&identity, serial);
	assert_string_equal(serial, "ds=nocloud;i=iid-" UUID ";h=web1");
	memset(identity.hostname, 'x', 63);
	identity.hostname[63] = '\0';
	cloud_init_serial(&identity, serial);
	assert_int_equal(strlen(serial), strlen("ds=nocloud;i=iid-" UUID ";h=") + 63);
}

static void each_file_is_named_once(void **state)
{
	(void)state;
	assert_int_equal(cloud_init_parse(&cloud_init, ""), 0);
	assert_false(cloud_init_has_files(&cloud_init));
	assert_int_equal(
		cloud_init_parse(&cloud_init, "meta-data=a=b,user-data=/x,,y,network-config=n"), 0);
	assert_string_equal(cloud_init.meta_data, "a=b");
	assert_string_equal(cloud_init.user_data, "/x,y");
	assert_string_equal(cloud_init.network_config, "n");
	assert_true(cloud_init_has_files(&cloud_init));
}

static void what_is_no_such_text_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"user-data", "--cloud-init: user-data= needs the name of a file"},
		{"user-data=", "--cloud-init: user-data= needs the name of a file"},
		{"user-data=a,user-data=b", "--cloud-init: user-data= is given twice"},
		{"vendor-data=x", "--cloud-init: unknown 'vendor-data=x'"},
		{"user-data=a,,,b", "--cloud-init: unknown 'b'"},
		{",user-data=a", "--cloud-init: unknown ''"},
		{"user", "--cloud-init: unknown 'user'"},
	};
	char text[64], said[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		strcpy(text, cases[i].text);
		assert_int_equal(said_by(parse, text, said, sizeof(said)), -EINVAL);
		if (!strstr(said, cases[i].says))
			fail_msg("'%s': %s", cases[i].text, said);
		assert_false(cloud_init_has_files(&cloud_init));
	}
}

static void a_seed_has_both_files_that_must_be_there(void **state)
{
	(void)state;
	cloud_init.network_config = strdup(state_write("network", "version: 2\n", 0600));
	assert_int_equal(cloud_init_make_seed(&cloud_init, &identity, true, &image, &size), 0);
	keep_file("cloud-init.iso", 0, image, size);
	assert_int_equal(size % ISO9660_BLOCK_SIZE, 0);
	assert_true(seed_has("instance-id: iid-" UUID "\nlocal-hostname: web1\n"));
	assert_true(seed_has("#cloud-config\n{}\n"));
	assert_true(seed_has("version: 2\n"));
	assert_true(seed_has("#cloud-config\nssh_deletekeys: false\n"));
	assert_true(seed_has("CIDATA"));
}

static void host_keys_are_cloud_init_s_unless_they_are_ours(void **state)
{
	(void)state;
	cloud_init.user_data = strdup(state_write("user", "#!/bin/sh\n", 0600));
	assert_int_equal(cloud_init_make_seed(&cloud_init, &identity, false, &image, &size), 0);
	assert_true(seed_has("#!/bin/sh\n"));
	assert_false(seed_has("ssh_deletekeys"));
	assert_false(seed_has("network-config"));
}

static void the_user_s_meta_data_is_completed(void **state)
{
	static const struct {
		const char *given, *want;
	} cases[] = {
		{"", "instance-id: iid-" UUID "\nlocal-hostname: web1\n"},
		{"public-keys: x\n",
		 "instance-id: iid-" UUID "\nlocal-hostname: web1\npublic-keys: x\n"},
		{"local-hostname: me\n", "instance-id: iid-" UUID "\nlocal-hostname: me\n"},
		{"a: 1\ninstance-id: mine\n", "local-hostname: web1\na: 1\ninstance-id: mine\n"},
		{"x-instance-id: 1\n",
		 "instance-id: iid-" UUID "\nlocal-hostname: web1\nx-instance-id: 1\n"},
		{" {\"a\": 1}\n", " {\"a\": 1}\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *path = state_write("meta", cases[i].given, 0600);
		struct cloud_init given = {.meta_data = path};

		assert_int_equal(cloud_init_make_seed(&given, &identity, false, &image, &size), 0);
		/* Files begin at a block's start. */
		assert_memory_equal(image + 21 * ISO9660_BLOCK_SIZE, cases[i].want,
				    strlen(cases[i].want) + 1);
		free(image);
		image = NULL;
	}
}

static int make_seed(void *unused)
{
	(void)unused;
	return cloud_init_make_seed(&cloud_init, &identity, false, &image, &size);
}

static void a_missing_file_is_told_by_its_name(void **state)
{
	char said[256];

	(void)state;
	cloud_init.user_data = strdup("/no/such");
	assert_int_equal(said_by(make_seed, NULL, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "user-data '/no/such': cannot read"));
	assert_null(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_serial_is_a_datasource, setup, teardown),
		cmocka_unit_test_setup_teardown(each_file_is_named_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_such_text_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_seed_has_both_files_that_must_be_there, setup,
						teardown),
		cmocka_unit_test_setup_teardown(host_keys_are_cloud_init_s_unless_they_are_ours,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_user_s_meta_data_is_completed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_file_is_told_by_its_name, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
