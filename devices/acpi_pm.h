/*
 * acpi_pm.h: the ACPI registers that every machine of ours has: reset register, PM timer, and,
 * where ACPI is hardware-reduced, sleep control and the power button's line to the generic event
 * device (ACPI 6.5, 4.8.3). What classic ACPI has instead of the latter is acpi_pm1.h.
 */
#ifndef DEVICES_ACPI_PM_H
#define DEVICES_ACPI_PM_H

#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/event.h"
#include "vmm/irq.h"

enum {
	ACPI_PM_RESET_VALUE = 1, /* FADT RESET_VALUE */
	ACPI_PM_SLP_TYP_S5 = 5,	 /* first element of \_S5 */
	ACPI_PM_TIMER_HZ = 3579545,
};

/* Ports; 0 leaves a register out. */
struct acpi_pm_ports {
	uint64_t sleep_control, sleep_status; /* one byte each */
	uint64_t reset;			      /* one byte */
	uint64_t timer;			      /* four bytes, read-only */
};

struct acpi_pm {
	struct io_region sleep_control, sleep_status, reset, timer;
	struct irq_line button;	   /* edge to the generic event device */
	struct event_sink *events; /* borrowed */
	uint64_t (*now)(void); /* host's monotonic clock in nanoseconds; a test's stands still */
	uint64_t start_ns;     /* when the timer was 0; constant while vCPUs run */
};

void acpi_pm_init(struct acpi_pm *pm, struct irq_line button, struct event_sink *events);
int acpi_pm_attach(struct acpi_pm *pm, struct bus *ports,
		   const struct acpi_pm_ports *where); /* 0 or -errno */
void acpi_pm_reset(struct acpi_pm *pm);

/* The button is pressed and released; the guest's kernel reads what that means from its DSDT. Any
 * thread. */
void acpi_pm_power_button(struct acpi_pm *pm);

#endif
