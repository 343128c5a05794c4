/* test_template_items.c: the table of ids is well made, and its patterns fit what they are for. */
#include "vmm/template_items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util.h"

static const struct template_item *find(const char *folder, enum template_fix fix)
{
	const struct template_item *item = template_items;

	while (item->what && (strcmp(item->folder, folder) != 0 || item->fix != fix))
		item++;
	assert_non_null(item->what);
	return item;
}

static void names_fit_or_do_not(void **state)
{
	static const struct {
		const char *folder;
		enum template_fix fix;
		const char *name;
		bool fits;
	} rows[] = {
		{"/etc", TEMPLATE_EMPTY, "machine-id", true},
		{"/etc", TEMPLATE_EMPTY, "machine-id.old", false},
		{"/etc/ssh", TEMPLATE_REMOVE, "ssh_host_ed25519_key", true},
		{"/etc/ssh", TEMPLATE_REMOVE, "sshd_config", false},
		{"/var/lib/dhcp", TEMPLATE_REMOVE, "dhclient.eth0.leases", true},
		{"/var/lib/dhcp", TEMPLATE_REMOVE, "dhclient6.leases", true},
		{"/var/lib/dhcp", TEMPLATE_REMOVE, "dhcpd.conf", false},
		{"/var/lib/cloud", TEMPLATE_REMOVE, "instances", true},
		{"/var/lib/cloud", TEMPLATE_REMOVE, "instance", true},
		{"/var/lib/cloud", TEMPLATE_REMOVE, "seed", false},
		{"/var/log", TEMPLATE_LOGS, "auth.log", true},
		{"/var/log", TEMPLATE_LOGS, "auth.log.2.gz", true},
		{"/var/log", TEMPLATE_LOGS, "apt", false},
		{"/var/log", TEMPLATE_LOGS, "journal", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct template_item *item = find(rows[i].folder, rows[i].fix);

		if (template_item_matches(item, rows[i].name) != rows[i].fits)
			fail_msg("%s/%s", rows[i].folder, rows[i].name);
	}
}

static void the_table_is_well_made(void **state)
{
	unsigned int n = 0;

	(void)state;
	assert_int_equal(template_items[TEMPLATE_MACHINE_ID].fix, TEMPLATE_EMPTY);
	assert_int_equal(template_items[TEMPLATE_DBUS_ID].fix, TEMPLATE_LINK);
	for (; template_items[n].what; n++) {
		assert_int_equal(template_items[n].folder[0], '/');
		assert_true(strlen(template_items[n].folder) > 1);
		assert_null(strchr(template_items[n].folder, ' '));
		assert_true(template_items[n].patterns[0] && template_items[n].clone[0]);
	}
	assert_true(n < 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_fit_or_do_not),
		cmocka_unit_test(the_table_is_well_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
