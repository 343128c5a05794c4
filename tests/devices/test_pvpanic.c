/* test_pvpanic.c: devices/pvpanic.c. */
#include "devices/pvpanic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fake/wires.h"

enum { BASE = 0x505 };

struct fixture {
	struct bus bus;
	struct fake_events events;
	struct pvpanic device;
};

static int set_up(void **state)
{
	static struct fixture f;

	bus_init(&f.bus, NULL);
	fake_events_init(&f.events);
	pvpanic_init(&f.device, &f.events.sink);
	assert_int_equal(pvpanic_attach(&f.device, &f.bus, BASE), 0);
	*state = &f;
	return 0;
}

static void it_tells_the_driver_which_events_it_takes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(port_in(&f->bus, BASE, 1), 3);
}

static void a_panic_and_a_crash_kernel_are_told_apart(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, BASE, 2, 1);
	port_out(&f->bus, BASE, 1, 1);
	assert_int_equal(f->events.n, 2);
	assert_int_equal(f->events.events[0], MACHINE_CRASHLOADED);
	assert_int_equal(f->events.events[1], MACHINE_PANICKED);
}

static void a_flood_is_told_once_until_reset(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 100000; i++)
		port_out(&f->bus, BASE, i, 1);
	assert_int_equal(f->events.n, 2);
	pvpanic_reset(&f->device);
	port_out(&f->bus, BASE, 0xff, 1);
	assert_int_equal(f->events.n, 4);
}

static void unknown_bits_are_no_event(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, BASE, 0xfc, 1);
	assert_int_equal(f->events.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_tells_the_driver_which_events_it_takes, set_up),
		cmocka_unit_test_setup(a_panic_and_a_crash_kernel_are_told_apart, set_up),
		cmocka_unit_test_setup(a_flood_is_told_once_until_reset, set_up),
		cmocka_unit_test_setup(unknown_bits_are_no_event, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
