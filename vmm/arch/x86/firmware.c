/* firmware.c: what firmware would leave in RAM: ACPI tables and SMBIOS. */
#include <errno.h>

#include "vmm/arch/x86/acpi.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/arch/x86/platform.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/util.h"

/* One row for each device that has no bus to be found on. */
static const struct acpi_device devices[] = {
	{.name = "COM1",
	 .hid = "PNP0501",
	 .uid = 1,
	 .ports = {{PORT_COM1, SERIAL_PORTS}},
	 .irq = ACPI_IRQ_EDGE,
	 .gsi = GSI_COM1},
	{.name = "RTC0",
	 .hid = "PNP0B00",
	 .ports = {{PORT_RTC, RTC_PORTS}},
	 .irq = ACPI_IRQ_EDGE,
	 .gsi = GSI_RTC},
	{.name = "PEVT", .hid = "QEMU0001", .ports = {{PORT_PVPANIC, 1}}},
};

static int write_acpi(struct machine *machine)
{
	const struct acpi_config config = {
		.ncpus = machine->options->cpus,
		.rtc = true,
		.devices = devices,
		.ndevices = ARRAY_SIZE(devices),
	};
	uint64_t size = LAYOUT_ACPI_END - LAYOUT_ACPI;
	void *place = memory_range(&machine->vm.mem, LAYOUT_ACPI, size, MEMORY_WRITE);
	int used = place ? acpi_build(&config, place, size) : -EFAULT;

	if (used < 0)
		log_error(used, "cannot build the ACPI tables");
	return used < 0 ? used : 0;
}

int firmware_write(struct machine *machine)
{
	return write_acpi(machine);
}
