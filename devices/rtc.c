/* rtc.c: the MC146818 real-time clock. Register and bit names are the data sheet's. */
#include "devices/rtc.h"

#include <string.h>
#include <time.h>

#include "devices/byte_ports.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	REG_SECONDS = 0x00,
	REG_SECONDS_ALARM = 0x01,
	REG_MINUTES = 0x02,
	REG_MINUTES_ALARM = 0x03,
	REG_HOURS = 0x04,
	REG_HOURS_ALARM = 0x05,
	REG_WEEKDAY = 0x06, /* 1 is Sunday */
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
};

enum {
	A_RATE = 0x0f,
	A_DIVIDER = 0x70,
	A_DIVIDER_RESET = 0x60, /* both upper bits: the divider chain stands still */
	A_DIVIDER_32KHZ = 0x20,
	A_UPDATE_IN_PROGRESS = 0x80,
	A_RATE_1024HZ = 0x06,

	B_24_HOURS = 0x02,
	B_BINARY = 0x04,
	B_UPDATE_INTERRUPT = 0x10, /* the three enables have the places of C's three flags */
	B_ALARM_INTERRUPT = 0x20,
	B_PERIODIC_INTERRUPT = 0x40,
	B_SET = 0x80,

	C_UPDATE = 0x10,
	C_ALARM = 0x20,
	C_PERIODIC = 0x40,
	C_FLAGS = 0x70,
	C_INTERRUPT = 0x80,

	D_VALID_RAM_AND_TIME = 0x80,

	HOURS_PM = 0x80,
	ALARM_ANY = 0xc0,  /* both upper bits in an alarm field match everything */
	INDEX_MASK = 0x7f, /* the upper bit masks the NMI, which we do not have */
};

enum {
	SECOND = 1000000000,
	UPDATE_NOTICE = 244000, /* nanoseconds from update-in-progress to the update */
	OSCILLATOR_HZ = 32768,
	DAY = 86400, /* seconds */
};

#define EARLIEST (-2208988800ll) /* 1900-01-01 00:00:00 */
#define LATEST 7258118399ll	 /* 2199-12-31 23:59:59 */

static int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* Rounding down, as years before 1970 are within a guest's reach. */
static int64_t divide(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static int64_t remainder_of(int64_t value, int64_t by)
{
	return value - divide(value, by) * by;
}

static int64_t guest_now(const struct rtc *rtc)
{
	return rtc->now() + rtc->state.offset_ns;
}

static bool stands_still(const struct rtc_state *state)
{
	return state->bytes[REG_B] & B_SET ||
	       (state->bytes[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

/* Conversions between numbers and what the guest asked registers to hold. */

static uint8_t encode(const struct rtc_state *state, int value)
{
	if (state->bytes[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static int decode(const struct rtc_state *state, uint8_t byte)
{
	if (state->bytes[REG_B] & B_BINARY)
		return byte;
	return (byte >> 4) * 10 + (byte & 0x0f);
}

static uint8_t encode_hours(const struct rtc_state *state, int hours)
{
	if (state->bytes[REG_B] & B_24_HOURS)
		return encode(state, hours);
	return (uint8_t)(encode(state, hours % 12 ? hours % 12 : 12) |
			 (hours >= 12 ? HOURS_PM : 0));
}

static int decode_hours(const struct rtc_state *state, uint8_t byte)
{
	if (state->bytes[REG_B] & B_24_HOURS)
		return decode(state, byte);
	return decode(state, byte & (uint8_t)~HOURS_PM) % 12 + (byte & HOURS_PM ? 12 : 0);
}

/* Time into the registers. */
static void store_time(struct rtc_state *state, int64_t ns)
{
	time_t seconds = (time_t)divide(ns, SECOND);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	state->bytes[REG_SECONDS] = encode(state, tm.tm_sec);
	state->bytes[REG_MINUTES] = encode(state, tm.tm_min);
	state->bytes[REG_HOURS] = encode_hours(state, tm.tm_hour);
	state->bytes[REG_WEEKDAY] = encode(state, tm.tm_wday + 1);
	state->bytes[REG_DAY] = encode(state, tm.tm_mday);
	state->bytes[REG_MONTH] = encode(state, tm.tm_mon + 1);
	state->bytes[REG_YEAR] = encode(state, (tm.tm_year + 1900) % 100);
	state->bytes[RTC_CENTURY] = encode(state, (tm.tm_year + 1900) / 100);
}

/*
 * Registers into time, in nanoseconds. Whatever they hold is some time: timegm() carries what is
 * too large, and years that do not count well in nanoseconds are cut to those of three centuries.
 */
static int64_t load_time(const struct rtc_state *state)
{
	const uint8_t *bytes = state->bytes;
	struct tm tm = {
		.tm_sec = decode(state, bytes[REG_SECONDS]),
		.tm_min = decode(state, bytes[REG_MINUTES]),
		.tm_hour = decode_hours(state, bytes[REG_HOURS]),
		.tm_mday = decode(state, bytes[REG_DAY]),
		.tm_mon = decode(state, bytes[REG_MONTH]) - 1,
		.tm_year = decode(state, bytes[RTC_CENTURY]) * 100 +
			   decode(state, bytes[REG_YEAR]) - 1900,
	};

	int64_t seconds = timegm(&tm);

	if (seconds < EARLIEST)
		seconds = EARLIEST;
	if (seconds > LATEST)
		seconds = LATEST;
	return seconds * SECOND;
}

/* Events: when the next one after a moment comes, in guest's nanoseconds. */

static bool alarm_field_matches(const struct rtc_state *state, unsigned int reg, int value)
{
	uint8_t byte = state->bytes[reg];

	if ((byte & ALARM_ANY) == ALARM_ANY)
		return true;
	return reg == REG_HOURS_ALARM ? decode_hours(state, byte) == value
				      : decode(state, byte) == value;
}

/* The first value from `from` on that an alarm field matches, or -1. */
static int alarm_match(const struct rtc_state *state, unsigned int reg, int from, int limit)
{
	for (int value = from; value < limit; value++) {
		if (alarm_field_matches(state, reg, value))
			return value;
	}
	return -1;
}

/* Second of the day of the first alarm from `from` on, or -1 for none until midnight. */
static int alarm_in_day(const struct rtc_state *state, int from)
{
	int first_second = alarm_match(state, REG_SECONDS_ALARM, 0, 60);
	int first_minute = alarm_match(state, REG_MINUTES_ALARM, 0, 60);
	int hour = from / 3600;
	int minute = from / 60 % 60;

	if (first_second < 0 || first_minute < 0)
		return -1;
	if (alarm_field_matches(state, REG_HOURS_ALARM, hour)) {
		int second = alarm_match(state, REG_SECONDS_ALARM, from % 60, 60);

		if (second >= 0 && alarm_field_matches(state, REG_MINUTES_ALARM, minute))
			return hour * 3600 + minute * 60 + second;
		minute = alarm_match(state, REG_MINUTES_ALARM, minute + 1, 60);
		if (minute >= 0)
			return hour * 3600 + minute * 60 + first_second;
	}
	hour = alarm_match(state, REG_HOURS_ALARM, hour + 1, 24);
	return hour < 0 ? -1 : hour * 3600 + first_minute * 60 + first_second;
}

static int64_t next_alarm(const struct rtc_state *state, int64_t after)
{
	int64_t second = divide(after, SECOND) + 1;
	int64_t day = divide(second, DAY);
	int at = alarm_in_day(state, (int)(second - day * DAY));

	if (at < 0) {
		at = alarm_in_day(state, 0);
		day++;
	}
	return at < 0 ? INT64_MAX : (day * DAY + at) * SECOND;
}

/* Periods in ticks of the oscillator, by RS; the first two are those of the slower taps. */
static unsigned int period_ticks(const struct rtc_state *state)
{
	unsigned int rate = state->bytes[REG_A] & A_RATE;

	if (rate == 0)
		return 0;
	return rate <= 2 ? 1u << (rate + 6) : 1u << (rate - 1);
}

static int64_t next_periodic(const struct rtc_state *state, int64_t after)
{
	unsigned int period = period_ticks(state);
	int64_t second = divide(after, SECOND);
	int64_t ticks = remainder_of(after, SECOND) * OSCILLATOR_HZ / SECOND;

	if (period == 0)
		return INT64_MAX;
	ticks += period - ticks % period; /* a period divides a second: this is at most its end */
	/* Rounded up, so that the moment itself lies in the tick. */
	return second * SECOND + (ticks * SECOND + OSCILLATOR_HZ - 1) / OSCILLATOR_HZ;
}

static int64_t next_event(const struct rtc_state *state, uint8_t flag, int64_t after)
{
	switch (flag) {
	case C_UPDATE:
		return (divide(after, SECOND) + 1) * SECOND;
	case C_ALARM:
		return next_alarm(state, after);
	default:
		return next_periodic(state, after);
	}
}

/* Sets the flags of all that happened since the last look. */
static void catch_up(struct rtc *rtc)
{
	struct rtc_state *state = &rtc->state;
	int64_t now = guest_now(rtc);

	if (!stands_still(state)) {
		for (uint8_t flag = C_UPDATE; flag <= C_PERIODIC; flag = (uint8_t)(flag << 1)) {
			if (!(state->bytes[REG_C] & flag) &&
			    next_event(state, flag, state->checked_ns) <= now)
				state->bytes[REG_C] |= flag;
		}
	}
	state->checked_ns = now;
}

/* The interrupt as flags and enables have it, and the timer for the next enabled event. */
static void update_irq(struct rtc *rtc)
{
	struct rtc_state *state = &rtc->state;
	uint8_t enabled = state->bytes[REG_B] & C_FLAGS;
	bool high = (state->bytes[REG_C] & enabled) != 0;
	int64_t next = INT64_MAX;

	if (high != state->irq_high) {
		state->irq_high = high;
		irq_set(&rtc->irq, high);
	}
	/* A flag that is up already changes nothing until register C is read. */
	for (uint8_t flag = C_UPDATE; flag <= C_PERIODIC && !high; flag = (uint8_t)(flag << 1)) {
		int64_t at =
			enabled & flag ? next_event(state, flag, state->checked_ns) : INT64_MAX;

		next = at < next ? at : next;
	}
	if (next == INT64_MAX || stands_still(state))
		loop_timer_set(&rtc->timer, 0, 0);
	else
		loop_timer_set(&rtc->timer, (uint64_t)(next - state->checked_ns), 0);
}

static void rtc_fired(struct loop_timer *timer)
{
	struct rtc *rtc = container_of(timer, struct rtc, timer);

	pthread_mutex_lock(&rtc->lock);
	catch_up(rtc);
	update_irq(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static bool is_time_register(unsigned int reg)
{
	switch (reg) {
	case REG_SECONDS:
	case REG_MINUTES:
	case REG_HOURS:
	case REG_WEEKDAY:
	case REG_DAY:
	case REG_MONTH:
	case REG_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

static uint8_t read_a(struct rtc *rtc)
{
	struct rtc_state *state = &rtc->state;
	int64_t to_update = SECOND - remainder_of(guest_now(rtc), SECOND);

	if (!stands_still(state) && to_update <= UPDATE_NOTICE)
		return state->bytes[REG_A] | A_UPDATE_IN_PROGRESS;
	return state->bytes[REG_A];
}

static uint8_t read_c(struct rtc *rtc)
{
	struct rtc_state *state = &rtc->state;

	catch_up(rtc);
	uint8_t flags = state->bytes[REG_C];
	uint8_t value = flags & state->bytes[REG_B] ? flags | C_INTERRUPT : flags;
	state->bytes[REG_C] = 0;
	update_irq(rtc);
	return value;
}

static uint8_t read_cmos(struct rtc *rtc, unsigned int reg)
{
	struct rtc_state *state = &rtc->state;

	if (is_time_register(reg) && !stands_still(state))
		store_time(state, guest_now(rtc));
	switch (reg) {
	case REG_A:
		return read_a(rtc);
	case REG_C:
		return read_c(rtc);
	case REG_D:
		return D_VALID_RAM_AND_TIME;
	default:
		return state->bytes[reg];
	}
}

/* The clock goes on from what the registers hold, so many nanoseconds into the second. */
static void take_time(struct rtc *rtc, int64_t into)
{
	struct rtc_state *state = &rtc->state;

	state->offset_ns = load_time(state) + into - rtc->now();
	state->checked_ns = guest_now(rtc);
}

/*
 * A and B may stop the clock, whose registers then hold the time and take a new one, or start it
 * from what they hold. Out of a stopped divider chain the first update comes after half a second.
 */
static void write_control(struct rtc *rtc, unsigned int reg, uint8_t value)
{
	struct rtc_state *state = &rtc->state;
	bool still = stands_still(state);
	bool divider_stopped = (state->bytes[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;

	catch_up(rtc);
	if (!still)
		store_time(state, guest_now(rtc));
	state->bytes[reg] = value;
	if (still && !stands_still(state)) {
		int64_t into = divider_stopped ? SECOND / 2 : remainder_of(guest_now(rtc), SECOND);

		take_time(rtc, into);
	}
	update_irq(rtc);
}

static void write_time(struct rtc *rtc, unsigned int reg, uint8_t value)
{
	struct rtc_state *state = &rtc->state;
	int64_t now = guest_now(rtc);

	if (stands_still(state)) {
		state->bytes[reg] = value;
		return;
	}
	catch_up(rtc);
	store_time(state, now);
	state->bytes[reg] = value;
	take_time(rtc, remainder_of(now, SECOND));
	update_irq(rtc);
}

static void write_cmos(struct rtc *rtc, unsigned int reg, uint8_t value)
{
	struct rtc_state *state = &rtc->state;

	if (is_time_register(reg)) {
		write_time(rtc, reg, value);
		return;
	}
	switch (reg) {
	case REG_A:
		write_control(rtc, reg, value & (uint8_t)~A_UPDATE_IN_PROGRESS);
		break;
	case REG_B:
		/* Setting SET ends the update interrupt, as on the chip. */
		write_control(rtc, reg,
			      value & B_SET ? value & (uint8_t)~B_UPDATE_INTERRUPT : value);
		break;
	case REG_C:
	case REG_D:
		break; /* read-only */
	case REG_SECONDS_ALARM:
	case REG_MINUTES_ALARM:
	case REG_HOURS_ALARM:
		catch_up(rtc);
		state->bytes[reg] = value;
		update_irq(rtc);
		break;
	default:
		state->bytes[reg] = value;
	}
}

static uint8_t read_port(struct io_region *region, uint64_t offset)
{
	struct rtc *rtc = container_of(region, struct rtc, region);

	return offset == 0 ? 0xff : read_cmos(rtc, rtc->state.index); /* the index is write-only */
}

static void write_port(struct io_region *region, uint64_t offset, uint8_t value)
{
	struct rtc *rtc = container_of(region, struct rtc, region);

	if (offset == 0)
		rtc->state.index = value & INDEX_MASK;
	else
		write_cmos(rtc, rtc->state.index, value);
}

static uint64_t rtc_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct rtc *rtc = container_of(region, struct rtc, region);

	pthread_mutex_lock(&rtc->lock);
	uint64_t value = byte_ports_read(region, offset, size, read_port);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	struct rtc *rtc = container_of(region, struct rtc, region);

	pthread_mutex_lock(&rtc->lock);
	byte_ports_write(region, offset, value, size, write_port);
	pthread_mutex_unlock(&rtc->lock);
}

static const struct io_region_ops rtc_ops = {
	.read = rtc_read,
	.write = rtc_write,
};

int rtc_init(struct rtc *rtc, struct loop *loop, struct irq_line irq)
{
	*rtc = (struct rtc){
		.region = {.name = "rtc", .size = RTC_PORTS, .ops = &rtc_ops},
		.irq = irq,
		.now = realtime_ns,
		.loop = loop,
		.timer = {.fired = rtc_fired},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.state.bytes =
			{
				[REG_A] = A_DIVIDER_32KHZ | A_RATE_1024HZ,
				[REG_B] = B_24_HOURS,
			},
	};
	rtc->state.checked_ns = guest_now(rtc);

	int err = loop_timer_init(loop, &rtc->timer);

	if (err < 0)
		log_error(err, "clock: cannot make a timer");
	return err;
}

void rtc_destroy(struct rtc *rtc)
{
	loop_timer_destroy(rtc->loop, &rtc->timer);
	pthread_mutex_destroy(&rtc->lock);
}

int rtc_attach(struct rtc *rtc, struct bus *ports, uint64_t base)
{
	return bus_add(ports, &rtc->region, base);
}

void rtc_reset(struct rtc *rtc)
{
	struct rtc_state *state = &rtc->state;

	pthread_mutex_lock(&rtc->lock);
	state->index = 0;
	state->bytes[REG_B] &= (uint8_t)~C_FLAGS;
	state->bytes[REG_C] = 0;
	state->checked_ns = guest_now(rtc);
	update_irq(rtc);
	pthread_mutex_unlock(&rtc->lock);
}
