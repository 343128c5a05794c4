/* test_machine_config.c: what the options leave open, and what they must not ask for. */
#include "vmm/machine_config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/util.h"

static struct machine_config config_of(const char *mode, const char *append, const char *console)
{
	struct machine_config config = {.options = run_options_default()};

	config.options.kernel = "kernel";
	config.options.mode = mode;
	config.options.append = append;
	config.options.console = console;
	return config;
}

static void the_console_is_the_modes_unless_the_command_line_names_hvc0(void **state)
{
	static const struct {
		const char *mode, *append, *given, *console;
	} cases[] = {
		{"hybrid", "", NULL, "serial"},
		{"hybrid", "quiet console=ttyS0", NULL, "serial"},
		{"hybrid", "root=/dev/vda console=hvc0", NULL, "both"},
		{"hybrid", "console=hvc0", NULL, "both"},
		{"hybrid", "noconsole=hvc0", NULL, "serial"},
		{"hybrid", "console=hvc0", "virtio", "virtio"},
		{"hybrid", "console=hvc0", "none", "none"},
		{"para", "console=hvc0", NULL, "virtio"},
		{"full", "console=hvc0", NULL, "serial"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine_config config =
			config_of(cases[i].mode, cases[i].append, cases[i].given);

		assert_int_equal(machine_config_init(&config), 0);
		assert_string_equal(config.options.console, cases[i].console);
		machine_config_destroy(&config);
	}
}

static void what_a_mode_does_not_have_is_refused(void **state)
{
	static const struct {
		const char *mode, *console, *transport;
	} cases[] = {
		{"full", "virtio", NULL}, {"full", "both", NULL}, {"para", "serial", NULL},
		{"para", "both", NULL},	  {"full", NULL, "pci"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine_config config = config_of(cases[i].mode, "", cases[i].console);

		config.options.transport = cases[i].transport;
		assert_int_equal(machine_config_init(&config), -EINVAL);
		machine_config_destroy(&config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_console_is_the_modes_unless_the_command_line_names_hvc0),
		cmocka_unit_test(what_a_mode_does_not_have_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
