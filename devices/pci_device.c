/* pci_device.c: how a device is described before it runs, and where firmware would put its BARs. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/pci.h"
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

void pci_bar_add(struct pci_device *device, unsigned int index, enum pci_bar_kind kind,
		 struct io_region *region)
{
	static const uint32_t type_bits[] = {
		[PCI_BAR_IO] = PCI_BASE_ADDRESS_SPACE_IO,
		[PCI_BAR_MEM32] = PCI_BASE_ADDRESS_MEM_TYPE_32,
		[PCI_BAR_MEM64] = PCI_BASE_ADDRESS_MEM_TYPE_64,
	};
	unsigned int offset = PCI_BASE_ADDRESS_0 + 4 * index;
	uint64_t size = region->size;

	assert(kind != PCI_BAR_NONE && !device->bus && is_power_of_two(size));
	assert(kind == PCI_BAR_IO ? size >= 4 && size <= 256 : size >= 16);
	assert(index + (kind == PCI_BAR_MEM64) < PCI_BARS);
	assert(device->bars[index].kind == PCI_BAR_NONE);
	assert(kind == PCI_BAR_MEM64 || size <= UINT32_MAX / 2);

	device->bars[index] = (struct pci_bar){
		.kind = kind, .region = region, .power_on = BUS_UNDECODED, .placed = BUS_UNDECODED};
	store_le32(device->power_on + offset, type_bits[kind]);
	store_le32(device->writable + offset, (uint32_t) ~(size - 1));
	if (kind == PCI_BAR_MEM64)
		store_le32(device->writable + offset + 4, (uint32_t)(~(size - 1) >> 32));
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

/* Takes size bytes, aligned to their own size, from what is left of a window. */
static bool take(struct pci_window *window, uint64_t size, uint64_t *base)
{
	uint64_t start = align_up(window->base, size);
	uint64_t skipped = start - window->base;

	if (window->size < skipped || window->size - skipped < size)
		return false;
	*base = start;
	window->base = start + size;
	window->size -= skipped + size;
	return true;
}

static int assign_bar(struct pci_bus *bus, struct pci_device *device, unsigned int index)
{
	struct pci_bar *bar = &device->bars[index];
	uint8_t *reg = device->power_on + PCI_BASE_ADDRESS_0 + 4 * index;
	uint8_t *command = device->power_on + PCI_COMMAND;
	uint64_t size = bar->region->size;
	bool taken;

	if (bar->kind == PCI_BAR_IO)
		taken = take(&bus->io, size, &bar->power_on);
	else
		taken = take(&bus->mem32, size, &bar->power_on) ||
			(bar->kind == PCI_BAR_MEM64 && take(&bus->mem64, size, &bar->power_on));
	if (!taken)
		return -ENOSPC;
	store_le32(reg, load_le32(reg) | (uint32_t)bar->power_on);
	if (bar->kind == PCI_BAR_MEM64)
		store_le32(reg + 4, (uint32_t)(bar->power_on >> 32));
	/* Decoding is on, as firmware leaves it: small kernels count on that. */
	*command |= bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	bar->placed = bar->power_on;
	return bus_add(bar->kind == PCI_BAR_IO ? bus->config.ports : bus->config.mmio, bar->region,
		       bar->power_on);
}

int pci_add(struct pci_bus *bus, struct pci_device *device)
{
	unsigned int slot = 0;
	unsigned int pin = device->power_on[PCI_INTERRUPT_PIN];

	while (slot < PCI_SLOTS && bus->devices[slot])
		slot++;
	if (slot == PCI_SLOTS)
		return -ENOSPC;
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		int err = device->bars[i].kind == PCI_BAR_NONE ? 0 : assign_bar(bus, device, i);

		if (err)
			return err;
	}
	if (pin)
		device->power_on[PCI_INTERRUPT_LINE] =
			(uint8_t)(bus->config.intx_gsi + pci_intx_line(slot, pin));
	memcpy(device->state.config, device->power_on, PCI_CONFIG_SIZE);
	device->slot = slot;
	device->bus = bus;
	bus->devices[slot] = device;
	return 0;
}
