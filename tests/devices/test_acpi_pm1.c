/* test_acpi_pm1.c: devices/acpi_pm1.c. */
#include "devices/acpi_pm1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "devices/acpi_pm.h"
#include "tests/fake/wires.h"

enum { STATUS = 0x620, ENABLE = 0x622, CONTROL = 0x624 };
enum { POWER_BUTTON = 1 << 8, SLEEP = 1 << 13 };

struct fixture {
	struct bus bus;
	struct fake_events events;
	struct fake_irq sci;
	struct acpi_pm1 pm1;
};

static int set_up(void **state)
{
	static struct fixture f;

	bus_init(&f.bus, NULL);
	fake_events_init(&f.events);
	f.sci = (struct fake_irq){0};
	acpi_pm1_init(&f.pm1, fake_irq_line(&f.sci), &f.events.sink);
	assert_int_equal(acpi_pm1_attach(&f.pm1, &f.bus, STATUS, CONTROL), 0);
	*state = &f;
	return 0;
}

static void the_power_button_holds_sci_until_the_guest_clears_it(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, ENABLE, POWER_BUTTON, 2);
	assert_false(f->sci.high);
	acpi_pm1_power_button(&f->pm1);
	assert_true(f->sci.high);
	assert_int_equal(port_in(&f->bus, STATUS, 2), POWER_BUTTON);
	port_out(&f->bus, STATUS, 1, 2);
	assert_true(f->sci.high);
	port_out(&f->bus, STATUS, POWER_BUTTON, 2);
	assert_false(f->sci.high);
	assert_int_equal(port_in(&f->bus, STATUS, 2), 0);
}

static void a_button_pressed_before_it_is_enabled_interrupts_then(void **state)
{
	struct fixture *f = *state;

	acpi_pm1_power_button(&f->pm1);
	assert_false(f->sci.high);
	port_out(&f->bus, ENABLE + 1, POWER_BUTTON >> 8, 1);
	assert_true(f->sci.high);
}

static void status_and_enable_are_one_double_word_too(void **state)
{
	struct fixture *f = *state;

	acpi_pm1_power_button(&f->pm1);
	port_out(&f->bus, STATUS, (uint64_t)POWER_BUTTON << 16, 4);
	assert_int_equal(port_in(&f->bus, STATUS, 4), (uint64_t)POWER_BUTTON << 16 | POWER_BUTTON);
	assert_true(f->sci.high);
}

static void sci_enable_is_always_on_and_sleep_enable_reads_as_zero(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(port_in(&f->bus, CONTROL, 2), 1);
	port_out(&f->bus, CONTROL, 0xffff, 2);
	assert_int_equal(port_in(&f->bus, CONTROL, 2), 0x1c03);
}

static void sleep_type_5_with_enable_is_power_off(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, CONTROL, ACPI_PM_SLP_TYP_S5 << 10 | 1,
		 2); /* first the type alone, as ACPICA does */
	assert_int_equal(f->events.n, 0);
	port_out(&f->bus, CONTROL, ACPI_PM_SLP_TYP_S5 << 10 | SLEEP, 2);
	assert_int_equal(f->events.n, 1);
	assert_int_equal(f->events.events[0], MACHINE_POWEROFF);
	port_out(&f->bus, CONTROL, 1 << 10 | SLEEP, 2);
	assert_int_equal(f->events.n, 1);
	port_out(&f->bus, CONTROL + 1, (ACPI_PM_SLP_TYP_S5 << 10 | SLEEP) >> 8, 1);
	assert_int_equal(f->events.n, 2);
}

static void reset_drops_sci_and_all_bits(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, ENABLE, 0xffff, 2);
	acpi_pm1_power_button(&f->pm1);
	acpi_pm1_reset(&f->pm1);
	assert_false(f->sci.high);
	assert_int_equal(port_in(&f->bus, STATUS, 4), 0);
	assert_int_equal(port_in(&f->bus, CONTROL, 2), 1);
}

/* Every register, width and offset with every byte value: nothing but the power-off above may
 * happen. */
static void garbage_of_every_width_changes_nothing_but_its_own_bits(void **state)
{
	struct fixture *f = *state;

	for (unsigned int port = STATUS; port < CONTROL + 2; port++) {
		for (unsigned int size = 1; size <= 4; size *= 2) {
			for (unsigned int value = 0; value < 256; value++) {
				port_out(&f->bus, port,
					 value * 0x01010101u & ~(uint32_t)SLEEP & ~0x20u, size);
				port_in(&f->bus, port, size);
			}
		}
	}
	assert_int_equal(f->events.n, 0);
	assert_int_equal(port_in(&f->bus, STATUS, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_power_button_holds_sci_until_the_guest_clears_it,
				       set_up),
		cmocka_unit_test_setup(a_button_pressed_before_it_is_enabled_interrupts_then,
				       set_up),
		cmocka_unit_test_setup(status_and_enable_are_one_double_word_too, set_up),
		cmocka_unit_test_setup(sci_enable_is_always_on_and_sleep_enable_reads_as_zero,
				       set_up),
		cmocka_unit_test_setup(sleep_type_5_with_enable_is_power_off, set_up),
		cmocka_unit_test_setup(reset_drops_sci_and_all_bits, set_up),
		cmocka_unit_test_setup(garbage_of_every_width_changes_nothing_but_its_own_bits,
				       set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
