/* pci_device.c: how a device is described before it runs, and its way into a slot. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/pci.h"
#include "devices/pci_bar.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum { FIRST_CAPABILITY = 0x40 };

void pci_device_init(struct pci_device *device, const char *name, const struct pci_device_ops *ops,
		     const struct pci_identity *identity)
{
	uint8_t *config = device->power_on;

	*device = (struct pci_device){
		.name = name,
		.ops = ops,
		.capabilities_end = FIRST_CAPABILITY,
		.last_link = PCI_CAPABILITY_LIST,
	};
	store_le16(config + PCI_VENDOR_ID, identity->vendor);
	store_le16(config + PCI_DEVICE_ID, identity->device);
	/* Revision below, the class in the three bytes above. */
	store_le32(config + PCI_CLASS_REVISION, identity->class << 8 | identity->revision);
	store_le16(config + PCI_SUBSYSTEM_VENDOR_ID, identity->subsystem_vendor);
	store_le16(config + PCI_SUBSYSTEM_ID, identity->subsystem);
	config[PCI_INTERRUPT_PIN] = identity->has_intx ? 1 : 0;

	store_le16(device->writable + PCI_COMMAND,
		   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
			   (identity->has_intx ? PCI_COMMAND_INTX_DISABLE : 0));
	device->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	device->writable[PCI_INTERRUPT_LINE] = 0xff;
}

unsigned int pci_capability_add(struct pci_device *device, const void *capability,
				const void *writable, unsigned int size)
{
	unsigned int offset = device->capabilities_end;
	uint8_t *config = device->power_on;

	assert(!device->bus && size >= 2 && size <= PCI_CONFIG_SIZE - offset);
	memcpy(config + offset, capability, size);
	if (writable)
		memcpy(device->writable + offset, writable, size);
	config[offset + PCI_CAP_LIST_NEXT] = 0;
	config[device->last_link] = (uint8_t)offset;
	config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	device->last_link = offset + PCI_CAP_LIST_NEXT;
	device->capabilities_end = (unsigned int)align_up(offset + size, 4);
	return offset;
}

int pci_add(struct pci_bus *bus, struct pci_device *device)
{
	unsigned int slot = 0;
	unsigned int pin = device->power_on[PCI_INTERRUPT_PIN];
	int err;

	while (slot < PCI_SLOTS && bus->devices[slot])
		slot++;
	if (slot == PCI_SLOTS)
		return -ENOSPC;
	err = pci_bars_assign(bus, device);
	if (err)
		return err;
	if (pin)
		device->power_on[PCI_INTERRUPT_LINE] =
			(uint8_t)(bus->config.intx_gsi + pci_intx_line(slot, pin));
	memcpy(device->state.config, device->power_on, PCI_CONFIG_SIZE);
	device->slot = slot;
	device->bus = bus;
	bus->devices[slot] = device;
	return 0;
}
