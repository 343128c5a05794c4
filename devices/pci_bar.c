/* pci_bar.c: where BARs stand: at first as firmware would put them,
 * then as the guest moves them. */
#include "devices/pci_bar.h"

#include <assert.h>
#include <errno.h>

#include "devices/pci.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

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

int pci_bars_assign(struct pci_bus *bus, struct pci_device *device)
{
	int err = 0;

	for (unsigned int i = 0; i < PCI_BARS && !err; i++) {
		if (device->bars[i].kind != PCI_BAR_NONE)
			err = assign_bar(bus, device, i);
	}
	return err;
}

static bool is_inside(const struct pci_window *window, uint64_t base, uint64_t size)
{
	return base >= window->base && size <= window->size &&
	       base - window->base <= window->size - size;
}

/* Does the command register let the device answer there? */
static bool is_decoding(const struct pci_device *device, const struct pci_bar *bar)
{
	uint16_t command = load_le16(device->state.config + PCI_COMMAND);

	return command & (bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

/*
 * Where a BAR's bits say that it answers. Outside of the bridge's windows nothing does: that covers
 * all ones, written to learn the size, and halves of addresses.
 */
static uint64_t wanted_place(const struct pci_device *device, unsigned int index)
{
	const struct pci_bus_config *windows = &device->bus->config;
	const struct pci_bar *bar = &device->bars[index];
	const uint8_t *reg = device->state.config + PCI_BASE_ADDRESS_0 + 4 * index;
	uint64_t size = bar->region->size;
	uint64_t base;

	if (bar->kind == PCI_BAR_IO) {
		base = load_le32(reg) & (uint32_t)PCI_BASE_ADDRESS_IO_MASK;
		return is_inside(&windows->io, base, size) ? base : BUS_UNDECODED;
	}
	base = load_le32(reg) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	if (bar->kind == PCI_BAR_MEM64)
		base |= (uint64_t)load_le32(reg + 4) << 32;
	if (is_inside(&windows->mem32, base, size) || is_inside(&windows->mem64, base, size))
		return base;
	return BUS_UNDECODED;
}

static void move_bar(struct pci_bus *bus, struct pci_bar *bar, uint64_t place)
{
	struct bus *to = bar->kind == PCI_BAR_IO ? bus->config.ports : bus->config.mmio;

	bar->placed = bus_move(to, bar->region, place) == 0 ? place : BUS_UNDECODED;
}

/* Sends away the BARs of that bus which stand in the range but do not decode. */
static void make_room(struct pci_bus *bus, bool io, uint64_t base, uint64_t size)
{
	for (unsigned int i = 0; i < PCI_SLOTS * PCI_BARS; i++) {
		struct pci_device *device = bus->devices[i / PCI_BARS];
		struct pci_bar *bar = device ? &device->bars[i % PCI_BARS] : NULL;

		if (!bar || bar->kind == PCI_BAR_NONE || (bar->kind == PCI_BAR_IO) != io ||
		    bar->placed == BUS_UNDECODED || is_decoding(device, bar))
			continue;
		if (bar->placed < base ? base - bar->placed < bar->region->size
				       : bar->placed - base < size)
			move_bar(bus, bar, BUS_UNDECODED);
	}
}

/*
 * Decoding that is switched off leaves a BAR where it is, until another wants the place or it is
 * switched on again elsewhere. Kernels switch it off and on around every BAR whose size they ask
 * for, and each true move costs KVM milliseconds for the doorbells inside.
 */
static void place_bars(struct pci_device *device)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &device->bars[i];
		uint64_t place;

		if (bar->kind == PCI_BAR_NONE || !is_decoding(device, bar))
			continue;
		place = wanted_place(device, i);
		if (place == bar->placed)
			continue;
		if (place != BUS_UNDECODED)
			make_room(device->bus, bar->kind == PCI_BAR_IO, place, bar->region->size);
		move_bar(device->bus, bar, place);
	}
}

/* The device's own first: they may have stood where another's want to be. */
void pci_bars_follow(struct pci_device *device)
{
	place_bars(device);
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		if (device->bus->devices[slot])
			place_bars(device->bus->devices[slot]);
	}
}
