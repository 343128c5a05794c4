/*
 * pvpanic.h: the port through which a guest's kernel tells that it panicked (ACPI QEMU0001).
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include <stdatomic.h>

#include "vmm/bus.h"
#include "vmm/event.h"

struct pvpanic {
	struct io_region region;
	struct event_sink *events; /* borrowed */
	atomic_uint told;	   /* bits posted since reset: each is told once */
};

void pvpanic_init(struct pvpanic *pvpanic, struct event_sink *events);
int pvpanic_attach(struct pvpanic *pvpanic, struct bus *ports, uint64_t base); /* 0 or -errno */
void pvpanic_reset(struct pvpanic *pvpanic);

#endif
