/* test_mark_port.c: devices/mark_port.c. */
#include "devices/mark_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fake/wires.h"

enum { BASE = 0xf8 };

static void a_byte_is_a_mark_and_nothing_else_is(void **state)
{
	struct fake_events events;
	struct mark_port device;
	struct bus bus;

	(void)state;
	bus_init(&bus, NULL);
	fake_events_init(&events);
	mark_port_init(&device, &events.sink);
	assert_int_equal(mark_port_attach(&device, &bus, BASE), 0);
	port_out(&bus, BASE, 7, 1);
	assert_int_equal(port_in(&bus, BASE, 1), 0);
	port_out(&bus, BASE + 1, 1, 1);
	port_out(&bus, BASE - 1, 1, 1);
	assert_int_equal(events.n, 1);
	assert_int_equal(events.events[0], MACHINE_MARK);
	assert_int_equal(events.values[0], 7);
	bus_destroy(&bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_byte_is_a_mark_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
