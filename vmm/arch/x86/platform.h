/* platform.h: the x86 machine's own devices and what firmware would tell of them. */
#ifndef VMM_ARCH_X86_PLATFORM_H
#define VMM_ARCH_X86_PLATFORM_H

#include "devices/acpi_pm.h"
#include "devices/acpi_pm1.h"
#include "devices/debug_exit.h"
#include "devices/i8042.h"
#include "devices/mark_port.h"
#include "devices/pvpanic.h"
#include "devices/rtc.h"
#include "devices/serial.h"
#include "devices/vm_generation.h"
#include "vmm/arch/x86/acpi.h"
#include "vmm/arch/x86/cpu.h"

struct machine;

struct platform {
	struct cpu_model cpu_model;
	struct serial serial;
	struct rtc rtc;
	struct i8042 i8042;
	struct pvpanic pvpanic;
	struct debug_exit debug_exit;
	struct mark_port mark_port;
	struct acpi_pm acpi_pm;
	struct acpi_pm1 acpi_pm1;	 /* classic ACPI only */
	struct vm_generation generation; /* with virtio only: else it would betray the machine */
};

/* What ACPI says of virtio-mmio device number index. */
struct acpi_device platform_mmio_description(const struct machine *machine, unsigned int index);

/* ACPI and SMBIOS tables and the VM generation into RAM. 0 or -errno, logged. */
int firmware_write(struct machine *machine);

#endif
