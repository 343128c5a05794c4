/*
 * rtc.h: the MC146818 clock of a PC with its alarm, its periodic and update interrupts and its
 * NVRAM.
 *
 * After the MC146818A data sheet; time is UTC and follows the host's clock at a distance that the
 * guest sets. Flags are worked out from the clock when somebody looks, and a timer runs only for an
 * interrupt that is enabled.
 */
#ifndef DEVICES_RTC_H
#define DEVICES_RTC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/irq.h"
#include "vmm/loop.h"

enum {
	RTC_PORTS = 2, /* index, data */
	RTC_BYTES = 128,
	RTC_CENTURY = 0x32, /* the FADT's century field names it */
};

/* All that the guest can see. */
struct rtc_state {
	uint8_t index;
	uint8_t bytes[RTC_BYTES]; /* time fields are true only while the clock stands still (SET) */
	int64_t offset_ns;	  /* guest's time less the host's */
	int64_t checked_ns;	  /* guest's time up to which flags have been worked out */
	bool irq_high;
};

struct rtc {
	struct io_region region;
	struct irq_line irq;  /* constant after start */
	int64_t (*now)(void); /* host's clock, nanoseconds since 1970; a test's stands still */
	struct loop *loop;    /* borrowed */
	struct loop_timer timer;
	pthread_mutex_t lock;	/* guards state; a leaf */
	struct rtc_state state; /* guarded by lock */
};

int rtc_init(struct rtc *rtc, struct loop *loop, struct irq_line irq); /* 0 or -errno, logged */
void rtc_destroy(struct rtc *rtc);				       /* accepts a zeroed struct */

/* Puts index and data port on the bus. 0, or bus_add()'s -errno. */
int rtc_attach(struct rtc *rtc, struct bus *ports, uint64_t base);

/* Interrupts off, as the chip's RESET pin does; time and NVRAM stay. No vCPU runs. */
void rtc_reset(struct rtc *rtc);

#endif
