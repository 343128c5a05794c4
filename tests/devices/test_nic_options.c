/* Tests of devices/backend/nic_options.c: what --net takes and how it complains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "vmm/util.h"

static struct nic_options parsed(const char *text)
{
	struct nic_options options;
	char error[256] = "";

	if (nic_options_parse(text, &options, error, sizeof(error)) != 0)
		fail_msg("'%s': %s", text, error);
	return options;
}

static void a_tap_may_go_unnamed(void **state)
{
	struct nic_options options = parsed("tap");

	(void)state;
	assert_int_equal(options.kind, NIC_TAP);
	assert_string_equal(options.interface, "");
	assert_int_equal(options.queues, 1);
	assert_int_equal(options.vhost, NIC_VHOST_AUTO);
	assert_int_equal(options.mtu, 0);
	assert_false(options.has_mac);
}

static void a_tap_takes_all_of_its_suboptions(void **state)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0x00, 0xab, 0xCD, 0xef};
	struct nic_options options =
		parsed("tap=tap0,mac=52:54:00:ab:CD:ef,script=/etc/up,vhost=off,queues=4,mtu=9000,"
		       "iothread=on,model=e1000");

	(void)state;
	assert_string_equal(options.interface, "tap0");
	assert_true(options.has_mac);
	assert_memory_equal(options.mac, mac, 6);
	assert_string_equal(options.script, "/etc/up");
	assert_int_equal(options.vhost, NIC_VHOST_OFF);
	assert_int_equal(options.queues, 4);
	assert_int_equal(options.mtu, 9000);
	assert_true(options.iothread);
	assert_int_equal(options.model, NIC_MODEL_E1000);
}

static void passt_takes_ports_and_a_program(void **state)
{
	struct nic_options options =
		parsed("passt=/opt/bin/passt,forward=8080:80,forward=5353:53/udp");

	(void)state;
	assert_int_equal(options.kind, NIC_PASST);
	assert_string_equal(options.passt, "/opt/bin/passt");
	assert_int_equal(options.nforwards, 2);
	assert_int_equal(options.forwards[0].host, 8080);
	assert_int_equal(options.forwards[0].guest, 80);
	assert_false(options.forwards[0].udp);
	assert_int_equal(options.forwards[1].host, 5353);
	assert_true(options.forwards[1].udp);
	assert_string_equal(parsed("passt").passt, "passt");
}

static void a_comma_in_the_name_of_a_program_is_written_twice(void **state)
{
	struct nic_options options = parsed("tap,script=/a,,b/up,,,mtu=9000");

	(void)state;
	assert_string_equal(options.script, "/a,b/up,");
	assert_int_equal(options.mtu, 9000);
	assert_string_equal(parsed("passt=/a,,b/passt,,").passt, "/a,b/passt,");
}

static void the_other_kinds_are_one_word(void **state)
{
	(void)state;
	assert_int_equal(parsed("none").kind, NIC_NONE);
	assert_int_equal(parsed("peer").kind, NIC_PEER);
	assert_int_equal(parsed("fd=7,mtu=1400").fd, 7);
}

static const struct {
	const char *text, *error;
} refused[] = {
	{"", "'' is not a kind of network: tap[=NAME], fd=N, passt[=PATH], peer or none"},
	{"tip", "'tip' is not a kind of network: tap[=NAME], fd=N, passt[=PATH], peer or none (did "
		"you mean tap?)"},
	{"tap=", "tap= is empty"},
	{"tap=a-name-beyond-15", "tap 'a-name-beyond-15' is too long (at most 15 characters)"},
	{"tap=t,", "tap has no suboption ''"},
	{"tap=t,mca=x", "tap has no suboption 'mca': did you mean 'mac'?"},
	{"tap=t,forward=1:2", "tap has no suboption 'forward'"},
	{"tap=t,zzzzzz=1", "tap has no suboption 'zzzzzz'"},
	{"tap=t,mac", "mac needs a value: mac=..."},
	{"tap=t,mtu=1500,mtu=1400", "mtu= is given twice"},
	{"tap=t,mac=52:54:00:12:34",
	 "mac=52:54:00:12:34 is not a MAC address like 52:54:00:12:34:56"},
	{"tap=t,mac=52-54-00-12-34-56",
	 "mac=52-54-00-12-34-56 is not a MAC address like 52:54:00:12:34:56"},
	{"tap=t,mac=52:54:00:12:34:5g",
	 "mac=52:54:00:12:34:5g is not a MAC address like 52:54:00:12:34:56"},
	{"tap=t,mac=52:54:00:12:34:56:78",
	 "mac=52:54:00:12:34:56:78 is not a MAC address like 52:54:00:12:34:56"},
	{"tap=t,mac=00:00:00:00:00:00",
	 "mac=00:00:00:00:00:00 is not a MAC address like 52:54:00:12:34:56"},
	{"tap=t,mac=01:00:5e:00:00:01",
	 "mac=01:00:5e:00:00:01 is a multicast address: its first byte must be even"},
	{"tap=t,mac=ff:ff:ff:ff:ff:ff",
	 "mac=ff:ff:ff:ff:ff:ff is a multicast address: its first byte must be even"},
	{"tap=t,mtu=67", "mtu=67 is not a number from 68 to 65535"},
	{"tap=t,mtu=9k", "mtu=9k is not a number from 68 to 65535"},
	{"tap=t,mtu=-1", "mtu=-1 is not a number from 68 to 65535"},
	{"tap=t,queues=0", "queues=0 is not a number from 1 to 16"},
	{"tap=t,queues=99999999999999999999",
	 "queues=99999999999999999999 is not a number from 1 to 16"},
	{"tap=t,vhost=onn", "vhost=onn is not known: did you mean vhost=on?"},
	{"tap=t,model=ne2000", "model=ne2000 is not known: did you mean model=e1000?"},
	{"tap=t,iothread=yes", "iothread=yes is not known: did you mean iothread=off?"},
	{"tap=t,script=", "script= is empty"},
	{"fd", "fd= needs the number of an open descriptor"},
	{"fd=", "fd= needs the number of an open descriptor"},
	{"fd=x", "fd= needs the number of an open descriptor"},
	{"fd=3,queues=2", "fd has no suboption 'queues'"},
	{"none=1", "none takes no value"},
	{"none,mac=52:54:00:12:34:56", "none has no suboption 'mac'"},
	{"passt,vhost=on", "passt has no suboption 'vhost'"},
	{"passt,forward=80", "forward=80 is not HOSTPORT:GUESTPORT or ...:.../udp"},
	{"passt,forward=0:80", "forward=0:80 is not HOSTPORT:GUESTPORT or ...:.../udp"},
	{"passt,forward=80:65536", "forward=80:65536 is not HOSTPORT:GUESTPORT or ...:.../udp"},
	{"passt,forward=80:80/sctp", "forward=80:80/sctp is not HOSTPORT:GUESTPORT or ...:.../udp"},
};

static void what_is_wrong_is_named_in_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct nic_options options;
		char error[256] = "";

		assert_true(nic_options_parse(refused[i].text, &options, error, sizeof(error)) < 0);
		assert_string_equal(error, refused[i].error);
	}
}

static void more_forwards_than_there_is_room_for_are_refused(void **state)
{
	struct nic_options options;
	char text[1024] = "passt", error[256] = "";
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; i <= NIC_MAX_FORWARDS; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",forward=%d:80", 1000 + i);
	assert_true(nic_options_parse(text, &options, error, sizeof(error)) < 0);
	assert_string_equal(error, "more than 16 forward=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tap_may_go_unnamed),
		cmocka_unit_test(a_tap_takes_all_of_its_suboptions),
		cmocka_unit_test(passt_takes_ports_and_a_program),
		cmocka_unit_test(a_comma_in_the_name_of_a_program_is_written_twice),
		cmocka_unit_test(the_other_kinds_are_one_word),
		cmocka_unit_test(what_is_wrong_is_named_in_one_line),
		cmocka_unit_test(more_forwards_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
