/*
 * mark_port.h: a port for measuring: a guest's program writes a number there to say how far it is.
 * The machine has one only while somebody watches.
 */
#ifndef DEVICES_MARK_PORT_H
#define DEVICES_MARK_PORT_H

#include "vmm/bus.h"
#include "vmm/event.h"

struct mark_port {
	struct io_region region;
	struct event_sink *events; /* borrowed */
};

void mark_port_init(struct mark_port *port, struct event_sink *events);
int mark_port_attach(struct mark_port *port, struct bus *ports, uint64_t base); /* 0 or -errno */

#endif
