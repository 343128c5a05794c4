/* test_debug_exit.c: devices/debug_exit.c. */
#include "devices/debug_exit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fake/wires.h"

enum { BASE = 0xf4 };

struct fixture {
	struct bus bus;
	struct fake_events events;
	struct debug_exit device;
};

static int set_up(void **state)
{
	static struct fixture f;

	bus_init(&f.bus, NULL);
	fake_events_init(&f.events);
	debug_exit_init(&f.device, &f.events.sink);
	assert_int_equal(debug_exit_attach(&f.device, &f.bus, BASE), 0);
	*state = &f;
	return 0;
}

static void every_width_hands_over_its_whole_value(void **state)
{
	struct fixture *f = *state;

	port_out(&f->bus, BASE, 0, 1);
	port_out(&f->bus, BASE, 0x1234, 2);
	port_out(&f->bus, BASE, 0xdeadbeef, 4);
	assert_int_equal(f->events.n, 3);
	assert_int_equal(f->events.events[0], MACHINE_DEBUG_EXIT);
	assert_int_equal(f->events.values[0], 0);
	assert_int_equal(f->events.values[1], 0x1234);
	assert_int_equal(f->events.values[2], 0xdeadbeef);
}

static void writes_beside_the_first_port_and_reads_do_nothing(void **state)
{
	struct fixture *f = *state;

	for (unsigned int offset = 1; offset < 4; offset++)
		port_out(&f->bus, BASE + offset, 1, 1);
	assert_int_equal(port_in(&f->bus, BASE, 4), 0);
	assert_int_equal(f->events.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_width_hands_over_its_whole_value, set_up),
		cmocka_unit_test_setup(writes_beside_the_first_port_and_reads_do_nothing, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
