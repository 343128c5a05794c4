/*
 * test_machine_levers.c: what reaches a guest by default, by option and after it has taken it. With
 * TEST_OUT set to a directory an SMBIOS table with credentials is left there, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "tests/fake/keep.h"
#include "tests/fake/state.h"
#include "tests/fake/temp_file.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/arch/x86/smbios.h"
#include "vmm/machine_levers.h"
#include "vmm/util.h"

#define UUID "00112233-4455-4677-8899-aabbccddeeff"

static struct machine_config config;
static struct machine_levers levers;
static struct disk_options disk;
static char folder[STATE_PATH_BYTES];

static int setup(void **state)
{
	const struct identity_options options = {.name = "web1", .uuid = UUID};

	config = (struct machine_config){.options = run_options_default(), .disks = &disk};
	config.mode = mode_find("hybrid");
	disk = (struct disk_options){.queues = 1};
	if (state_set_up(state) || identity_create(&config.identity, &options))
		return -1;
	state_path(folder, "keys");
	return mkdir(folder, 0700);
}

static int teardown(void **state)
{
	machine_levers_destroy(&levers);
	return state_tear_down(state);
}

/* A key that was made before: none is made now. */
static void have_host_key(void)
{
	state_write("keys/ssh_host_ed25519_key", "private\n", 0600);
	state_write("keys/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@web1\n", 0600);
}

static int init(void *where)
{
	return machine_levers_init(&levers, &config, where);
}

/* The string that begins so, or NULL. */
static const char *find_string(const char *begin)
{
	for (unsigned int i = 0; i < levers.noem_strings; i++) {
		if (strncmp(levers.oem_strings[i], begin, strlen(begin)) == 0)
			return levers.oem_strings[i];
	}
	return NULL;
}

static bool archive_has(const char *text)
{
	return levers.archive && memmem(levers.archive, levers.archive_size, text, strlen(text));
}

static void what_is_on_by_default(void **state)
{
	enum { NONE, READ_ONLY, WRITABLE };
	enum {
		TO_MEMORY = LEVER_SMBIOS | LEVER_CMDLINE | LEVER_INITRD,
		ALL = TO_MEMORY | LEVER_CREDENTIALS
	};
	static const struct {
		const char *name;
		unsigned int disk;
		bool no_auto_append;
		unsigned int set;
	} cases[] = {
		{"web1", NONE, false, ALL},	     {"web1", READ_ONLY, false, ALL},
		{"web1", WRITABLE, false, ALL},	     {"web1", WRITABLE, true, ALL & ~LEVER_CMDLINE},
		{NULL, NONE, false, TO_MEMORY},	     {NULL, NONE, true, TO_MEMORY & ~LEVER_CMDLINE},
		{NULL, READ_ONLY, false, TO_MEMORY}, {NULL, WRITABLE, false, LEVER_SMBIOS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		config.options.name = cases[i].name;
		config.options.no_auto_append = cases[i].no_auto_append;
		config.ndisks = cases[i].disk != NONE;
		disk.read_only = cases[i].disk == READ_ONLY;
		assert_int_equal(init(NULL), 0);
		assert_int_equal(levers.set, cases[i].set);
		assert_int_equal(levers.cmdline[0] != '\0', (cases[i].set & LEVER_CMDLINE) != 0);
		assert_int_equal(levers.archive != NULL, (cases[i].set & LEVER_INITRD) != 0);
		assert_int_equal(levers.noem_strings, (cases[i].set & LEVER_CREDENTIALS) != 0);
		assert_int_equal(uuid_equal(&levers.shown.uuid, &config.identity.uuid), 1);
		/* Only what may be written to gets a script that does. */
		assert_int_equal(archive_has("conf/param.conf"),
				 cases[i].disk == WRITABLE && (cases[i].set & LEVER_INITRD));
		machine_levers_destroy(&levers);
	}
}

static void files_are_given_until_a_guest_has_kept_them(void **state)
{
	static const char relink[] = "L+ /var/lib/dbus/machine-id - - - - /etc/machine-id\n";
	static const char tmpfiles[] = "io.systemd.credential.binary:tmpfiles.extra=";
	static const char want[] =
		"L+ /var/lib/dbus/machine-id - - - - /etc/machine-id\n"
		"f+~ /etc/hostname 0644 root root - d2ViMQo=\n"
		"r! /etc/ssh/ssh_host_*\n"
		"f+~ /etc/ssh/ssh_host_ed25519_key 0600 root root - cHJpdmF0ZQo=\n"
		"f+~ /etc/ssh/ssh_host_ed25519_key.pub 0644 root root - "
		"c3NoLWVkMjU1MTkgQUFBQQo=\n";
	struct credential credential = {.name = (char *)(uintptr_t) "tmpfiles.extra"};
	char *string;

	(void)state;
	have_host_key();
	config.options.name = "web1";
	config.ndisks = 1;
	assert_int_equal(init(folder), 0);
	assert_true(levers.once);
	assert_int_equal(levers.noem_strings, 1);
	credential.value = (char *)(uintptr_t)want;
	credential.len = strlen(want);
	string = credential_oem_string(&credential);
	assert_string_equal(levers.oem_strings[0], string);
	free(string);
	assert_true(archive_has("conf/param.conf"));

	assert_int_equal(machine_levers_adopted(&levers), 0);
	assert_false(levers.once);
	assert_int_equal(levers.noem_strings, 1);
	assert_non_null(find_string(tmpfiles));
	credential.value = (char *)(uintptr_t)relink;
	credential.len = strlen(relink);
	string = credential_oem_string(&credential);
	assert_string_equal(levers.oem_strings[0], string);
	free(string);
	assert_false(archive_has("conf/param.conf"));
	assert_true(archive_has("etc/machine-id"));
	assert_int_equal(levers.host_keys.n, 1); /* still told */
}

static void an_adopted_identity_starts_without_them(void **state)
{
	(void)state;
	config.options.name = "web1";
	config.identity.adopted = true;
	assert_int_equal(init(folder), 0); /* and no key is made, which could not be given */
	assert_false(levers.once);
	assert_int_equal(levers.host_keys.n, 0);
}

static void the_user_s_strings_stand_beside_ours(void **state)
{
	(void)state;
	config.options.name = "web1";
	config.options.ssh_host_keys = "none";
	config.options.smbios_oem.values[0] = "a plain string";
	config.options.smbios_oem.n = 1;
	config.options.credentials.values[0] = "firstboot.timezone=Europe/Berlin";
	config.options.credentials.values[1] = "tmpfiles.extra=d /srv/mine";
	config.options.credentials.n = 2;
	config.options.ssh_key = state_write("key.pub", "ssh-ed25519 AAAA me", 0600);
	assert_int_equal(init(NULL), 0);
	assert_int_equal(levers.noem_strings, 4);
	assert_string_equal(levers.oem_strings[0], "a plain string");
	assert_non_null(find_string("io.systemd.credential:firstboot.timezone=Europe/Berlin"));
	/* "d /srv/mine\nL+ ..." */
	assert_non_null(
		find_string("io.systemd.credential.binary:tmpfiles.extra=ZCAvc3J2L21pbmUKTCsg"));
	assert_non_null(
		find_string("io.systemd.credential:ssh.authorized_keys.root=ssh-ed25519 AAAA me"));
}

static void none_hides_who_the_machine_is(void **state)
{
	(void)state;
	config.options.name = "web1";
	config.options.identity = "none";
	assert_int_equal(init(folder), 0);
	assert_true(uuid_is_nil_or_max(&levers.shown.uuid));
	assert_int_equal(levers.noem_strings, 0);
	assert_null(levers.archive);
	assert_string_equal(levers.cmdline, "");
}

static void cloud_init_gets_a_serial_or_a_disk(void **state)
{
	(void)state;
	config.options.cloud_init = "";
	assert_int_equal(init(NULL), 0);
	assert_string_equal(levers.shown.system_serial, "ds=nocloud;i=iid-" UUID ";h=web1");
	assert_null(levers.seed);
	machine_levers_destroy(&levers);

	config.options.cloud_init = NULL;
	config.options.identity = "cloud-init";
	assert_int_equal(init(NULL), 0);
	assert_string_equal(levers.shown.system_serial, "ds=nocloud;i=iid-" UUID ";h=web1");
	machine_levers_destroy(&levers);

	config.options.identity = NULL;
	config.options.cloud_init = "user-data=/dev/null";
	assert_int_equal(init(NULL), 0);
	assert_string_equal(levers.shown.system_serial, UUID);
	assert_non_null(levers.seed);
}

/* It would replace them at once. */
static void cloud_init_s_serial_keeps_host_keys_away(void **state)
{
	(void)state;
	have_host_key();
	config.options.name = "web1";
	config.options.cloud_init = "";
	assert_int_equal(init(folder), 0);
	assert_int_equal(levers.host_keys.n, 0);
	machine_levers_destroy(&levers);
	config.options.cloud_init = "user-data=/dev/null";
	assert_int_equal(init(folder), 0);
	assert_int_equal(levers.host_keys.n, 1);
	assert_non_null(memmem(levers.seed, levers.seed_size, "ssh_deletekeys: false", 21));
}

static void what_contradicts_itself_is_refused(void **state)
{
	static const struct {
		struct run_options options;
		unsigned int ndisks;
		const char *says;
	} cases[] = {
		{{.identity = "cmdline", .no_auto_append = true},
		 0,
		 "--no-auto-append adds nothing"},
		{{.identity = "smbois"}, 0, "did you mean 'smbios'?"},
		{{.ssh_host_keys = "/etc"}, 0, "--ssh-host-keys: they are given as credentials"},
		{{.name = "web1", .identity = "smbios", .ssh_host_keys = "auto"},
		 0,
		 "--ssh-host-keys: they are given as credentials"},
		{{.identity = "credentials", .ssh_host_keys = "auto"},
		 0,
		 "only a machine with a --name keeps keys"},
		{{.name = "web1", .ssh_host_keys = "/"}, 0, "'/': no SSH host keys"},
		{{.smbios_oem = {{""}, 1}}, 0, "--smbios-oem: a string is one line"},
		{{.smbios_oem = {{"a\nb"}, 1}}, 0, "--smbios-oem: a string is one line"},
		{{.smbios_oem = {{"good", "b\x7f"}, 2}}, 0, "--smbios-oem: a string is one line"},
		{{.credentials = {{"x"}, 1}}, 0, "want NAME=VALUE"},
		{{.ssh_key = "/no/such"}, 0, "SSH key '/no/such': cannot read"},
		{{.ssh_key = "/dev/null", .credentials = {{"ssh.authorized_keys.root=x"}, 1}},
		 0,
		 "--credential ssh.authorized_keys.root is given as well"},
		{{.cloud_init = "foo=bar"}, 0, "--cloud-init: unknown 'foo=bar'"},
		{{.cloud_init = "", .serial = "x"}, 0, "--serial: cloud-init without files is"},
		{{.cloud_init = "user-data=/no/such"}, 0, "user-data '/no/such': cannot read"},
		{{.cloud_init = "user-data=/dev/null"},
		 IDENTITY_MAX_DISKS,
		 "no place for its disk"},
	};
	static struct disk_options disks[IDENTITY_MAX_DISKS];
	char said[512];

	(void)state;
	config.disks = disks;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		config.options = cases[i].options;
		config.options.append = "";
		config.ndisks = cases[i].ndisks;
		assert_true(said_by(init, NULL, said, sizeof(said)) < 0);
		if (!strstr(said, cases[i].says) || strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("%zu: %s", i, said);
	}
}

static void a_private_key_is_not_shown_to_guests(void **state)
{
	char said[512];

	(void)state;
	config.options.ssh_key = state_write("key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	assert_int_equal(said_by(init, NULL, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "is a private key; name the one that ends in .pub"));
}

static void dmidecode_can_read_it_back(void **state)
{
	struct guest_memory mem = {0};
	struct smbios_config smbios = {.mem = &mem, .ncpus = 1, .virtual_machine = true};
	static uint8_t table[LAYOUT_HIGH_MEMORY - LAYOUT_SMBIOS];
	int size;

	(void)state;
	have_host_key();
	config.options.name = "web1";
	config.options.smbios_oem.values[0] = "a plain string";
	config.options.smbios_oem.n = 1;
	assert_int_equal(init(folder), 0);
	assert_int_equal(memory_add(&mem, 0, 64 << 20), 0);
	smbios.identity = &levers.shown;
	smbios.oem_strings = levers.oem_strings;
	smbios.noem_strings = levers.noem_strings;
	size = smbios_build(&smbios, table, sizeof(table));
	assert_true(size > 0);
	keep_file("levers.bin", LAYOUT_SMBIOS, table, sizeof(table));
	memory_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_on_by_default, setup, teardown),
		cmocka_unit_test_setup_teardown(files_are_given_until_a_guest_has_kept_them, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_adopted_identity_starts_without_them, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_user_s_strings_stand_beside_ours, setup,
						teardown),
		cmocka_unit_test_setup_teardown(none_hides_who_the_machine_is, setup, teardown),
		cmocka_unit_test_setup_teardown(cloud_init_gets_a_serial_or_a_disk, setup,
						teardown),
		cmocka_unit_test_setup_teardown(cloud_init_s_serial_keeps_host_keys_away, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_contradicts_itself_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_private_key_is_not_shown_to_guests, setup,
						teardown),
		cmocka_unit_test_setup_teardown(dmidecode_can_read_it_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
