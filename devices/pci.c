/* pci.c: configuration accesses, what they move and switch, INTx, reset. */
#include "devices/pci.h"

#include <assert.h>
#include <string.h>

#include "devices/msix.h"
#include "devices/pci_bar.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	DATA_PORT = 4, /* behind the address port */
	ECAM_SIZE = 1 << 20,
	EXTENDED_CONFIG_SIZE = 4096,
	ADDRESS_ENABLE = 31,
};

#define ALL_ONES UINT32_MAX
/* Bits of the address register that exist: enable, bus, device, function, doubleword. */
#define ADDRESS_BITS 0x80fffffcu

static uint32_t load_part(const uint8_t *config, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint32_t)config[offset + i] << 8 * i;
	return value;
}

uint32_t pci_config_load(struct pci_device *device, unsigned int offset, unsigned int size)
{
	uint32_t value;

	assert(offset + size <= PCI_CONFIG_SIZE && size <= 4);
	pthread_mutex_lock(&device->bus->lock);
	value = load_part(device->state.config, offset, size);
	pthread_mutex_unlock(&device->bus->lock);
	return value;
}

void pci_config_store(struct pci_device *device, unsigned int offset, uint32_t value,
		      unsigned int size)
{
	assert(offset + size <= PCI_CONFIG_SIZE && size <= 4);
	pthread_mutex_lock(&device->bus->lock);
	for (unsigned int i = 0; i < size; i++)
		device->state.config[offset + i] = (uint8_t)(value >> 8 * i);
	pthread_mutex_unlock(&device->bus->lock);
}

bool pci_is_bus_master(struct pci_device *device)
{
	return pci_config_load(device, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

/* A line is pulled as long as one device pulls it. The lock is held. */
static void update_intx(struct pci_device *device)
{
	struct pci_bus *bus = device->bus;
	unsigned int pin = device->state.config[PCI_INTERRUPT_PIN];
	uint16_t command = load_le16(device->state.config + PCI_COMMAND);
	uint16_t status = load_le16(device->state.config + PCI_STATUS);
	unsigned int line;
	uint32_t before;

	if (pin == 0)
		return;
	line = pci_intx_line(device->slot, pin);
	before = bus->intx_asserted[line];
	/* A device with MSI-X turned on must not use its pin, 6.8.2. */
	if (status & PCI_STATUS_INTERRUPT && !(command & PCI_COMMAND_INTX_DISABLE) &&
	    !(device->msix && msix_is_enabled(device->msix)))
		bus->intx_asserted[line] |= 1u << device->slot;
	else
		bus->intx_asserted[line] &= ~(1u << device->slot);
	if (!before != !bus->intx_asserted[line])
		irq_set(&bus->config.intx[line], bus->intx_asserted[line] != 0);
}

void pci_intx_set(struct pci_device *device, bool asserted)
{
	uint8_t *status = device->state.config + PCI_STATUS;

	pthread_mutex_lock(&device->bus->lock);
	if (asserted)
		*status |= PCI_STATUS_INTERRUPT;
	else
		*status &= (uint8_t)~PCI_STATUS_INTERRUPT;
	update_intx(device);
	pthread_mutex_unlock(&device->bus->lock);
}

static bool touches(unsigned int offset, unsigned int size, unsigned int first, unsigned int length)
{
	return offset < first + length && first < offset + size;
}

static uint32_t read_config(struct pci_device *device, unsigned int offset, unsigned int size)
{
	if (!device || offset >= EXTENDED_CONFIG_SIZE)
		return ALL_ONES >> (32 - 8 * size);
	if (offset >= PCI_CONFIG_SIZE)
		return 0;
	if (device->ops->config_reading)
		device->ops->config_reading(device, offset, size);
	return pci_config_load(device, offset, size);
}

static void store_writable(struct pci_device *device, unsigned int offset, uint32_t value,
			   unsigned int size)
{
	for (unsigned int i = offset; i < offset + size; i++, value >>= 8) {
		uint8_t writable = device->writable[i];

		device->state.config[i] = (uint8_t)((device->state.config[i] & ~writable) |
						    ((uint8_t)value & writable));
	}
	if (touches(offset, size, PCI_COMMAND, 2) ||
	    touches(offset, size, PCI_BASE_ADDRESS_0, 4 * PCI_BARS))
		pci_bars_follow(device);
	if (device->msix && touches(offset, size, device->msix->capability + PCI_MSIX_FLAGS, 2))
		msix_control_written(device->msix,
				     load_le16(device->state.config + device->msix->capability +
					       PCI_MSIX_FLAGS));
	update_intx(device);
}

static void write_config(struct pci_device *device, unsigned int offset, uint32_t value,
			 unsigned int size)
{
	if (!device || offset >= PCI_CONFIG_SIZE)
		return;
	pthread_mutex_lock(&device->bus->lock);
	store_writable(device, offset, value, size);
	pthread_mutex_unlock(&device->bus->lock);
	if (device->ops->config_written)
		device->ops->config_written(device, offset, size);
}

/* Aligned accesses go through whole, 64-bit ones as two, others byte by byte: none straddles
 * anything. */
static unsigned int part_size(uint64_t offset, unsigned int size)
{
	unsigned int part = size > 4 ? 4 : size;

	return offset % part ? 1 : part;
}

static uint64_t read_parts(struct pci_device *device, unsigned int offset, unsigned int size)
{
	unsigned int part = part_size(offset, size);
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i += part)
		value |= (uint64_t)read_config(device, offset + i, part) << 8 * i;
	return value;
}

static void write_parts(struct pci_device *device, unsigned int offset, uint64_t value,
			unsigned int size)
{
	unsigned int part = part_size(offset, size);

	for (unsigned int i = 0; i < size; i += part)
		write_config(device, offset + i, (uint32_t)(value >> 8 * i), part);
}

/* The device of a bus number and a device-and-function number, or NULL. */
static struct pci_device *find_device(struct pci_bus *bus, uint32_t number, uint32_t devfn)
{
	if (number != 0 || devfn & 7)
		return NULL;
	return bus->devices[devfn >> 3 & (PCI_SLOTS - 1)];
}

static uint64_t ecam_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = container_of(region, struct pci_bus, ecam);
	uint32_t devfn = (uint32_t)(offset >> 12);

	return read_parts(find_device(bus, devfn >> 8, devfn & 0xff), offset & 0xfff, size);
}

static void ecam_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	struct pci_bus *bus = container_of(region, struct pci_bus, ecam);
	uint32_t devfn = (uint32_t)(offset >> 12);

	write_parts(find_device(bus, devfn >> 8, devfn & 0xff), offset & 0xfff, value, size);
}

/* Only a doubleword is meant for the address register: bytes at 0xcf9 are other hardware's. */
static uint64_t address_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct pci_bus *bus = container_of(region, struct pci_bus, address);
	uint32_t value;

	(void)offset;
	if (size != 4)
		return ALL_ONES;
	pthread_mutex_lock(&bus->lock);
	value = bus->address_register;
	pthread_mutex_unlock(&bus->lock);
	return value;
}

static void address_write(struct io_region *region, uint64_t offset, uint64_t value,
			  unsigned int size)
{
	struct pci_bus *bus = container_of(region, struct pci_bus, address);

	(void)offset;
	if (size != 4)
		return;
	pthread_mutex_lock(&bus->lock);
	bus->address_register = (uint32_t)value & ADDRESS_BITS;
	pthread_mutex_unlock(&bus->lock);
}

/* The device that the address register points to, and the doubleword in it. */
static struct pci_device *addressed(struct pci_bus *bus, unsigned int *offset)
{
	uint32_t address;

	pthread_mutex_lock(&bus->lock);
	address = bus->address_register;
	pthread_mutex_unlock(&bus->lock);
	*offset = address & 0xfc;
	if (!(address >> ADDRESS_ENABLE))
		return NULL;
	return find_device(bus, address >> 16 & 0xff, address >> 8 & 0xff);
}

static uint64_t data_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	unsigned int base;
	struct pci_device *device = addressed(container_of(region, struct pci_bus, data), &base);

	return read_parts(device, base + (unsigned int)offset, size);
}

static void data_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	unsigned int base;
	struct pci_device *device = addressed(container_of(region, struct pci_bus, data), &base);

	write_parts(device, base + (unsigned int)offset, value, size);
}

int pci_bus_init(struct pci_bus *bus, const struct pci_bus_config *config)
{
	static const struct io_region_ops ecam_ops = {.read = ecam_read, .write = ecam_write};
	static const struct io_region_ops address_ops = {.read = address_read,
							 .write = address_write};
	static const struct io_region_ops data_ops = {.read = data_read, .write = data_write};
	static const struct pci_device_ops bridge_ops = {0};
	/* One that exists in virtual machines only, and Intel's Q35,
	 * of which kernels want nothing. */
	static const struct pci_identity virtual = {
		.vendor = 0x1b36, .device = 0x0008, .class = 0x060000};
	static const struct pci_identity hardware = {
		.vendor = 0x8086, .device = 0x29c0, .class = 0x060000};
	int err;

	*bus = (struct pci_bus){
		.config = *config,
		.io = config->io,
		.mem32 = config->mem32,
		.mem64 = config->mem64,
		.ecam = {.name = "pci-ecam", .size = ECAM_SIZE, .ops = &ecam_ops},
		.address = {.name = "pci-address", .size = 4, .ops = &address_ops},
		.data = {.name = "pci-data", .size = 4, .ops = &data_ops},
	};
	pthread_mutex_init(&bus->lock, NULL);
	pci_device_init(&bus->host_bridge, "pci-bridge", &bridge_ops,
			config->as_hardware ? &hardware : &virtual);
	err = bus_add(config->mmio, &bus->ecam, config->ecam_base);
	if (!err)
		err = bus_add(config->ports, &bus->address, config->address_port);
	if (!err)
		err = bus_add(config->ports, &bus->data, config->address_port + DATA_PORT);
	return err ? err : pci_add(bus, &bus->host_bridge);
}

void pci_bus_destroy(struct pci_bus *bus)
{
	pthread_mutex_destroy(&bus->lock);
}

static void reset_device(struct pci_device *device)
{
	if (device->ops->reset)
		device->ops->reset(device);
	if (device->msix)
		msix_reset(device->msix);
	pthread_mutex_lock(&device->bus->lock);
	memcpy(device->state.config, device->power_on, PCI_CONFIG_SIZE);
	update_intx(device);
	pci_bars_follow(device);
	pthread_mutex_unlock(&device->bus->lock);
}

void pci_bus_reset(struct pci_bus *bus)
{
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		if (bus->devices[slot])
			reset_device(bus->devices[slot]);
	}
	pthread_mutex_lock(&bus->lock);
	bus->address_register = 0;
	pthread_mutex_unlock(&bus->lock);
}
