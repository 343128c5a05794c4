/*
 * acpi_pm1.h: the fixed registers of classic ACPI: PM1a event block and control, SCI, fixed power
 * button (ACPI 6.5, 4.8.3.1 and 4.8.3.2).
 */
#ifndef DEVICES_ACPI_PM1_H
#define DEVICES_ACPI_PM1_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/event.h"
#include "vmm/irq.h"

enum {
	ACPI_PM1_EVENT_PORTS = 4, /* status and enable, a word each */
	ACPI_PM1_CONTROL_PORTS = 2,
};

/* All that the guest can see. */
struct acpi_pm1_state {
	uint16_t status, enable, control;
	bool sci_high;
};

struct acpi_pm1 {
	struct io_region event, control;
	struct irq_line sci;	     /* level; constant after start */
	struct event_sink *events;   /* borrowed */
	pthread_mutex_t lock;	     /* guards state; a leaf */
	struct acpi_pm1_state state; /* guarded by lock */
};

void acpi_pm1_init(struct acpi_pm1 *pm1, struct irq_line sci, struct event_sink *events);
void acpi_pm1_destroy(struct acpi_pm1 *pm1);

/* 0, or bus_add()'s -errno. */
int acpi_pm1_attach(struct acpi_pm1 *pm1, struct bus *ports, uint64_t event, uint64_t control);
void acpi_pm1_reset(struct acpi_pm1 *pm1); /* no vCPU runs */

void acpi_pm1_power_button(struct acpi_pm1 *pm1); /* any thread */

#endif
