/*
 * rtc_time.h: what the registers of the MC146818 say: time into them and out of them, and when what
 * they ask for comes next. Nothing here looks at a clock. Register and bit names are the data
 * sheet's.
 */
#ifndef DEVICES_RTC_TIME_H
#define DEVICES_RTC_TIME_H

#include "devices/rtc.h"

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
	ALARM_ANY = 0xc0, /* both upper bits in an alarm field match everything */
};

enum { SECOND = 1000000000 }; /* nanoseconds, as all times here: since 1970, the guest's */

/* How far into its second a moment is. */
int64_t rtc_into_second(int64_t ns);

/* Is the clock stopped, by SET or its divider? */
bool rtc_stands_still(const struct rtc_state *state);

void rtc_store_time(struct rtc_state *state, int64_t ns);
/*
 * Registers into time, in nanoseconds. Whatever they hold is some time: what is too large is
 * carried, and years that do not count well in nanoseconds are cut to those of three centuries.
 */
int64_t rtc_load_time(const struct rtc_state *state);

/* When a flag of register C is to be set next, after a moment; INT64_MAX: never. */
int64_t rtc_next_event(const struct rtc_state *state, uint8_t flag, int64_t after);

#endif
