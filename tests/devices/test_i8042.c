/* test_i8042.c: devices/i8042.c. */
#include "devices/i8042.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/fake/wires.h"
#include "vmm/util.h"

enum { DATA = 0x60, COMMAND = 0x64 };
enum { OUTPUT_FULL = 1, INPUT_FULL = 2, SYSTEM = 4, AUX_DATA = 0x20, TIMED_OUT = 0x40 };

struct fixture {
	struct bus bus;
	struct fake_events events;
	struct fake_irq irq;
	struct i8042 device;
};

static struct fixture f;

static void make(bool answers)
{
	bus_init(&f.bus, NULL);
	fake_events_init(&f.events);
	f.irq = (struct fake_irq){0};
	i8042_init(&f.device, fake_irq_line(&f.irq), &f.events.sink, answers);
	assert_int_equal(i8042_attach(&f.device, &f.bus, DATA), 0);
}

static int answering(void **state)
{
	(void)state;
	make(true);
	return 0;
}

static int silent(void **state)
{
	(void)state;
	make(false);
	return 0;
}

static void command(unsigned int value)
{
	port_out(&f.bus, COMMAND, value, 1);
}

static void reads(unsigned int expected)
{
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & OUTPUT_FULL, OUTPUT_FULL);
	assert_int_equal(port_in(&f.bus, DATA, 1), expected);
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & OUTPUT_FULL, 0);
}

static void the_reset_commands_work_in_both_kinds(void **state)
{
	(void)state;
	for (int answers = 0; answers < 2; answers++) {
		make(answers);
		command(0xfe);
		assert_int_equal(f.events.n, 1);
		assert_int_equal(f.events.events[0], MACHINE_RESET);
		command(0xd1);
		port_out(&f.bus, DATA, 0xdf, 1); /* A20 on, no reset */
		assert_int_equal(f.events.n, 1);
		command(0xd1);
		port_out(&f.bus, DATA, 0xde, 1);
		assert_int_equal(f.events.n, 2);
		command(0xff);
		assert_int_equal(f.events.n, 2);
	}
}

static void a_silent_one_looks_absent_at_once_and_lets_reset_through(void **state)
{
	(void)state;
	command(0xaa);
	/* A driver that flushes finds no end; one that wants to write need not wait. */
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(port_in(&f.bus, COMMAND, 1), OUTPUT_FULL);
		assert_int_equal(port_in(&f.bus, DATA, 1), 0xff);
	}
}

static void an_answering_one_passes_what_a_driver_asks(void **state)
{
	(void)state;
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & (OUTPUT_FULL | INPUT_FULL), 0);
	command(0xaa);
	reads(0x55);
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & SYSTEM, SYSTEM);
	command(0xab);
	reads(0x00);
	command(0x20);
	reads(0x34);
	command(0x60);
	port_out(&f.bus, DATA, 0x44, 1);
	command(0x20);
	reads(0x44);
	command(0xad);
	command(0x20);
	reads(0x54);
	command(0xae);
	command(0x20);
	reads(0x44);
	command(0xd0);
	reads(0x03);
}

static void there_is_no_auxiliary_port(void **state)
{
	(void)state;
	command(0xd3);
	port_out(&f.bus, DATA, 0x5a, 1);
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & (OUTPUT_FULL | AUX_DATA), OUTPUT_FULL);
	command(0xa9);
	reads(0x01);
}

static void a_byte_for_the_keyboard_times_out_with_an_interrupt(void **state)
{
	(void)state;
	command(0x60);
	port_out(&f.bus, DATA, 0x01, 1);
	port_out(&f.bus, DATA, 0xf2, 1);
	assert_true(f.irq.high);
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & TIMED_OUT, TIMED_OUT);
	reads(0xfe);
	assert_false(f.irq.high);
	assert_int_equal(port_in(&f.bus, COMMAND, 1) & TIMED_OUT, 0);
}

static void reset_forgets_a_command_and_its_ram(void **state)
{
	(void)state;
	command(0x60);
	port_out(&f.bus, DATA, 0x01, 1);
	port_out(&f.bus, DATA, 0x00, 1);
	command(0xd1);
	i8042_reset(&f.device);
	assert_false(f.irq.high);
	port_out(&f.bus, DATA, 0x00, 1); /* not the output port's byte any more */
	assert_int_equal(f.events.n, 0);
	reads(0xfe);
	command(0x20);
	reads(0x30);
}

static void no_command_and_byte_harms_or_resets_but_those_that_say_so(void **state)
{
	(void)state;
	for (unsigned int value = 0; value < 256; value++) {
		if (value >= 0xf0 && !(value & 1))
			continue;
		for (unsigned int byte = 1; byte < 256; byte += 2) {
			command(value);
			port_out(&f.bus, DATA, byte, 1);
			port_in(&f.bus, DATA, 1);
			port_in(&f.bus, COMMAND, 1);
		}
	}
	assert_int_equal(f.events.n, 0);
}

static void ports_between_the_two_belong_to_others(void **state)
{
	uint8_t byte;

	(void)state;
	for (unsigned int port = DATA + 1; port < COMMAND; port++)
		assert_null(bus_read(&f.bus, port, &byte, 1));
	assert_null(bus_read(&f.bus, COMMAND + 1, &byte, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reset_commands_work_in_both_kinds),
		cmocka_unit_test_setup(a_silent_one_looks_absent_at_once_and_lets_reset_through,
				       silent),
		cmocka_unit_test_setup(an_answering_one_passes_what_a_driver_asks, answering),
		cmocka_unit_test_setup(there_is_no_auxiliary_port, answering),
		cmocka_unit_test_setup(a_byte_for_the_keyboard_times_out_with_an_interrupt,
				       answering),
		cmocka_unit_test_setup(reset_forgets_a_command_and_its_ram, answering),
		cmocka_unit_test_setup(no_command_and_byte_harms_or_resets_but_those_that_say_so,
				       answering),
		cmocka_unit_test_setup(ports_between_the_two_belong_to_others, answering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
