/* dsdt.c: the machine's devices in AML (ACPI 6.3). */
#include "vmm/arch/x86/dsdt.h"

#include "devices/acpi_pm.h"
#include "devices/pci.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/util.h"

enum { NOTIFY_CHANGED = 0x80 }; /* of a power button "pressed", 4.8.2.2.2.2; of others "look" */

/*
 * _S5 is what poweroff writes into SLP_TYP; 7.4.2. The second value is for a PM1b that we do not
 * have.
 */
static void write_sleep_state(struct aml *aml)
{
	aml_name(aml, "_S5_");
	aml_package(aml, 4);
	aml_integer(aml, ACPI_PM_SLP_TYP_S5);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml);
}

static bool has_resources(const struct acpi_device *device)
{
	return device->ports[0].size || device->mmio_size || device->irq != ACPI_IRQ_NONE;
}

static void write_resources(struct aml *aml, const struct acpi_device *device)
{
	aml_crs(aml);
	for (unsigned int i = 0; i < ACPI_MAX_PORT_RANGES; i++) {
		if (device->ports[i].size)
			aml_io(aml, device->ports[i].base, device->ports[i].size);
	}
	if (device->mmio_size)
		aml_memory32(aml, device->mmio_base, device->mmio_size);
	if (device->irq != ACPI_IRQ_NONE)
		aml_interrupt(aml, device->gsi, device->irq == ACPI_IRQ_EDGE ? AML_IRQ_EDGE : 0);
	aml_crs_end(aml);
}

static void write_device(struct aml *aml, const struct acpi_device *device)
{
	aml_device(aml, device->name);
	aml_name_id(aml, "_HID", device->hid);
	aml_name_integer(aml, "_UID", device->uid);
	if (device->dma)
		aml_name_integer(aml, "_CCA", 1);
	if (has_resources(device))
		write_resources(aml, device);
	aml_end(aml);
}

/* _PRT: each slot's four pins, 6.2.13. A source of 0 makes the index a GSI. */
static void write_pci_routing(struct aml *aml)
{
	aml_name(aml, "_PRT");
	aml_package(aml, (PCI_SLOTS - 1) * 4);
	for (unsigned int slot = 1; slot < PCI_SLOTS; slot++) {
		for (unsigned int pin = 1; pin <= 4; pin++) {
			aml_package(aml, 4);
			aml_integer(aml, slot << 16 | 0xffff); /* all functions */
			aml_integer(aml, pin - 1);
			aml_integer(aml, 0);
			aml_integer(aml, GSI_PCI + pci_intx_line(slot, pin));
			aml_end(aml);
		}
	}
	aml_end(aml);
}

static void write_window(struct aml *aml, enum aml_window type, const struct acpi_window *window)
{
	if (window->size)
		aml_window(aml, type, window->base, window->size);
}

static void write_pci(struct aml *aml, const struct acpi_pci *pci)
{
	aml_device(aml, "PCI0");
	aml_name_id(aml, "_HID", "PNP0A08");
	aml_name_id(aml, "_CID", "PNP0A03");
	aml_name_integer(aml, "_UID", 0);
	aml_name_integer(aml, "_SEG", 0);
	aml_name_integer(aml, "_BBN", 0);
	aml_name_integer(aml, "_CCA", 1);
	aml_crs(aml);
	aml_window(aml, AML_WINDOW_BUS, 0, 1);
	aml_io(aml, PORT_PCI_ADDRESS, 8);
	write_window(aml, AML_WINDOW_IO, &pci->io);
	write_window(aml, AML_WINDOW_MEMORY, &pci->mem32);
	write_window(aml, AML_WINDOW_MEMORY, &pci->mem64);
	aml_crs_end(aml);
	write_pci_routing(aml);
	aml_end(aml);

	/* Kernels use ECAM only where a motherboard resource claims it, PCI firmware 3.2, 4.1.2. */
	aml_device(aml, "ECAM");
	aml_name_id(aml, "_HID", "PNP0C02");
	aml_name_string(aml, "_UID", "ECAM");
	aml_crs(aml);
	aml_memory32(aml, LAYOUT_ECAM_BASE, LAYOUT_ECAM_SIZE);
	aml_crs_end(aml);
	aml_end(aml);
}

static void write_power_button(struct aml *aml)
{
	aml_device(aml, "PWRB");
	aml_name_id(aml, "_HID", "PNP0C0C");
	aml_name_integer(aml, "_UID", 0);
	aml_end(aml);
}

/* "Virtual Machine Generation ID": ADDR is the guest address of the 16 bytes, low half first. */
static void write_vmgenid(struct aml *aml)
{
	aml_device(aml, "VGEN");
	aml_name_string(aml, "_HID", "VMGENCTR");
	aml_name_string(aml, "_CID", "VM_Gen_Counter");
	aml_name_string(aml, "_DDN", "VM_Gen_Counter");
	aml_name(aml, "ADDR");
	aml_package(aml, 2);
	aml_integer(aml, LAYOUT_VMGENID);
	aml_integer(aml, 0);
	aml_end(aml);
	aml_end(aml);
}

static void write_vmclock(struct aml *aml)
{
	aml_device(aml, "VCLK");
	aml_name_string(aml, "_HID", "AMZNC10C");
	aml_name_string(aml, "_CID", "VMCLOCK");
	aml_name_string(aml, "_DDN", "VMCLOCK");
	aml_name_integer(aml, "_UID", 0);
	aml_crs(aml);
	aml_memory32(aml, LAYOUT_VMCLOCK, LAYOUT_VMGENID - LAYOUT_VMCLOCK);
	aml_crs_end(aml);
	aml_end(aml);
}

struct event {
	bool present;
	uint32_t gsi;
	const char *notifies;
};

/* The generic event device, 5.6.9: one edge per event, _EVT tells whom to notify. */
static void write_events(struct aml *aml, const struct event *events, unsigned int n)
{
	aml_device(aml, "GED_");
	aml_name_id(aml, "_HID", "ACPI0013");
	aml_name_integer(aml, "_UID", 0);
	aml_crs(aml);
	for (unsigned int i = 0; i < n; i++) {
		if (events[i].present)
			aml_interrupt(aml, events[i].gsi, AML_IRQ_EDGE);
	}
	aml_crs_end(aml);
	aml_method(aml, "_EVT", 1);
	for (unsigned int i = 0; i < n; i++) {
		if (!events[i].present)
			continue;
		aml_if_arg0_equals(aml, events[i].gsi);
		aml_notify(aml, events[i].notifies, NOTIFY_CHANGED);
		aml_end(aml);
	}
	aml_end(aml);
	aml_end(aml);
}

static void write_reduced(struct aml *aml, const struct acpi_config *config)
{
	const struct event events[] = {
		{true, GSI_POWER_BUTTON, "\\_SB_.PWRB"},
		{config->generation, GSI_VMGENID, "\\_SB_.VGEN"},
		{config->generation, GSI_VMCLOCK, "\\_SB_.VCLK"},
	};

	write_power_button(aml);
	if (config->generation) {
		write_vmgenid(aml);
		write_vmclock(aml);
	}
	write_events(aml, events, ARRAY_SIZE(events));
}

void dsdt_write(struct aml *aml, const struct acpi_config *config)
{
	write_sleep_state(aml);
	aml_scope(aml, "\\_SB_");
	for (unsigned int i = 0; i < config->ndevices; i++)
		write_device(aml, &config->devices[i]);
	if (config->pci.present)
		write_pci(aml, &config->pci);
	if (!config->classic)
		write_reduced(aml, config);
	aml_end(aml);
}
