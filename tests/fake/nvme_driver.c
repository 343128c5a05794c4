/* nvme_driver.c: see nvme_driver.h. */
#include "tests/fake/nvme_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/bytes.h"
#include "vmm/util.h"

#define ECAM 0xe8000000u
#define MEM32 0xc0000000u
#define MEM32_SIZE 0x100000u

enum {
	DATA_SIZE = 64 * 1024,
	TURNS = 4, /* rings lead to completions, and those to further rings */
	CONTROL = (int)(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
	PLAIN_CC = NVME_COMMAND_SIZE_LOG2 << NVME_CC_IOSQES | NVME_COMPLETION_SIZE_LOG2
								      << NVME_CC_IOCQES,
};

static int count_ioeventfd(struct bus *mmio, const struct ioeventfd *event, uint64_t address,
			   bool assign)
{
	struct fake_nvme *driver = container_of(mmio, struct fake_nvme, mmio);

	(void)address;
	assert_int_equal(event->size, 4);
	assert_false(event->match_data);
	/* Never the admin queues'. */
	assert_true(event->offset >= NVME_DOORBELLS + 8);
	driver->armed += assign ? 1u : -1u;
	return 0;
}

static gpa_t alloc_pages(struct fake_nvme *driver, uint64_t size)
{
	driver->memory.next = align_up(driver->memory.next, NVME_PAGE_SIZE);
	return fake_memory_alloc(&driver->memory, size);
}

static void make_bus(struct fake_nvme *driver)
{
	struct pci_bus_config config = {
		.ports = &driver->ports,
		.mmio = &driver->mmio,
		.ecam_base = ECAM,
		.address_port = 0xcf8,
		.io = {0x1000, 0x1000},
		.mem32 = {MEM32, MEM32_SIZE},
		.intx_gsi = 16,
		.msi = &driver->msi.backend,
	};

	bus_init(&driver->ports, NULL);
	bus_init(&driver->mmio, &driver->memory.mem);
	driver->mmio.ioeventfd = count_ioeventfd;
	fake_msi_init(&driver->msi);
	for (unsigned int i = 0; i < PCI_INTX_LINES; i++)
		config.intx[i] = fake_irq_line(&driver->irq);
	assert_int_equal(pci_bus_init(&driver->bus, &config), 0);
}

void fake_nvme_init(struct fake_nvme *driver)
{
	const struct nvme_identity identity = {
		.name = "disk0",
		.serial = "serial-7",
		.subsystem = {{0x11, 0x22}},
		.namespace_id = {{0x33, 0x44}},
	};

	*driver = (struct fake_nvme){0};
	assert_int_equal(loop_init(&driver->loop), 0);
	fake_memory_init(&driver->memory);
	make_bus(driver);
	driver->page = alloc_pages(driver, NVME_PAGE_SIZE);
	driver->data = alloc_pages(driver, DATA_SIZE);
	driver->ram = calloc(1, sizeof(*driver->ram));
	ram_disk_init(driver->ram, FAKE_NVME_DISK);
	assert_int_equal(nvme_create(&driver->ram->disk, FAKE_NVME_QUEUES - 1, &identity,
				     &driver->loop, &driver->memory.mem, &driver->bus,
				     &driver->nvme),
			 0);
}

void fake_nvme_destroy(struct fake_nvme *driver)
{
	nvme_free(driver->nvme);
	assert_int_equal(driver->armed, 0);
	assert_int_equal(driver->msi.used, 0);
	free(driver->ram);
	pci_bus_destroy(&driver->bus);
	bus_destroy(&driver->mmio);
	bus_destroy(&driver->ports);
	fake_memory_free(&driver->memory);
	loop_destroy(&driver->loop);
}

int fake_nvme_setup(void **state)
{
	static struct fake_nvme driver;

	fake_nvme_init(&driver);
	fake_nvme_use_msix(&driver);
	fake_nvme_enable(&driver);
	fake_nvme_create_queues(&driver);
	*state = &driver;
	return 0;
}

int fake_nvme_teardown(void **state)
{
	fake_nvme_destroy(*state);
	return 0;
}

/* Registers. */

uint64_t fake_nvme_get(struct fake_nvme *driver, uint64_t offset, unsigned int size)
{
	uint8_t bytes[8] = {0};

	assert_true(bus_read(&driver->mmio, MEM32 + offset, bytes, size));
	return load_le64(bytes);
}

void fake_nvme_set(struct fake_nvme *driver, uint64_t offset, uint64_t value, unsigned int size)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	assert_true(bus_write(&driver->mmio, MEM32 + offset, bytes, size));
	driver->rung += offset >= NVME_DOORBELLS;
}

static void config_set(struct fake_nvme *driver, unsigned int offset, uint16_t value)
{
	bus_write(&driver->mmio, ECAM + (FAKE_NVME_SLOT << 15) + offset, &value, sizeof(value));
}

/* The capability is the second, behind power management; the table in BAR 4. */
void fake_nvme_use_msix(struct fake_nvme *driver)
{
	uint64_t table =
		pci_config_load(driver->bus.devices[FAKE_NVME_SLOT], PCI_BASE_ADDRESS_4, 4);
	struct msix *msix = driver->bus.devices[FAKE_NVME_SLOT]->msix;

	config_set(driver, PCI_COMMAND, CONTROL);
	for (unsigned int i = 0; i < FAKE_NVME_QUEUES; i++) {
		uint32_t row[4] = {0xfee00000, 0, 0x20 + i, 0};

		for (unsigned int j = 0; j < 4; j++)
			bus_write(&driver->mmio, table + 16 * i + 4 * j, &row[j], 4);
	}
	config_set(driver, msix->capability + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
}

uint64_t fake_nvme_interrupts(struct fake_nvme *driver, unsigned int vector)
{
	return fake_msi_sent(&driver->msi,
			     &driver->bus.devices[FAKE_NVME_SLOT]->msix->irqfds[vector]);
}

/* Queues. */

void fake_nvme_prepare_sq(struct fake_nvme *driver, unsigned int id, uint16_t size)
{
	struct fake_nvme_queue *sq = &driver->sqs[id];

	*sq = (struct fake_nvme_queue){.size = size};
	sq->base = alloc_pages(driver, (uint64_t)size * NVME_COMMAND_SIZE);
	sq->commands =
		fake_memory_at(&driver->memory, sq->base, (uint64_t)size * NVME_COMMAND_SIZE);
}

void fake_nvme_prepare_cq(struct fake_nvme *driver, unsigned int id, uint16_t size)
{
	struct fake_nvme_queue *cq = &driver->cqs[id];

	*cq = (struct fake_nvme_queue){.size = size, .phase = 1};
	cq->base = alloc_pages(driver, (uint64_t)size * NVME_COMPLETION_SIZE);
	cq->completions =
		fake_memory_at(&driver->memory, cq->base, (uint64_t)size * NVME_COMPLETION_SIZE);
}

void fake_nvme_enable(struct fake_nvme *driver)
{
	fake_nvme_prepare_sq(driver, 0, FAKE_NVME_ENTRIES);
	fake_nvme_prepare_cq(driver, 0, FAKE_NVME_ENTRIES);
	driver->shadow = driver->events = NULL;
	fake_nvme_set(driver, NVME_AQA, (FAKE_NVME_ENTRIES - 1) << 16 | (FAKE_NVME_ENTRIES - 1), 4);
	fake_nvme_set(driver, NVME_ASQ, driver->sqs[0].base, 8);
	fake_nvme_set(driver, NVME_ACQ, driver->cqs[0].base, 8);
	fake_nvme_set(driver, NVME_CC, PLAIN_CC | NVME_CC_EN, 4);
	assert_int_equal(fake_nvme_get(driver, NVME_CSTS, 4), NVME_CSTS_RDY);
}

void fake_nvme_disable(struct fake_nvme *driver)
{
	fake_nvme_set(driver, NVME_CC, PLAIN_CC, 4);
	assert_int_equal(fake_nvme_get(driver, NVME_CSTS, 4), 0);
}

struct nvme_command fake_nvme_create(uint8_t opcode, unsigned int id, gpa_t base, uint16_t size,
				     uint32_t cdw11)
{
	return (struct nvme_command){
		.opcode = opcode,
		.prp1 = htole64(base),
		.cdw10 = htole32((uint32_t)(size - 1) << 16 | id),
		.cdw11 = htole32(cdw11 | NVME_CREATE_CONTIGUOUS),
	};
}

void fake_nvme_create_queues(struct fake_nvme *driver)
{
	for (unsigned int id = 1; id < FAKE_NVME_QUEUES; id++) {
		fake_nvme_prepare_cq(driver, id, FAKE_NVME_ENTRIES);
		fake_nvme_prepare_sq(driver, id, FAKE_NVME_ENTRIES);
		assert_int_equal(
			fake_nvme_admin(driver,
					fake_nvme_create(NVME_CREATE_CQ, id, driver->cqs[id].base,
							 FAKE_NVME_ENTRIES,
							 id << 16 | NVME_CREATE_CQ_INTERRUPTS),
					NULL),
			NVME_SUCCESS);
		assert_int_equal(
			fake_nvme_admin(driver,
					fake_nvme_create(NVME_CREATE_SQ, id, driver->sqs[id].base,
							 FAKE_NVME_ENTRIES, id << 16),
					NULL),
			NVME_SUCCESS);
	}
}

void fake_nvme_use_shadow(struct fake_nvme *driver)
{
	gpa_t shadow = alloc_pages(driver, NVME_PAGE_SIZE),
	      events = alloc_pages(driver, NVME_PAGE_SIZE);
	struct nvme_command command = {
		.opcode = NVME_DOORBELL_BUFFER_CONFIG,
		.prp1 = htole64(shadow),
		.prp2 = htole64(events),
	};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	driver->shadow = fake_memory_at(&driver->memory, shadow, NVME_PAGE_SIZE);
	driver->events = fake_memory_at(&driver->memory, events, NVME_PAGE_SIZE);
}

uint16_t fake_nvme_submit(struct fake_nvme *driver, unsigned int sq, struct nvme_command command)
{
	struct fake_nvme_queue *queue = &driver->sqs[sq];
	uint16_t cid = driver->next_cid++;

	command.cid = htole16(cid);
	queue->commands[queue->at] = command;
	queue->at = (uint16_t)((queue->at + 1) % queue->size);
	return cid;
}

/* 7.13: has the doorbell moved past what the controller has written there? In 16 bits, as drivers
 * do it. */
static bool must_ring(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static void doorbell(struct fake_nvme *driver, unsigned int index, uint16_t value)
{
	if (driver->shadow && index >= 2) {
		uint16_t before = (uint16_t)le32toh(driver->shadow[index]);

		driver->shadow[index] = htole32(value);
		if (!must_ring((uint16_t)le32toh(driver->events[index]), value, before))
			return;
	}
	fake_nvme_set(driver, NVME_DOORBELLS + index * 4, value, 4);
}

void fake_nvme_ring(struct fake_nvme *driver, unsigned int sq)
{
	doorbell(driver, 2 * sq, driver->sqs[sq].at);
}

void fake_nvme_turn(struct fake_nvme *driver)
{
	for (unsigned int i = 0; i < TURNS; i++) {
		loop_stop(&driver->loop);
		assert_int_equal(loop_run(&driver->loop), 0);
	}
}

bool fake_nvme_reap(struct fake_nvme *driver, unsigned int cq, struct nvme_completion *completion)
{
	struct fake_nvme_queue *queue = &driver->cqs[cq];

	*completion = queue->completions[queue->at];
	if ((le32toh(completion->status) >> 16 & 1) != queue->phase)
		return false;
	queue->at++;
	if (queue->at == queue->size) {
		queue->at = 0;
		queue->phase ^= 1;
	}
	doorbell(driver, 2 * cq + 1, queue->at);
	return true;
}

uint16_t fake_nvme_status(const struct nvme_completion *completion)
{
	return le32toh(completion->status) >> 17 & 0x7ff;
}

uint16_t fake_nvme_cid(const struct nvme_completion *completion)
{
	return (uint16_t)le32toh(completion->status);
}

static uint16_t run(struct fake_nvme *driver, unsigned int sq, struct nvme_command command,
		    uint32_t *result)
{
	uint16_t cid = fake_nvme_submit(driver, sq, command);
	struct nvme_completion completion;

	fake_nvme_ring(driver, sq);
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, sq, &completion));
	assert_int_equal(fake_nvme_cid(&completion), cid);
	assert_int_equal(le16toh(completion.sq_id), sq);
	assert_int_equal(le16toh(completion.sq_head), driver->sqs[sq].at);
	fake_nvme_turn(driver);
	if (result)
		*result = le32toh(completion.result);
	return fake_nvme_status(&completion);
}

uint16_t fake_nvme_run(struct fake_nvme *driver, unsigned int sq, struct nvme_command command)
{
	return run(driver, sq, command, NULL);
}

uint16_t fake_nvme_admin(struct fake_nvme *driver, struct nvme_command command, uint32_t *result)
{
	return run(driver, 0, command, result);
}

struct nvme_command fake_nvme_move(uint8_t opcode, uint64_t block, uint32_t blocks, gpa_t at)
{
	return (struct nvme_command){
		.opcode = opcode,
		.nsid = htole32(1),
		.prp1 = htole64(at),
		.prp2 = htole64(align_up(at + 1, NVME_PAGE_SIZE)),
		.cdw10 = htole32((uint32_t)block),
		.cdw11 = htole32((uint32_t)(block >> 32)),
		.cdw12 = htole32(blocks - 1),
	};
}

struct nvme_command fake_nvme_flush(void)
{
	return (struct nvme_command){.opcode = NVME_FLUSH, .nsid = htole32(1)};
}

void fake_nvme_still_works(struct fake_nvme *driver)
{
	memset(fake_nvme_at(driver, driver->data, 512), 0x77, 512);
	driver->ram->bytes[9 * 512] = 0;
	assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_move(NVME_WRITE, 9, 1, driver->data)),
			 NVME_SUCCESS);
	assert_int_equal(driver->ram->bytes[9 * 512], 0x77);
}

void fake_nvme_works_anew(struct fake_nvme *driver)
{
	fake_nvme_enable(driver);
	fake_nvme_create_queues(driver);
	fake_nvme_still_works(driver);
}
