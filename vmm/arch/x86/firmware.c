/* firmware.c: what firmware would leave in RAM: ACPI tables, SMBIOS, a reset vector. */
#include <errno.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/arch/x86/acpi.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/arch/x86/platform.h"
#include "vmm/arch/x86/smbios.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/machine_levers.h"
#include "vmm/util.h"

/* One row for each device that has no bus to be found on. */
static const struct acpi_device legacy_devices[] = {
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
};
static const struct acpi_device keyboard_controller = {
	.name = "KBD0",
	.hid = "PNP0303",
	.ports = {{PORT_I8042, 1}, {PORT_I8042 + 4, 1}},
	.irq = ACPI_IRQ_EDGE,
	.gsi = GSI_KEYBOARD,
};
static const struct acpi_device pvpanic = {
	.name = "PEVT",
	.hid = "QEMU0001",
	.ports = {{PORT_PVPANIC, 1}},
};

enum { MAX_DESCRIBED = ARRAY_SIZE(legacy_devices) + 2 + LAYOUT_VIRTIO_MMIO_SLOTS };

static unsigned int describe_devices(const struct machine *machine, struct acpi_device *all)
{
	const struct mode *mode = machine->config->mode;
	unsigned int n = 0;

	for (unsigned int i = 0; mode->legacy_devices && i < ARRAY_SIZE(legacy_devices); i++)
		all[n++] = legacy_devices[i];
	if (mode->classic_acpi)
		all[n++] = keyboard_controller;
	if (mode->virtio)
		all[n++] = pvpanic;
	for (unsigned int i = 0; i < machine->nmmio; i++)
		all[n++] = platform_mmio_description(machine, i);
	return n;
}

static struct acpi_pci describe_pci(struct machine *machine)
{
	struct pci_bus_config bus = arch_pci_config(machine);

	return (struct acpi_pci){
		.present = true,
		.io = {bus.io.base, bus.io.size},
		.mem32 = {bus.mem32.base, bus.mem32.size},
		.mem64 = {bus.mem64.base, bus.mem64.size},
	};
}

static int write_acpi(struct machine *machine)
{
	const struct mode *mode = machine->config->mode;
	struct acpi_device all[MAX_DESCRIBED];
	struct acpi_config config = {
		.ncpus = machine->options->cpus,
		.classic = mode->classic_acpi,
		.legacy_devices = mode->legacy_devices,
		.generation = mode->virtio,
		.devices = all,
		.ndevices = describe_devices(machine, all),
	};
	uint64_t size = LAYOUT_ACPI_END - LAYOUT_ACPI;
	void *place = memory_range(&machine->vm.mem, LAYOUT_ACPI, size, MEMORY_WRITE);
	int used;

	if (machine->has_pci)
		config.pci = describe_pci(machine);
	used = place ? acpi_build(&config, place, size) : -EFAULT;
	if (used < 0)
		log_error(used, "cannot build the ACPI tables");
	return used < 0 ? used : 0;
}

/* What CPUID says of the processor, for SMBIOS to repeat. */
struct cpu_names {
	char vendor[13], name[49];
	uint32_t signature, features;
};

static void name_cpu(const struct cpuid_list *list, struct cpu_names *names)
{
	const struct kvm_cpuid_entry2 *leaf = cpuid_find(list, 0, 0);

	memset(names, 0, sizeof(*names));
	if (leaf) {
		memcpy(names->vendor, &leaf->ebx, 4);
		memcpy(names->vendor + 4, &leaf->edx, 4);
		memcpy(names->vendor + 8, &leaf->ecx, 4);
	}
	leaf = cpuid_find(list, 1, 0);
	if (leaf) {
		names->signature = leaf->eax;
		names->features = leaf->edx;
	}
	for (unsigned int i = 0; i < 3; i++) {
		leaf = cpuid_find(list, 0x80000002 + i, 0);
		if (leaf)
			memcpy(names->name + 16 * i, &leaf->eax, 16); /* eax, ebx, ecx, edx */
	}
}

static int write_smbios(struct machine *machine)
{
	uint64_t size = LAYOUT_SMBIOS_END - LAYOUT_SMBIOS;
	void *place = memory_range(&machine->vm.mem, LAYOUT_SMBIOS, size, MEMORY_WRITE);
	struct cpu_names names;
	struct smbios_config config = {
		.identity = &machine->config->levers->shown,
		.virtual_machine = machine->config->mode->hypervisor_visible,
		.ncpus = machine->options->cpus,
		.mem = &machine->vm.mem,
		.oem_strings = machine->config->levers->oem_strings,
		.noem_strings = machine->config->levers->noem_strings,
	};
	int used;

	name_cpu(&machine->platform->cpu_model.supported, &names);
	config.cpu_signature = names.signature;
	config.cpu_features = names.features;
	config.cpu_vendor = names.vendor;
	config.cpu_name = names.name;
	used = place ? smbios_build(&config, place, size) : -EFAULT;
	if (used == -EFAULT || used == -ENOSPC) /* other reasons it has told itself */
		log_error(used, "cannot build the SMBIOS tables");
	return used < 0 ? used : 0;
}

/*
 * Where a PC's firmware begins, at F000:FFF0 in real mode. Linux restarts a machine with
 * hardware-reduced ACPI by EFI, not by the reset register, and without EFI it jumps here.
 */
static int write_reset_vector(struct machine *machine)
{
	static const uint8_t code[] = {
		0xba,
		PORT_RESET & 0xff,
		PORT_RESET >> 8, /* mov dx, PORT_RESET */
		0xb0,
		ACPI_PM_RESET_VALUE, /* mov al, ACPI_PM_RESET_VALUE */
		0xee,		     /* out dx, al */
		0xf4,		     /* hlt */
		0xeb,
		0xfd, /* jmp to the hlt */
	};
	void *place =
		memory_range(&machine->vm.mem, LAYOUT_RESET_VECTOR, sizeof(code), MEMORY_WRITE);

	if (!place)
		return -EFAULT;
	memcpy(place, code, sizeof(code));
	return 0;
}

/* The same again after each reset: only a clone or a snapshot's copy is of another generation. */
static int write_generation(struct machine *machine)
{
	if (!machine->config->mode->virtio)
		return 0;
	return vm_generation_write(&machine->platform->generation);
}

int firmware_write(struct machine *machine)
{
	int err = write_acpi(machine);

	if (!err)
		err = write_smbios(machine);
	if (!err)
		err = write_generation(machine);
	if (!err)
		err = write_reset_vector(machine);
	return err;
}
