/* test_acpi_pm.c: devices/acpi_pm.c. */
#include "devices/acpi_pm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fake/wires.h"
#include "vmm/util.h"

enum { CONTROL = 0x600, STATUS = 0x601, RESET = 0x602, TIMER = 0x608 };

struct fixture {
	struct bus bus;
	struct fake_events events;
	struct fake_irq button;
	struct acpi_pm pm;
};

static uint64_t now_ns;

static uint64_t fake_now(void)
{
	return now_ns;
}

static int set_up(void **state)
{
	static struct fixture f;
	static const struct acpi_pm_ports where = {
		.sleep_control = CONTROL,
		.sleep_status = STATUS,
		.reset = RESET,
		.timer = TIMER,
	};

	bus_init(&f.bus, NULL);
	fake_events_init(&f.events);
	f.button = (struct fake_irq){0};
	acpi_pm_init(&f.pm, fake_irq_line(&f.button), &f.events.sink);
	f.pm.now = fake_now;
	now_ns = 77777;
	acpi_pm_reset(&f.pm);
	assert_int_equal(acpi_pm_attach(&f.pm, &f.bus, &where), 0);
	*state = &f;
	return 0;
}

static void sleep_type_5_with_enable_is_power_off(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, CONTROL, 1 << 5 | ACPI_PM_SLP_TYP_S5 << 2, 1);
	assert_int_equal(f->events.n, 1);
	assert_int_equal(f->events.events[0], MACHINE_POWEROFF);
}

static void nothing_else_powers_off_or_resets(void **state)
{
	struct fixture *f = *state;

	for (unsigned int value = 0; value < 256; value++) {
		if ((value & 0x3c) != (1 << 5 | ACPI_PM_SLP_TYP_S5 << 2))
			port_out(&f->bus, CONTROL, value, 1);
		if (value != ACPI_PM_RESET_VALUE)
			port_out(&f->bus, RESET, value, 1);
		port_out(&f->bus, STATUS, value, 1);
		port_out(&f->bus, TIMER, value * 0x01010101, 4);
	}
	assert_int_equal(f->events.n, 0);
	assert_int_equal(port_in(&f->bus, STATUS, 1), 0);
}

static void the_reset_register_resets(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, RESET, ACPI_PM_RESET_VALUE, 1);
	assert_int_equal(f->events.n, 1);
	assert_int_equal(f->events.events[0], MACHINE_RESET);
}

static void the_timer_ticks_at_its_rate_and_wraps_at_32_bits(void **state)
{
	static const struct {
		uint64_t after_ns, ticks;
	} table[] = {
		{0, 0},
		{279, 0},
		{280, 1},
		{1000000000, 3579545},
		{86400000000000, (uint32_t)(86400ull * 3579545)},
		{31536000000000000, (uint32_t)(31536000ull * 3579545)},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		now_ns = 77777 + table[i].after_ns;
		assert_int_equal(port_in(&f->bus, TIMER, 4), table[i].ticks);
		assert_int_equal(port_in(&f->bus, TIMER + 1, 1), table[i].ticks >> 8 & 0xff);
		assert_int_equal(port_in(&f->bus, TIMER + 2, 2), table[i].ticks >> 16);
	}
}

static void a_reset_starts_the_timer_anew(void **state)
{
	struct fixture *f = *state;

	now_ns += 5000000000;
	acpi_pm_reset(&f->pm);
	assert_int_equal(port_in(&f->bus, TIMER, 4), 0);
}

static void the_power_button_is_an_edge(void **state)
{
	struct fixture *f = *state;

	acpi_pm_power_button(&f->pm);
	assert_int_equal(f->button.rises, 1);
	assert_false(f->button.high);
}

static void a_register_without_a_port_answers_nowhere(void **state)
{
	struct acpi_pm pm;
	struct bus bus;

	(void)state;
	bus_init(&bus, NULL);
	acpi_pm_init(&pm, (struct irq_line){0}, NULL);
	assert_int_equal(acpi_pm_attach(&pm, &bus, &(struct acpi_pm_ports){.timer = TIMER}), 0);
	assert_int_equal(port_in(&bus, CONTROL, 1), 0xff);
	assert_int_equal(port_in(&bus, 0, 1), 0xff);
	bus_destroy(&bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sleep_type_5_with_enable_is_power_off, set_up),
		cmocka_unit_test_setup(nothing_else_powers_off_or_resets, set_up),
		cmocka_unit_test_setup(the_reset_register_resets, set_up),
		cmocka_unit_test_setup(the_timer_ticks_at_its_rate_and_wraps_at_32_bits, set_up),
		cmocka_unit_test_setup(a_reset_starts_the_timer_anew, set_up),
		cmocka_unit_test_setup(the_power_button_is_an_edge, set_up),
		cmocka_unit_test(a_register_without_a_port_answers_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
