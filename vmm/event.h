/*
 * event.h: what a device or vCPU tells the machine as a whole. The first event that ends a run
 * counts, later ones are dropped. Embed struct event_sink; a test's sink records.
 */
#ifndef VMM_EVENT_H
#define VMM_EVENT_H

#include <stdint.h>

enum machine_event {
	MACHINE_POWEROFF, /* the guest switched itself off */
	MACHINE_RESET,	  /* reset register, i8042, triple fault */
	MACHINE_PANICKED, /* pvpanic: the guest's kernel says that it panicked; does not end the run
			     by itself */
	MACHINE_CRASHLOADED, /* pvpanic: it panicked and a crash kernel takes over; does not end the
				run */
	MACHINE_DEBUG_EXIT,  /* value: the status that the guest hands over */
	MACHINE_MARK,	     /* value: how far a guest's program says it is; does not end the run */
	MACHINE_CRASHED,     /* KVM cannot go on with a vCPU */
};

struct event_sink {
	void (*post)(struct event_sink *sink, enum machine_event event,
		     uint32_t value); /* any thread */
};

#endif
