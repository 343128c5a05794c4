/*
 * fuzz_virtio.c: libFuzzer plays a guest with a device behind virtio-mmio and one behind
 * virtio-pci: accesses of any width to registers, BARs and configuration space, bytes written into
 * guest memory, and the loop's turn. Machines are made once; both devices are reset in between.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fake/msi.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"
#include "virtio/registers.h"
#include "vmm/util.h"

#define MMIO_BASE 0xe9000000u
#define ECAM_BASE 0xe8000000u
#define MEM32_BASE 0xc0000000u
#define MEM64_BASE 0x200000000ull

enum { RAM_SIZE = 0x10000, QUEUES = 3, ROOM = 8, DEVICES = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int start(struct virtio_device *dev)
{
	if (dev->running)
		abort();
	return 0;
}

static void stop(struct virtio_device *dev)
{
	if (!dev->running)
		abort();
}

/* Fills what it is given, and returns it at once. */
static void kick(struct virtio_device *dev, unsigned int queue)
{
	struct iovec iov[ROOM];
	struct virtq_chain chain = {.iov = iov, .cap = ROOM};
	struct virtqueue *vq = virtio_queue(dev, queue);
	unsigned int budget = VIRTQUEUE_MAX_SIZE; /* a real one ends with its loop's turn, too */

	if (!dev->running || !virtqueue_enabled(vq))
		abort();
	while (budget-- && virtio_pop(dev, queue, &chain))
		virtqueue_push(vq, &chain, (uint32_t)iov_put_zeroes(&chain.out, chain.out.left));
	virtio_flush(dev, queue);
	virtqueue_enable_notify(vq);
}

static void write_config(struct virtio_device *dev, unsigned int offset, const void *bytes,
			 unsigned int size)
{
	virtio_config_changed(dev, offset, bytes, size);
}

static const struct virtio_device_ops ops = {
	.start = start,
	.stop = stop,
	.kick = kick,
	.write_config = write_config,
};

struct machine {
	struct loop loop;
	struct guest_memory ram;
	struct bus ports, mmio_bus;
	struct pci_bus pci_bus;
	struct fake_msi msi;
	struct virtio_device devices[DEVICES];
	struct virtio_mmio mmio;
	struct virtio_pci pci;
};

static void must(int err)
{
	if (err)
		abort();
}

static struct machine *make_machine(void)
{
	static struct machine machine;
	const struct irq_line line = {0};
	struct pci_bus_config config = {
		.ports = &machine.ports,
		.mmio = &machine.mmio_bus,
		.ecam_base = ECAM_BASE,
		.address_port = 0xcf8,
		.io = {0x1000, 0x1000},
		.mem32 = {MEM32_BASE, 0x100000},
		.mem64 = {MEM64_BASE, 0x100000},
		.msi = &machine.msi.backend,
	};

	must(loop_init(&machine.loop));
	must(memory_add(&machine.ram, 0, RAM_SIZE));
	bus_init(&machine.ports, NULL);
	bus_init(&machine.mmio_bus, &machine.ram);
	fake_msi_init(&machine.msi);
	must(pci_bus_init(&machine.pci_bus, &config));
	for (unsigned int i = 0; i < DEVICES; i++) {
		machine.devices[i] = (struct virtio_device){
			.name = "fuzzed",
			.id = VIRTIO_ID_RNG,
			.ops = &ops,
			.nqueues = QUEUES,
			.queue_size = 16,
			.config_size = 21,
		};
		must(virtio_device_init(&machine.devices[i], &machine.loop, &machine.ram));
	}
	must(virtio_mmio_init(&machine.mmio, &machine.devices[0], &machine.mmio_bus, MMIO_BASE,
			      &line));
	must(virtio_pci_init(&machine.pci, &machine.devices[1], &machine.pci_bus));
	return &machine;
}

/* An access as the input has it: kind, size and direction, offset, value. */
struct access {
	uint8_t kind, shape;
	uint16_t offset;
	uint32_t value;
} __attribute__((packed));

static void touch(struct machine *machine, uint64_t address, const struct access *access)
{
	unsigned int size = 1 + (access->shape & 7);
	uint64_t value = access->value | (uint64_t)access->value << 32;

	if (access->shape & 8)
		bus_read(&machine->mmio_bus, address, &value, size);
	else
		bus_write(&machine->mmio_bus, address, &value, size);
}

/* A driver that does it right, so that inputs need not find out how; rings at 0x1000, 0x2000, ...
 */
static void bring_up(struct virtio_device *dev, uint32_t features)
{
	const uint8_t agreed =
		VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK;

	virtio_set_status(dev, 0);
	virtio_set_driver_features(dev, 0, features & virtio_get_offered(dev, 0));
	virtio_set_driver_features(dev, 1, virtio_get_offered(dev, 1));
	virtio_set_status(dev, agreed);
	for (unsigned int i = 0; i < QUEUES; i++) {
		virtio_queue_write(dev, i, VIRTIO_QUEUE_DESC_LOW, 0x1000 * (i + 1));
		virtio_queue_write(dev, i, VIRTIO_QUEUE_AVAIL_LOW, 0x1000 * (i + 1) + 0x100);
		virtio_queue_write(dev, i, VIRTIO_QUEUE_USED_LOW, 0x1000 * (i + 1) + 0x200);
		virtio_queue_change(dev, i, VIRTIO_QUEUE_ENABLE);
	}
	virtio_set_status(dev, agreed | VIRTIO_CONFIG_S_DRIVER_OK);
	if (!dev->running)
		abort();
}

static void perform(struct machine *machine, const struct access *access)
{
	switch (access->kind & 7) {
	case 0:
		touch(machine, MMIO_BASE + access->offset % VIRTIO_MMIO_SIZE, access);
		break;
	case 1:
		touch(machine, machine->pci.region.base + access->offset % VIRTIO_PCI_BAR_SIZE,
		      access);
		break;
	case 2:
		touch(machine, machine->pci.msix.region.base + access->offset % MSIX_BAR_SIZE,
		      access);
		break;
	case 3:
		touch(machine, ECAM_BASE + access->offset, access);
		break;
	case 4:
		loop_stop(&machine->loop);
		must(loop_run(&machine->loop));
		break;
	case 5:
		bring_up(&machine->devices[access->shape % DEVICES], access->value);
		break;
	default:
		memory_write(&machine->ram, access->offset, &access->value, 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine *machine;
	struct access access;

	if (!machine)
		machine = make_machine();
	memset(machine->ram.regions[0].host, 0, RAM_SIZE);
	for (; size >= sizeof(access); data += sizeof(access), size -= sizeof(access)) {
		memcpy(&access, data, sizeof(access));
		perform(machine, &access);
	}
	virtio_mmio_reset(&machine->mmio);
	pci_bus_reset(&machine->pci_bus);
	for (unsigned int i = 0; i < DEVICES; i++) {
		if (machine->devices[i].running || virtio_get_status(&machine->devices[i]))
			abort();
	}
	return 0;
}
