/* rtc.c: the MC146818 real-time clock as the guest accesses it, and its interrupts. */
#include "devices/rtc.h"

#include <time.h>

#include "devices/byte_ports.h"
#include "devices/rtc_time.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	INDEX_MASK = 0x7f,	/* the upper bit masks the NMI, which we do not have */
	UPDATE_NOTICE = 244000, /* nanoseconds from update-in-progress to the update */
};

static int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static int64_t guest_now(const struct rtc *rtc)
{
	return rtc->now() + rtc->state.offset_ns;
}

/* Sets the flags of all that happened since the last look. */
static void catch_up(struct rtc *rtc)
{
	struct rtc_state *state = &rtc->state;
	int64_t now = guest_now(rtc);

	if (!rtc_stands_still(state)) {
		for (uint8_t flag = C_UPDATE; flag <= C_PERIODIC; flag = (uint8_t)(flag << 1)) {
			if (!(state->bytes[REG_C] & flag) &&
			    rtc_next_event(state, flag, state->checked_ns) <= now)
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
			enabled & flag ? rtc_next_event(state, flag, state->checked_ns) : INT64_MAX;

		next = at < next ? at : next;
	}
	if (next == INT64_MAX || rtc_stands_still(state))
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
	int64_t to_update = SECOND - rtc_into_second(guest_now(rtc));

	if (!rtc_stands_still(state) && to_update <= UPDATE_NOTICE)
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

	if (is_time_register(reg) && !rtc_stands_still(state))
		rtc_store_time(state, guest_now(rtc));
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

	state->offset_ns = rtc_load_time(state) + into - rtc->now();
	state->checked_ns = guest_now(rtc);
}

/*
 * A and B may stop the clock, whose registers then hold the time and take a new one, or start it
 * from what they hold. Out of a stopped divider chain the first update comes after half a second.
 */
static void write_control(struct rtc *rtc, unsigned int reg, uint8_t value)
{
	struct rtc_state *state = &rtc->state;
	bool still = rtc_stands_still(state);
	bool divider_stopped = (state->bytes[REG_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;

	catch_up(rtc);
	if (!still)
		rtc_store_time(state, guest_now(rtc));
	state->bytes[reg] = value;
	if (still && !rtc_stands_still(state)) {
		int64_t into = divider_stopped ? SECOND / 2 : rtc_into_second(guest_now(rtc));

		take_time(rtc, into);
	}
	update_irq(rtc);
}

static void write_time(struct rtc *rtc, unsigned int reg, uint8_t value)
{
	struct rtc_state *state = &rtc->state;
	int64_t now = guest_now(rtc);

	if (rtc_stands_still(state)) {
		state->bytes[reg] = value;
		return;
	}
	catch_up(rtc);
	rtc_store_time(state, now);
	state->bytes[reg] = value;
	take_time(rtc, rtc_into_second(now));
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
