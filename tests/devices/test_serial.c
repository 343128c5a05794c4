/* test_serial.c: devices/serial.c. */
#include "devices/serial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/wires.h"
#include "vmm/util.h"

enum { BASE = 0x3f8 };
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };
enum { RDI = 1, THRI = 2, RLSI = 4, MSI = 8 }; /* IER */
enum { DR = 1, OE = 2, IDLE = 0x60 };	       /* LSR */
enum { NO_INTERRUPT = 1 };		       /* IIR; with FIFOs 0xc0 is added */

struct fixture {
	struct bus bus;
	struct fake_irq irq;
	struct fake_stream stream;
	struct serial serial;
};

static struct fixture f;

static int set_up(void **state)
{
	(void)state;
	bus_init(&f.bus, NULL);
	f.irq = (struct fake_irq){0};
	fake_stream_init(&f.stream);
	serial_init(&f.serial, fake_irq_line(&f.irq), &f.stream.stream);
	assert_int_equal(serial_attach(&f.serial, &f.bus, BASE), 0);
	return 0;
}

static unsigned int in(unsigned int reg)
{
	return (unsigned int)port_in(&f.bus, BASE + reg, 1);
}

static void out(unsigned int reg, unsigned int value)
{
	port_out(&f.bus, BASE + reg, value, 1);
}

static void written(const char *text)
{
	assert_int_equal(f.stream.out_len, strlen(text));
	assert_memory_equal(f.stream.out, text, strlen(text));
	f.stream.out_len = 0;
}

static void after_power_on_it_is_idle(void **state)
{
	(void)state;
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), NO_INTERRUPT);
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(MSR), 0xb0);
	assert_false(f.irq.high);
}

/* The steps by which Linux tells the members of the family apart. */
static void a_driver_finds_a_16550a(void **state)
{
	(void)state;
	out(IER, 0);
	assert_int_equal(in(IER), 0);
	out(IER, 0x0f);
	assert_int_equal(in(IER)&0x0f, 0x0f);
	out(IER, 0);
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(LCR, 0xbf); /* EFR of later chips: here the divisor's latch is seen through */
	assert_int_equal(in(LCR), 0xbf);
	out(LCR, 0);
	out(FCR, 0x01);
	assert_int_equal(in(IIR) >> 6, 3);
	out(FCR, 0x21); /* the 16750's 64 bytes */
	assert_int_equal(in(IIR) >> 5, 6);
	out(IER, 0x40); /* XScale's unit enable */
	assert_int_equal(in(IER)&0x40, 0);
	out(FCR, 0);
	assert_int_equal(in(IIR) >> 6, 0);
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
}

static void the_divisor_hides_data_and_ier(void **state)
{
	(void)state;
	out(IER, RDI);
	out(LCR, 0x83);
	out(DATA, 0x01);
	out(IER, 0x00);
	assert_int_equal(in(DATA), 0x01);
	assert_int_equal(in(IER), 0x00);
	out(DATA, 0x00); /* a divisor of 0 stops nothing */
	out(LCR, 0x03);
	assert_int_equal(in(IER), RDI);
	out(DATA, 'x');
	written("x");
}

static void what_the_guest_writes_goes_out_at_once(void **state)
{
	(void)state;
	for (const char *p = "Linux version"; *p; p++) {
		out(DATA, (unsigned char)*p);
		assert_int_equal(in(LSR), IDLE);
	}
	written("Linux version");
}

static void sixteen_bytes_for_each_interrupt_move_the_line_twice(void **state)
{
	(void)state;
	out(FCR, 0x01);
	out(IER, THRI);
	assert_true(f.irq.high);
	for (unsigned int batch = 0; batch < 10; batch++) {
		unsigned int calls = f.irq.calls;

		assert_int_equal(in(IIR)&0x0f, 0x02);
		assert_false(f.irq.high);
		for (unsigned int i = 0; i < 16; i++)
			out(DATA, 'a' + batch);
		assert_true(f.irq.high);
		assert_int_equal(f.irq.calls - calls, 2);
	}
	assert_int_equal(f.irq.rises, 11);
	assert_int_equal(f.stream.out_len, 160);
}

static void enabling_the_transmitter_interrupt_again_raises_it_again(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		out(IER, THRI);
		assert_true(f.irq.high);
		assert_int_equal(in(IIR), 0x02);
		assert_int_equal(in(IIR), NO_INTERRUPT);
		out(IER, 0);
	}
}

static void a_full_stream_keeps_the_transmitter_busy_and_loses_nothing(void **state)
{
	(void)state;
	out(FCR, 0x01);
	out(IER, THRI);
	in(IIR);
	f.stream.room = 2;
	for (const char *p = "abcdefgh"; *p; p++)
		out(DATA, (unsigned char)*p);
	assert_int_equal(in(LSR)&IDLE, 0);
	assert_false(f.irq.high);
	written("ab");
	fake_stream_make_room(&f.stream, 3);
	assert_int_equal(in(LSR)&IDLE, 0);
	assert_false(f.irq.high);
	fake_stream_make_room(&f.stream, 100);
	assert_int_equal(in(LSR)&IDLE, IDLE);
	assert_true(f.irq.high);
	written("cdefgh");
}

static void a_guest_that_does_not_wait_overruns_its_own_transmitter_only(void **state)
{
	(void)state;
	out(FCR, 0x01);
	f.stream.room = 0;
	for (unsigned int i = 0; i < 1000; i++)
		out(DATA, 'a' + i % 26);
	fake_stream_make_room(&f.stream, 1000);
	written("abcdefghijklmnop");
}

static void received_bytes_interrupt_until_all_are_read(void **state)
{
	(void)state;
	out(FCR, 0xc1); /* trigger level 14 */
	out(IER, RDI);
	fake_stream_type(&f.stream, "ls");
	assert_true(f.irq.high);
	assert_int_equal(in(IIR), 0xcc); /* timeout: below the trigger */
	fake_stream_type(&f.stream, " -la /proc/self/fd");
	assert_int_equal(in(IIR), 0xc4);

	char text[64] = "";

	for (unsigned int n = 0; in(LSR)&DR && n < sizeof(text) - 1; n++)
		text[n] = (char)in(DATA);
	assert_string_equal(text, "ls -la /proc/self/fd");
	assert_int_equal(in(IIR), 0xc1);
	assert_false(f.irq.high);
}

static void trigger_levels_decide_between_received_and_timeout(void **state)
{
	static const struct {
		unsigned int fcr, level;
	} table[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		set_up(state);
		out(FCR, table[i].fcr);
		out(IER, RDI);
		for (unsigned int n = 1; n <= 16; n++) {
			fake_stream_type(&f.stream, "x");
			assert_int_equal(in(IIR), n < table[i].level ? 0xcc : 0xc4);
		}
	}
}

static void without_fifos_bytes_come_one_by_one(void **state)
{
	(void)state;
	out(IER, RDI);
	fake_stream_type(&f.stream, "abc");
	assert_int_equal(f.stream.in_taken, 1);
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(in(DATA), 'b');
	assert_int_equal(in(DATA), 'c');
	assert_int_equal(in(LSR), IDLE);
	assert_int_equal(in(DATA), 0);
}

static void a_polling_guest_gets_its_input_too(void **state)
{
	char text[8] = "";

	(void)state;
	fake_stream_type(&f.stream, "poll");
	for (unsigned int n = 0; n < 4; n++) {
		while (!(in(LSR)&DR))
			;
		text[n] = (char)in(DATA);
	}
	assert_string_equal(text, "poll");
	assert_int_equal(f.irq.rises, 0);
}

/* What Linux does to the chip before the first program opens it: none of it may eat what was piped
 * in. */
static void probing_loses_no_input(void **state)
{
	char text[16] = "";

	(void)state;
	fake_stream_type(&f.stream, "echo hello\n");
	for (unsigned int round = 0; round < 5; round++) {
		out(IER, 0x0f);
		in(IER);
		out(IER, 0);
		out(FCR, 0x01);
		out(FCR, 0x07);
		out(FCR, 0x00);
		in(LSR);
		in(DATA);
		in(IIR);
		in(MSR);
		out(MCR, 0x1a);
		in(MSR);
		out(MCR, 0x08);
	}
	out(FCR, 0x81);
	out(IER, RDI | RLSI);
	for (unsigned int n = 0; in(LSR)&DR && n < sizeof(text) - 1; n++)
		text[n] = (char)in(DATA);
	assert_string_equal(text, "echo hello\n");
}

static void loopback_returns_bytes_and_modem_lines_and_sends_nothing(void **state)
{
	(void)state;
	out(FCR, 0x01);
	out(MCR, 0x10);
	assert_int_equal(in(MSR)&0xf0, 0x00);
	out(MCR, 0x1f);
	assert_int_equal(in(MSR)&0xf0, 0xf0);
	for (unsigned int i = 0; i < 16; i++)
		out(DATA, 'A' + i);
	assert_int_equal(in(LSR), IDLE | DR);
	out(DATA, 'Z');
	assert_int_equal(in(LSR), IDLE | DR | OE);
	assert_int_equal(in(LSR), IDLE | DR);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(in(DATA), 'A' + i);
	out(DATA, 'Q');
	out(MCR, 0); /* what was looped back does not come out of the line afterwards */
	out(IER, RDI);
	assert_int_equal(in(LSR), IDLE);
	assert_int_equal(f.stream.out_len, 0);
}

static void modem_deltas_interrupt_and_go_when_read(void **state)
{
	(void)state;
	in(MSR);
	out(IER, MSI);
	out(MCR, 0x10); /* CTS, DSR and DCD go */
	assert_true(f.irq.high);
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(in(MSR), 0x0b);
	assert_false(f.irq.high);
	out(MCR, 0x14);
	assert_int_equal(in(MSR), 0x40); /* the start of a ring is no delta, its end is */
	out(MCR, 0x10);
	assert_int_equal(in(MSR), 0x04);
}

static void causes_come_by_their_priority(void **state)
{
	(void)state;
	out(FCR, 0x01);
	out(IER, RDI | THRI | RLSI | MSI);
	out(MCR, 0x10);
	for (unsigned int i = 0; i < 17; i++)
		out(DATA, i);
	assert_int_equal(in(IIR), 0xc6);
	in(LSR);
	assert_int_equal(in(IIR), 0xc4);
	out(FCR, 0x03);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc0);
	in(MSR);
	assert_int_equal(in(IIR), 0xc1);
	assert_false(f.irq.high);
}

static void wide_accesses_are_those_of_their_bytes(void **state)
{
	(void)state;
	port_out(&f.bus, BASE + SCR - 1, 0x5a00, 2);
	assert_int_equal(port_in(&f.bus, BASE + MSR, 2), 0x5ab0);
	port_out(&f.bus, BASE, 0x00000041, 4);
	written("A");
	assert_int_equal(port_in(&f.bus, BASE + MCR, 4) >> 8 & 0xff, IDLE);
}

static void reset_is_power_on_and_keeps_what_waits_on_the_line(void **state)
{
	(void)state;
	out(FCR, 0xc1);
	out(IER, RDI | THRI);
	out(LCR, 0x83);
	out(MCR, 0x0b);
	fake_stream_type(&f.stream, "still here");
	serial_reset(&f.serial);
	assert_false(f.irq.high);
	after_power_on_it_is_idle(state);
	assert_int_equal(in(LCR), 0);
	out(FCR, 0x01);
	out(IER, RDI);
	assert_int_equal(in(DATA), 's');
}

/* Cases 24 and 31: every register, width and value, in an order that visits all modes. */
static void garbage_in_every_register_leaves_it_working(void **state)
{
	uint32_t random = 1;

	(void)state;
	f.stream.room = 1000;
	for (unsigned int i = 0; i < 200000; i++) {
		random = random * 1664525 + 1013904223;

		unsigned int size = 1u << (random >> 28 & 1) << (random >> 29 & 1);
		unsigned int port = (random >> 8) % (SERIAL_PORTS - size + 1);

		if (i % 1000 == 0)
			fake_stream_type(&f.stream, "#");
		if (i % 5000 == 0)
			fake_stream_make_room(&f.stream, random >> 20);
		if (random >> 31)
			port_out(&f.bus, BASE + port, random, size);
		else
			port_in(&f.bus, BASE + port, size);
		assert_true(f.serial.state.receive.count <= SERIAL_FIFO_SIZE);
		assert_true(f.serial.state.transmit.count <= SERIAL_FIFO_SIZE);
		assert_true(f.serial.state.line.count + f.serial.state.receive.count <=
			    2 * SERIAL_FIFO_SIZE);
	}
	fake_stream_make_room(&f.stream, SIZE_MAX);
	f.stream.out_len = 0;
	serial_reset(&f.serial);
	out(DATA, '!');
	written("!");
}

static void a_flood_of_input_waits_on_the_line(void **state)
{
	static char flood[20000];

	(void)state;
	memset(flood, 'f', sizeof(flood) - 1);
	out(FCR, 0x01);
	out(IER, RDI);
	fake_stream_type(&f.stream, flood);
	assert_int_equal(f.stream.in_taken, SERIAL_FIFO_SIZE);
	for (size_t i = 0; i < sizeof(flood) - 1; i++)
		assert_int_equal(in(DATA), 'f');
	assert_int_equal(in(LSR) & (DR | OE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_power_on_it_is_idle, set_up),
		cmocka_unit_test_setup(a_driver_finds_a_16550a, set_up),
		cmocka_unit_test_setup(the_divisor_hides_data_and_ier, set_up),
		cmocka_unit_test_setup(what_the_guest_writes_goes_out_at_once, set_up),
		cmocka_unit_test_setup(sixteen_bytes_for_each_interrupt_move_the_line_twice,
				       set_up),
		cmocka_unit_test_setup(enabling_the_transmitter_interrupt_again_raises_it_again,
				       set_up),
		cmocka_unit_test_setup(a_full_stream_keeps_the_transmitter_busy_and_loses_nothing,
				       set_up),
		cmocka_unit_test_setup(a_guest_that_does_not_wait_overruns_its_own_transmitter_only,
				       set_up),
		cmocka_unit_test_setup(received_bytes_interrupt_until_all_are_read, set_up),
		cmocka_unit_test_setup(trigger_levels_decide_between_received_and_timeout, set_up),
		cmocka_unit_test_setup(without_fifos_bytes_come_one_by_one, set_up),
		cmocka_unit_test_setup(a_polling_guest_gets_its_input_too, set_up),
		cmocka_unit_test_setup(probing_loses_no_input, set_up),
		cmocka_unit_test_setup(loopback_returns_bytes_and_modem_lines_and_sends_nothing,
				       set_up),
		cmocka_unit_test_setup(modem_deltas_interrupt_and_go_when_read, set_up),
		cmocka_unit_test_setup(causes_come_by_their_priority, set_up),
		cmocka_unit_test_setup(wide_accesses_are_those_of_their_bytes, set_up),
		cmocka_unit_test_setup(reset_is_power_on_and_keeps_what_waits_on_the_line, set_up),
		cmocka_unit_test_setup(garbage_in_every_register_leaves_it_working, set_up),
		cmocka_unit_test_setup(a_flood_of_input_waits_on_the_line, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
