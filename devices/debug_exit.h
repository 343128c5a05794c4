/*
 * debug_exit.h: the test port. A guest's program ends the run by writing its status there: a byte,
 * word or double word, handed over as it is.
 */
#ifndef DEVICES_DEBUG_EXIT_H
#define DEVICES_DEBUG_EXIT_H

#include "vmm/bus.h"
#include "vmm/event.h"

struct debug_exit {
	struct io_region region;
	struct event_sink *events; /* borrowed */
};

void debug_exit_init(struct debug_exit *debug_exit, struct event_sink *events);
int debug_exit_attach(struct debug_exit *debug_exit, struct bus *ports,
		      uint64_t base); /* 0 or -errno */

#endif
