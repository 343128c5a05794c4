/* test_identity.c: one UUID mints every id; what the user gives is checked and named when refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/identity.h"
#include "vmm/util.h"

#define EXAMPLE "00112233-4455-4677-8899-aabbccddeeff"

/* What is logged between the two goes to a file in memory. */
static int saved_stderr, log_file;

static void capture_start(void)
{
	saved_stderr = dup(STDERR_FILENO);
	log_file = memfd_create("log", MFD_CLOEXEC);
	dup2(log_file, STDERR_FILENO);
}

static const char *capture_end(void)
{
	static char text[1024];
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	n = pread(log_file, text, sizeof(text) - 1, 0);
	close(log_file);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static struct identity make(const struct identity_options *options)
{
	struct identity identity;

	assert_int_equal(identity_create(&identity, options), 0);
	return identity;
}

static struct identity make_example(void)
{
	return make(&(struct identity_options){.uuid = EXAMPLE});
}

static void the_mac_is_the_one_derived_by_hand(void **state)
{
	static const uint8_t want[] = {0x42, 0xe3, 0x59, 0x7b, 0xbe, 0xb1};
	struct identity identity;

	(void)state;
	capture_start();
	identity = make(&(struct identity_options){.uuid = "00112233-4455-6677-8899-aabbccddeeff"});
	assert_string_equal(capture_end(), "minivmm: warning: --uuid '00112233-4455-6677-8899-"
					   "aabbccddeeff': not a random (version 4) UUID, "
					   "taken as it is\n");
	assert_memory_equal(identity.macs[0], want, sizeof(want));
}

static void a_uuid_alone_reproduces_a_machine(void **state)
{
	struct identity a = make_example(), b = make_example();

	(void)state;
	assert_false(uuid_equal(&a.generation_id, &b.generation_id));
	a.generation_id = b.generation_id;
	assert_memory_equal(&a, &b, sizeof(a));
}

static void machine_id_and_system_serial_are_the_uuid(void **state)
{
	struct identity identity = make_example();

	(void)state;
	assert_string_equal(identity.machine_id, "00112233445546778899aabbccddeeff");
	assert_string_equal(identity.system_serial, EXAMPLE);
}

static void derived_ids_are_well_formed(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 100; round++) {
		struct identity identity = make(&(struct identity_options){0});

		assert_int_equal(uuid_version(&identity.uuid), 4);
		assert_true(identity_hostname_valid(identity.hostname));
		assert_int_equal(strlen(identity.machine_id), 32);
		assert_int_equal(strlen(identity.board_serial), 16);
		assert_in_range(identity.vsock_cid, 3, INT32_MAX);
		for (unsigned int i = 0; i < IDENTITY_MAX_NICS; i++)
			assert_int_equal(identity.macs[i][0] & 3, 2);
		for (unsigned int i = 0; i < IDENTITY_MAX_DISKS; i++)
			assert_int_equal(strlen(identity.disk_serials[i]), 20);
	}
}

static void two_machines_share_nothing(void **state)
{
	struct identity a = make(&(struct identity_options){0});
	struct identity b = make(&(struct identity_options){0});

	(void)state;
	assert_false(uuid_equal(&a.uuid, &b.uuid));
	assert_string_not_equal(a.hostname, b.hostname);
	assert_string_not_equal(a.machine_id, b.machine_id);
	assert_string_not_equal(a.system_serial, b.system_serial);
	assert_string_not_equal(a.board_serial, b.board_serial);
	assert_string_not_equal(a.chassis_serial, b.chassis_serial);
	assert_string_not_equal(a.board_serial, a.chassis_serial);
	assert_int_not_equal(a.vsock_cid, b.vsock_cid);
	for (unsigned int i = 0; i < IDENTITY_MAX_NICS; i++) {
		assert_memory_not_equal(a.macs[i], b.macs[i], IDENTITY_MAC_SIZE);
		assert_memory_not_equal(a.macs[i], a.macs[(i + 1) % IDENTITY_MAX_NICS],
					IDENTITY_MAC_SIZE);
	}
	for (unsigned int i = 0; i < IDENTITY_MAX_DISKS; i++) {
		assert_string_not_equal(a.disk_serials[i], b.disk_serials[i]);
		assert_string_not_equal(a.disk_serials[i],
					a.disk_serials[(i + 1) % IDENTITY_MAX_DISKS]);
	}
}

static void the_hostname_is_given_or_the_name_or_derived(void **state)
{
	struct identity identity = make(&(struct identity_options){.name = "web1"});

	(void)state;
	assert_string_equal(identity.name, "web1");
	assert_string_equal(identity.hostname, "web1");
	identity = make(&(struct identity_options){.name = "web1", .hostname = "www.example.org"});
	assert_string_equal(identity.name, "web1");
	assert_string_equal(identity.hostname, "www.example.org");
	identity = make_example();
	assert_string_equal(identity.name, "");
	assert_memory_equal(identity.hostname, "vm-", 3);
}

static void pinned_ids_are_shown_as_given(void **state)
{
	static const uint8_t want[] = {0x52, 0x54, 0x00, 0xab, 0xcd, 0xef};
	struct identity identity = make(&(struct identity_options){
		.uuid = EXAMPLE, .machine_id = "CC112233445566778899aabbccddeeff"});
	char text[IDENTITY_MAC_TEXT_SIZE];

	(void)state;
	assert_string_equal(identity.machine_id, "cc112233445566778899aabbccddeeff");
	assert_int_equal(identity_pin_mac(&identity, 2, "mac", "52:54:00:AB:cd:ef"), 0);
	assert_memory_equal(identity.macs[2], want, sizeof(want));
	identity_format_mac(identity.macs[2], text);
	assert_string_equal(text, "52:54:00:ab:cd:ef");
	assert_int_equal(identity_pin_disk_serial(&identity, 1, "serial", "12345678901234567890"),
			 0);
	assert_string_equal(identity.disk_serials[1], "12345678901234567890");
	assert_int_equal(
		identity_pin_system_serial(&identity, "serial", "x ds=nocloud;i=iid-1;h=c"), 0);
	assert_string_equal(identity.system_serial, "x ds=nocloud;i=iid-1;h=c");
}

static void bad_options_are_refused_in_one_line_that_names_them(void **state)
{
	static const char long_name[] =
		"a234567890b234567890c234567890d234567890e234567890f2345678901234";
	static const struct {
		struct identity_options options;
		const char *message;
	} cases[] = {
		{{.uuid = "xyz"},
		 "--uuid 'xyz': not a UUID (want xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)"},
		{{.uuid = ""}, "--uuid '': not a UUID (want xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)"},
		{{.uuid = "00000000-0000-0000-0000-000000000000"},
		 "--uuid '00000000-0000-0000-0000-000000000000': all zeroes or all ones is "
		 "nobody's UUID"},
		{{.uuid = "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"},
		 "--uuid 'FFFFFFFF-ffff-ffff-ffff-ffffffffffff': all zeroes or all ones is "
		 "nobody's UUID"},
		{{.machine_id = "cc112233445566778899aabbccddeef"},
		 "--machine-id 'cc112233445566778899aabbccddeef': not a machine id (want 32 "
		 "hexadecimal digits)"},
		{{.machine_id = "cc112233445566778899aabbccddeef00"}, "--machine-id"},
		{{.machine_id = "cc112233-4455-6677-8899-aabbccddeeff"}, "--machine-id"},
		{{.machine_id = ""}, "--machine-id"},
		{{.machine_id = "00000000000000000000000000000000"},
		 "--machine-id '00000000000000000000000000000000': all zeroes or all ones is "
		 "nobody's id"},
		{{.machine_id = "ffffFFFFffffffffffffffffffffffff"}, "--machine-id"},
		{{.hostname = ""}, "--hostname '': not a host name (want letters, digits and"},
		{{.hostname = "-a"}, "--hostname"},
		{{.hostname = "a-"}, "--hostname"},
		{{.hostname = "a_b"}, "--hostname"},
		{{.hostname = "a b"}, "--hostname"},
		{{.hostname = "a\nb"}, "--hostname"},
		{{.hostname = ".a"}, "--hostname"},
		{{.hostname = "a."}, "--hostname"},
		{{.hostname = "a..b"}, "--hostname"},
		{{.hostname = "a-.b"}, "--hostname"},
		{{.hostname = "."}, "--hostname"},
		{{.hostname = "\xc3\xa9t\xc3\xa9"}, "--hostname"},
		{{.hostname = long_name}, "--hostname"},
		{{.name = ".."}, "--name '..'"},
		{{.name = "a/b"}, "--name 'a/b'"},
		{{.name = long_name, .hostname = "a"}, "--name"},
	};
	struct identity identity;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *line;
		int err;

		capture_start();
		err = identity_create(&identity, &cases[i].options);
		line = capture_end();
		assert_int_equal(err, -EINVAL);
		assert_non_null(strstr(line, cases[i].message));
		assert_memory_equal(line, "minivmm: error: --", 18);
	}
}

static void bad_pins_are_refused_and_nothing_changed(void **state)
{
	static const char *const macs[] = {
		"",
		"52:54:00:12:34",
		"52:54:00:12:34:5",
		"52:54:00:12:34:567",
		"52:54:00:12:34:56 ",
		" 52:54:00:12:34:56",
		"52-54-00-12-34-56",
		"52:54:0:12:34:56",
		"+2:54:00:12:34:56",
		"5g:54:00:12:34:56",
		"53:54:00:12:34:56", /* group bit */
		"ff:ff:ff:ff:ff:ff",
		"00:00:00:00:00:00",
	};
	static const char *const serials[] = {"", "a b", "123456789012345678901", "a\n", "\x7f"};
	struct identity identity = make_example(), before = identity;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(macs); i++) {
		capture_start();
		assert_int_equal(identity_pin_mac(&identity, 0, "--net mac", macs[i]), -EINVAL);
		assert_memory_equal(capture_end(), "minivmm: error: --net mac '", 27);
	}
	for (size_t i = 0; i < ARRAY_SIZE(serials); i++) {
		capture_start();
		assert_int_equal(
			identity_pin_disk_serial(&identity, 0, "--disk serial", serials[i]),
			-EINVAL);
		assert_memory_equal(capture_end(), "minivmm: error: --disk serial '", 31);
	}
	capture_start();
	assert_int_equal(identity_pin_system_serial(&identity, "serial", "a\tb"), -EINVAL);
	capture_end();
	assert_memory_equal(&identity, &before, sizeof(identity));
}

static void the_longest_names_fit(void **state)
{
	static const char longest[] =
		"a234567890b234567890c234567890d234567890e234567890f234567890123";
	struct identity identity = make(&(struct identity_options){.name = longest});

	(void)state;
	assert_string_equal(identity.hostname, longest);
}

static void serials_and_cid_can_be_pinned(void **state)
{
	struct identity pinned = make(&(struct identity_options){.uuid = EXAMPLE,
								 .system_serial = "S 1",
								 .board_serial = "B-1",
								 .chassis_serial = "C-1",
								 .vsock_cid = 7});
	struct identity derived = make_example();

	(void)state;
	assert_string_equal(pinned.system_serial, "S 1");
	assert_string_equal(pinned.board_serial, "B-1");
	assert_string_equal(pinned.chassis_serial, "C-1");
	assert_int_equal(pinned.vsock_cid, 7);
	assert_string_equal(pinned.machine_id, derived.machine_id);
}

static void every_disk_has_uuids_of_its_own(void **state)
{
	struct identity identity = make_example(), again = make_example();
	struct uuid uuids[4];

	(void)state;
	for (unsigned int disk = 0; disk < 2; disk++) {
		uuids[2 * disk] = identity_subsystem_uuid(&identity, disk);
		uuids[2 * disk + 1] = identity_namespace_uuid(&identity, disk);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(uuid_version(&uuids[i]), 8);
		for (unsigned int j = 0; j < i; j++)
			assert_false(uuid_equal(&uuids[i], &uuids[j]));
	}
	uuids[0] = identity_namespace_uuid(&again, 1);
	assert_true(uuid_equal(&uuids[0], &uuids[3]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serials_and_cid_can_be_pinned),
		cmocka_unit_test(the_mac_is_the_one_derived_by_hand),
		cmocka_unit_test(a_uuid_alone_reproduces_a_machine),
		cmocka_unit_test(machine_id_and_system_serial_are_the_uuid),
		cmocka_unit_test(derived_ids_are_well_formed),
		cmocka_unit_test(two_machines_share_nothing),
		cmocka_unit_test(the_hostname_is_given_or_the_name_or_derived),
		cmocka_unit_test(pinned_ids_are_shown_as_given),
		cmocka_unit_test(bad_options_are_refused_in_one_line_that_names_them),
		cmocka_unit_test(bad_pins_are_refused_and_nothing_changed),
		cmocka_unit_test(the_longest_names_fit),
		cmocka_unit_test(every_disk_has_uuids_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
