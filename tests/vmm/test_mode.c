/* test_mode.c: what each way of virtualization must and must not show. */
#include "vmm/mode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool has_console(const struct mode *mode, const char *console)
{
	for (const char *const *name = mode->consoles; *name; name++) {
		if (strcmp(*name, console) == 0)
			return true;
	}
	return false;
}

static void every_name_is_a_mode_with_a_console_of_its_own(void **state)
{
	(void)state;
	for (const char *const *name = mode_names; *name; name++) {
		const struct mode *mode = mode_find(*name);

		assert_string_equal(mode->name, *name);
		assert_true(has_console(mode, mode->console));
		assert_true(has_console(mode, "none"));
		assert_non_null(mode->silent);
	}
}

static void full_shows_nothing_of_a_hypervisor_and_no_virtio(void **state)
{
	const struct mode *full = mode_find("full");

	(void)state;
	assert_false(full->hypervisor_visible);
	assert_false(full->virtio);
	assert_true(full->classic_acpi && full->legacy_devices && full->emulated);
	assert_false(has_console(full, "virtio") || has_console(full, "both"));
}

static void para_has_nothing_that_is_emulated(void **state)
{
	const struct mode *para = mode_find("para");

	(void)state;
	assert_true(para->hypervisor_visible && para->virtio);
	assert_false(para->classic_acpi || para->legacy_devices || para->emulated);
	assert_false(has_console(para, "serial") || has_console(para, "both"));
}

static void hybrid_has_both_on_reduced_hardware(void **state)
{
	const struct mode *hybrid = mode_find("hybrid");

	(void)state;
	assert_true(hybrid->hypervisor_visible && hybrid->virtio && hybrid->emulated);
	assert_true(hybrid->legacy_devices && has_console(hybrid, "both"));
	assert_false(hybrid->classic_acpi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_a_mode_with_a_console_of_its_own),
		cmocka_unit_test(full_shows_nothing_of_a_hypervisor_and_no_virtio),
		cmocka_unit_test(para_has_nothing_that_is_emulated),
		cmocka_unit_test(hybrid_has_both_on_reduced_hardware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
