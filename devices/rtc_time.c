/* rtc_time.c: see rtc_time.h. */
#include "devices/rtc_time.h"

#include <time.h>

enum {
	OSCILLATOR_HZ = 32768,
	DAY = 86400, /* seconds */
};

#define EARLIEST (-2208988800ll) /* 1900-01-01 00:00:00 */
#define LATEST 7258118399ll	 /* 2199-12-31 23:59:59 */

/* Rounding down, as years before 1970 are within a guest's reach. */
static int64_t divide(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static int64_t remainder_of(int64_t value, int64_t by)
{
	return value - divide(value, by) * by;
}

int64_t rtc_into_second(int64_t ns)
{
	return remainder_of(ns, SECOND);
}

bool rtc_stands_still(const struct rtc_state *state)
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

void rtc_store_time(struct rtc_state *state, int64_t ns)
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

int64_t rtc_load_time(const struct rtc_state *state)
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
	int64_t ticks = rtc_into_second(after) * OSCILLATOR_HZ / SECOND;

	if (period == 0)
		return INT64_MAX;
	ticks += period - ticks % period; /* a period divides a second: this is at most its end */
	/* Rounded up, so that the moment itself lies in the tick. */
	return second * SECOND + (ticks * SECOND + OSCILLATOR_HZ - 1) / OSCILLATOR_HZ;
}

int64_t rtc_next_event(const struct rtc_state *state, uint8_t flag, int64_t after)
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
