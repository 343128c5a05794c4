/*
 * fuzz_nvme.c: libFuzzer plays a guest with an NVMe controller: accesses of any width to registers,
 * MSI-X table and configuration space, commands of any content in queues that a driver set up well,
 * bytes written into guest memory, a disk that holds its requests or fails them, and the loop's
 * turn. After each input the controller is reset, and must then do what it is for.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "devices/msix.h"
#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

#define ECAM_BASE 0xe8000000u
#define MEM32_BASE 0xc0000000u

enum {
	BRING_UPS = 16,	    /* in an input: each takes memory for its queues */
	ADDRESSES = 0x4000, /* RAM that is nothing else, for what addresses lead to */
	ROOM = 0x100000,    /* RAM that an input uses at all */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An access as the input has it: kind, size and direction, offset, value. */
struct access {
	uint8_t kind, shape;
	uint16_t offset;
	uint32_t value;
} __attribute__((packed));

static void touch(struct fake_nvme *driver, uint64_t address, const struct access *access)
{
	unsigned int size = 1 + (access->shape & 7);
	uint64_t value = access->value;

	if (access->shape & 8)
		bus_read(&driver->mmio, address, &value, size);
	else
		bus_write(&driver->mmio, address, &value, size);
}

static void bring_up(struct fake_nvme *driver, bool shadow)
{
	driver->ram->hold = false;
	driver->ram->fail = 0;
	ram_disk_release(driver->ram, UINT32_MAX);
	fake_nvme_turn(driver);
	pci_bus_reset(&driver->bus);
	fake_nvme_use_msix(driver);
	fake_nvme_enable(driver);
	fake_nvme_create_queues(driver);
	if (shadow)
		fake_nvme_use_shadow(driver);
}

/* An address of the input's, of which most lie in a small piece of RAM. */
static uint64_t tamed(uint64_t address, uint64_t alignment)
{
	uint64_t at = le64toh(address);

	return htole64(at >> 62 ? at % ADDRESSES & -alignment : at);
}

/* A command of the input's, whose opcode and first words are mostly ones that mean something. */
static void submit(struct fake_nvme *driver, unsigned int sq, struct nvme_command command,
		   bool tame)
{
	static const uint8_t opcodes[] = {
		NVME_DELETE_SQ,
		NVME_CREATE_SQ,
		NVME_GET_LOG_PAGE,
		NVME_DELETE_CQ,
		NVME_CREATE_CQ,
		NVME_IDENTIFY,
		NVME_ABORT,
		NVME_SET_FEATURES,
		NVME_GET_FEATURES,
		NVME_ASYNC_EVENT_REQUEST,
		NVME_DOORBELL_BUFFER_CONFIG,
	};

	if (tame) {
		command.opcode =
			sq ? command.opcode % 16 : opcodes[command.opcode % ARRAY_SIZE(opcodes)];
		command.flags = 0;
		command.nsid = htole32(command.opcode != NVME_IDENTIFY || command.cid & 1);
		command.prp1 = tamed(command.prp1, sq ? 4 : NVME_PAGE_SIZE);
		command.prp2 = tamed(command.prp2, sq ? 4 : NVME_PAGE_SIZE);
		command.cdw10 &= sq ? htole32(0x1fff) : htole32(0x000f00ff);
		command.cdw11 &= sq ? 0 : htole32(0x000300ff);
		command.cdw12 &= htole32(0xffff);
	}
	fake_nvme_submit(driver, sq, command);
}

/* Are the registers where the driver knows them? */
static bool is_mapped(struct fake_nvme *driver)
{
	uint32_t value;

	return driver->bus.devices[FAKE_NVME_SLOT]->bars[0].region->base == MEM32_BASE &&
	       bus_read(&driver->mmio, MEM32_BASE, &value, sizeof(value));
}

/* A command is what lies behind the access in the input. Returns what that has taken of it. */
static size_t perform(struct fake_nvme *driver, const struct access *access, const uint8_t *more,
		      size_t size)
{
	const unsigned int queue = access->shape % FAKE_NVME_QUEUES;
	struct pci_device *pci = driver->bus.devices[FAKE_NVME_SLOT];
	struct nvme_command command;
	struct nvme_completion completion;

	switch (access->kind % 10) {
	case 0:
		touch(driver, pci->bars[0].region->base + access->offset % 0x60, access);
		break;
	case 1:
		touch(driver, pci->bars[0].region->base + NVME_DOORBELLS + access->offset % 0x40,
		      access);
		break;
	case 2:
		touch(driver, pci->bars[4].region->base + access->offset % MSIX_BAR_SIZE, access);
		break;
	case 3:
		touch(driver, ECAM_BASE + (FAKE_NVME_SLOT << 15) + access->offset % 0x100, access);
		break;
	case 4:
		driver->ram->hold = access->shape & 1;
		driver->ram->fail = access->shape & 2 ? -EIO : 0;
		ram_disk_release(driver->ram, access->offset & 0xff);
		break;
	case 5:
		fake_nvme_turn(driver);
		break;
	case 6:
		memory_write(&driver->memory.mem, access->offset, &access->value, 4);
		break;
	case 7:
		if (is_mapped(driver) && fake_nvme_reap(driver, queue, &completion))
			fake_nvme_turn(driver);
		break;
	default:
		if (size < sizeof(command))
			break;
		memcpy(&command, more, sizeof(command));
		submit(driver, queue, command, !(access->shape & 0x40));
		if (access->shape & 0x80 && is_mapped(driver))
			fake_nvme_ring(driver, queue);
		return sizeof(command);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_nvme driver;
	unsigned int bring_ups = BRING_UPS;
	struct access access;
	size_t taken;

	if (!driver.nvme)
		fake_nvme_init(&driver);
	driver.memory.next = 0;
	memset(fake_memory_at(&driver.memory, 0, ROOM), 0, ROOM);
	fake_memory_alloc(&driver.memory, ADDRESSES);
	bring_up(&driver, size & 1);
	while (size >= sizeof(access)) {
		memcpy(&access, data, sizeof(access));
		data += sizeof(access);
		size -= sizeof(access);
		if (access.kind >= 0xf8 && bring_ups > 0) {
			bring_up(&driver, access.shape & 1);
			bring_ups--;
			continue;
		}
		taken = perform(&driver, &access, data, size);
		data += taken;
		size -= taken;
	}
	bring_up(&driver, false);
	driver.data = driver.memory.next;
	fake_nvme_still_works(&driver);
	return 0;
}
