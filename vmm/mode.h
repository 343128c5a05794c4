/*
 * mode.h: three ways of virtualization, and what each means for the parts of a machine. One row per
 * mode; whoever builds a part looks it up here.
 */
#ifndef VMM_MODE_H
#define VMM_MODE_H

#include <stdbool.h>

struct mode {
	const char *name;
	bool hypervisor_visible; /* CPUID and SMBIOS tell, KVM's clocks and hypercalls are there */
	bool classic_acpi;	 /* PM1a, SCI and FACS, PIC and PIT, a keyboard controller that
				    answers; else hardware-reduced */
	bool legacy_devices;	 /* UART, RTC, PM timer */
	bool virtio;		 /* virtio devices, random numbers and pvpanic among them */
	bool emulated;		 /* NVMe and e1000 may be asked for */
	const char *console;	 /* unless --console says otherwise */
	const char *silent;	 /* what to say of a guest that wrote nothing to its console */
	const char *const *consoles; /* those that --console may name, ended by NULL */
};

/* Names for --mode, ended by NULL. */
extern const char *const mode_names[];

/* name is one of mode_names. */
const struct mode *mode_find(const char *name);

#endif
