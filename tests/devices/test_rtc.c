/* test_rtc.c: devices/rtc.c. The clock is the test's own; interrupts come by looking, not by
 * waiting. */
#include "devices/rtc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/fake/wires.h"
#include "vmm/util.h"

enum { INDEX = 0x70, DATA = 0x71 };
enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY,
	MONTH,
	YEAR,
	A,
	B,
	C,
	D,
	CENTURY = 0x32
};
enum { BINARY = 0x04, H24 = 0x02, UIE = 0x10, AIE = 0x20, PIE = 0x40, SET = 0x80 };
enum { UF = 0x10, AF = 0x20, PF = 0x40, IRQF = 0x80 };

#define NS 1000000000ll
#define START 1700000000ll /* Tuesday 2023-11-14 22:13:20 UTC */

struct fixture {
	struct loop loop;
	struct bus bus;
	struct fake_irq irq;
	struct rtc rtc;
};

static struct fixture f;
static int64_t now_ns;

static int64_t fake_now(void)
{
	return now_ns;
}

static unsigned int in(unsigned int reg)
{
	port_out(&f.bus, INDEX, reg, 1);
	return (unsigned int)port_in(&f.bus, DATA, 1);
}

static void out(unsigned int reg, unsigned int value)
{
	port_out(&f.bus, INDEX, reg, 1);
	port_out(&f.bus, DATA, value, 1);
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(loop_init(&f.loop), 0);
	bus_init(&f.bus, NULL);
	f.irq = (struct fake_irq){0};
	assert_int_equal(rtc_init(&f.rtc, &f.loop, fake_irq_line(&f.irq)), 0);
	f.rtc.now = fake_now;
	now_ns = START * NS;
	rtc_reset(&f.rtc);
	assert_int_equal(rtc_attach(&f.rtc, &f.bus, INDEX), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rtc_destroy(&f.rtc);
	bus_destroy(&f.bus);
	loop_destroy(&f.loop);
	return 0;
}

/* What the loop does when the timer fires. */
static void fire(void)
{
	f.rtc.timer.fired(&f.rtc.timer);
}

static void shows(unsigned int year, unsigned int month, unsigned int day, unsigned int hours,
		  unsigned int minutes, unsigned int seconds)
{
	assert_int_equal(in(CENTURY) << 8 | in(YEAR), year);
	assert_int_equal(in(MONTH), month);
	assert_int_equal(in(DAY), day);
	assert_int_equal(in(HOURS), hours);
	assert_int_equal(in(MINUTES), minutes);
	assert_int_equal(in(SECONDS), seconds);
}

static void it_shows_the_hosts_time_in_bcd(void **state)
{
	(void)state;
	shows(0x2023, 0x11, 0x14, 0x22, 0x13, 0x20);
	assert_int_equal(in(WEEKDAY), 3);
	assert_int_equal(in(D), 0x80);
	assert_int_equal(in(A), 0x26);
	now_ns += 100 * NS;
	shows(0x2023, 0x11, 0x14, 0x22, 0x15, 0x00);
}

static void binary_and_twelve_hours_are_as_asked(void **state)
{
	static const struct {
		unsigned int hour, bcd, binary;
	} table[] = {{0, 0x12, 12},    {1, 0x01, 1},	 {11, 0x11, 11},
		     {12, 0x92, 0x8c}, {13, 0x81, 0x81}, {23, 0x91, 0x8b}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		now_ns = (START / 86400 * 86400 + table[i].hour * 3600) * NS;
		out(B, 0);
		assert_int_equal(in(HOURS), table[i].bcd);
		out(B, BINARY);
		assert_int_equal(in(HOURS), table[i].binary);
		out(HOURS, table[i].binary); /* what it shows it also takes */
		out(B, BINARY | H24);
		assert_int_equal(in(HOURS), table[i].hour);
	}
	assert_int_equal(in(YEAR), 23);
}

static void a_guest_sets_the_time_as_linux_does(void **state)
{
	(void)state;
	out(B, in(B) | SET);
	out(A, in(A) | 0x70);
	now_ns += 5 * NS;
	shows(0x2023, 0x11, 0x14, 0x22, 0x13, 0x20); /* it stands still */
	out(CENTURY, 0x20);
	out(YEAR, 0x24);
	out(MONTH, 0x02);
	out(DAY, 0x29);
	out(HOURS, 0x23);
	out(MINUTES, 0x59);
	out(SECONDS, 0x59);
	shows(0x2024, 0x02, 0x29, 0x23, 0x59, 0x59);
	out(B, in(B) & ~(unsigned int)SET);
	out(A, 0x26);
	shows(0x2024, 0x02, 0x29, 0x23, 0x59, 0x59);
	now_ns += NS / 2; /* the first update comes half a second after the divider runs */
	shows(0x2024, 0x03, 0x01, 0x00, 0x00, 0x00);
}

static void a_single_field_can_be_set_while_it_runs(void **state)
{
	(void)state;
	now_ns += NS / 4;
	out(HOURS, 0x07);
	shows(0x2023, 0x11, 0x14, 0x07, 0x13, 0x20);
	now_ns += NS * 3 / 4;
	shows(0x2023, 0x11, 0x14, 0x07, 0x13, 0x21);
}

static void the_guests_time_survives_reset(void **state)
{
	(void)state;
	out(YEAR, 0x30);
	out(0x40, 0xab);
	out(B, in(B) | UIE | AIE | PIE);
	now_ns += NS;
	fire();
	assert_true(f.irq.high);
	rtc_reset(&f.rtc);
	assert_false(f.irq.high);
	assert_int_equal(in(YEAR), 0x30);
	assert_int_equal(in(0x40), 0xab);
	assert_int_equal(in(B), H24);
}

static void update_in_progress_is_told_shortly_before(void **state)
{
	(void)state;
	assert_int_equal(in(A)&0x80, 0);
	now_ns += NS - 244001;
	assert_int_equal(in(A)&0x80, 0);
	now_ns += 1;
	assert_int_equal(in(A)&0x80, 0x80);
	now_ns += 244000;
	assert_int_equal(in(A)&0x80, 0);
}

static void the_update_interrupt_comes_each_second(void **state)
{
	(void)state;
	out(B, H24 | UIE);
	for (unsigned int i = 1; i <= 3; i++) {
		now_ns += NS;
		fire();
		assert_true(f.irq.high);
		assert_int_equal(f.irq.rises, i);
		assert_int_equal(in(C) & (IRQF | UF), IRQF | UF);
		assert_false(f.irq.high);
		assert_int_equal(in(C), 0);
	}
}

static void a_timer_that_fires_early_raises_nothing(void **state)
{
	(void)state;
	out(B, H24 | UIE);
	now_ns += NS - 1;
	fire();
	assert_false(f.irq.high);
	now_ns += 1;
	fire();
	assert_true(f.irq.high);
}

static void the_alarm_comes_at_its_time(void **state)
{
	static const struct {
		unsigned int hours, minutes, seconds;
		int64_t after; /* seconds from 22:13:20, or -1: never */
	} table[] = {
		{0x22, 0x13, 0x21, 1},	  {0x22, 0x13, 0x20, 86400}, {0x22, 0x14, 0x00, 40},
		{0x23, 0x00, 0x00, 2800}, {0x00, 0x00, 0x00, 6400},  {0x22, 0x12, 0x59, 86379},
		{0xff, 0xff, 0xff, 1},	  {0xff, 0xff, 0x20, 60},    {0xff, 0xc0, 0x00, 40},
		{0xff, 0x13, 0x10, 3590}, {0xff, 0x05, 0xff, 3100},  {0x21, 0xff, 0xff, 81999 + 1},
		{0x22, 0x13, 0x7f, -1},	  {0xff, 0x60, 0xff, -1},    {0x24, 0xff, 0xff, -1},
		{0x99, 0x99, 0x99, -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		set_up(state);
		out(5, table[i].hours);
		out(3, table[i].minutes);
		out(1, table[i].seconds);
		out(B, H24 | AIE);
		if (table[i].after >= 0) {
			now_ns += table[i].after * NS - 1;
			fire();
			assert_false(f.irq.high);
			now_ns += 1;
			fire();
			assert_true(f.irq.high);
			assert_int_equal(in(C) & (IRQF | AF), IRQF | AF);
		} else {
			now_ns += 1000000 * NS;
			fire();
			assert_false(f.irq.high);
			assert_int_equal(in(C)&AF, 0);
		}
		tear_down(state);
	}
	set_up(state);
}

static void the_periodic_interrupt_has_the_rate_asked_for(void **state)
{
	static const struct {
		unsigned int rate, hertz;
	} table[] = {{1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {13, 8}, {15, 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		unsigned int rises = 0;

		now_ns = (START + 10 * (int64_t)i) * NS;
		rtc_reset(&f.rtc);
		out(A, 0x20 | table[i].rate);
		out(B, H24 | PIE);
		for (unsigned int n = 1; n <= 2 * table[i].hertz; n++) {
			now_ns = (START + 10 * (int64_t)i) * NS +
				 (n * NS + table[i].hertz - 1) / table[i].hertz;
			fire();
			rises += f.irq.high;
			assert_int_equal(in(C) & (IRQF | PF), IRQF | PF);
		}
		assert_int_equal(rises, 2 * table[i].hertz);
	}
	out(A, 0x20);
	in(C);
	now_ns += 100 * NS;
	fire();
	assert_false(f.irq.high);
}

static void flags_are_there_for_a_guest_that_polls(void **state)
{
	(void)state;
	in(C);
	now_ns += NS;
	assert_int_equal(in(C), UF | PF);
	assert_int_equal(in(C), 0);
	assert_int_equal(f.irq.rises, 0);
}

static void nothing_happens_while_the_clock_stands_still(void **state)
{
	(void)state;
	out(1, 0xff);
	out(3, 0xff);
	out(5, 0xff);
	out(B, H24 | SET | UIE | AIE | PIE);
	assert_int_equal(in(B)&UIE, 0);
	in(C);
	now_ns += 10 * NS;
	fire();
	assert_false(f.irq.high);
	assert_int_equal(in(C), 0);
	assert_int_equal(in(A)&0x80, 0);
}

static void a_host_clock_that_jumps_back_does_no_harm(void **state)
{
	(void)state;
	out(B, H24 | UIE);
	now_ns -= 3600 * NS;
	fire();
	shows(0x2023, 0x11, 0x14, 0x21, 0x13, 0x20);
	now_ns += NS;
	fire();
	assert_true(f.irq.high);
}

static void nvram_keeps_its_bytes_and_the_index_wraps_at_128(void **state)
{
	(void)state;
	for (unsigned int reg = D + 1; reg < RTC_BYTES; reg++) {
		if (reg != CENTURY)
			out(reg, reg ^ 0x5a);
	}
	for (unsigned int reg = D + 1; reg < RTC_BYTES; reg++) {
		if (reg != CENTURY)
			assert_int_equal(in(reg | 0x80), reg ^ 0x5a);
	}
	assert_int_equal(port_in(&f.bus, INDEX, 1), 0xff);
}

/* Case 31: no value in any register makes a time that cannot be read, or an endless search for an
 * alarm. */
static void garbage_in_every_register_leaves_it_working(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++) {
		random = random * 1664525 + 1013904223;
		now_ns += random >> 4;
		if (random & 0x100)
			port_out(&f.bus, INDEX, random >> 16, random >> 31 ? 2 : 1);
		else
			out(random >> 24 & 0x0f, random >> 16 & 0xff);
		if (i % 7 == 0)
			out(CENTURY, random >> 12 & 0xff);
		in(random >> 9 & 0x7f);
		fire();
		port_in(&f.bus, INDEX, 2);
	}
	out(B, SET | H24);
	out(CENTURY, 0x20);
	out(YEAR, 0x26);
	out(MONTH, 0x01);
	out(DAY, 0x31);
	out(HOURS, 0x00);
	out(MINUTES, 0x00);
	out(SECONDS, 0x00);
	out(A, 0x26);
	out(B, H24);
	shows(0x2026, 0x01, 0x31, 0x00, 0x00, 0x00);
}

static void years_beyond_reach_are_cut(void **state)
{
	static const struct {
		unsigned int century, year, becomes;
	} table[] = {{0xff, 0xff, 0x2199},
		     {0x22, 0x00, 0x2199},
		     {0x00, 0x00, 0x1900},
		     {0x18, 0x99, 0x1900}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		out(B, SET | H24);
		out(CENTURY, table[i].century);
		out(YEAR, table[i].year);
		out(B, H24);
		assert_int_equal(in(CENTURY) << 8 | in(YEAR), table[i].becomes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CLOCK_TEST(it_shows_the_hosts_time_in_bcd),
		CLOCK_TEST(binary_and_twelve_hours_are_as_asked),
		CLOCK_TEST(a_guest_sets_the_time_as_linux_does),
		CLOCK_TEST(a_single_field_can_be_set_while_it_runs),
		CLOCK_TEST(the_guests_time_survives_reset),
		CLOCK_TEST(update_in_progress_is_told_shortly_before),
		CLOCK_TEST(the_update_interrupt_comes_each_second),
		CLOCK_TEST(a_timer_that_fires_early_raises_nothing),
		CLOCK_TEST(the_alarm_comes_at_its_time),
		CLOCK_TEST(the_periodic_interrupt_has_the_rate_asked_for),
		CLOCK_TEST(flags_are_there_for_a_guest_that_polls),
		CLOCK_TEST(nothing_happens_while_the_clock_stands_still),
		CLOCK_TEST(a_host_clock_that_jumps_back_does_no_harm),
		CLOCK_TEST(nvram_keeps_its_bytes_and_the_index_wraps_at_128),
		CLOCK_TEST(garbage_in_every_register_leaves_it_working),
		CLOCK_TEST(years_beyond_reach_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
