/*
 * nvme_driver.h: a driver of one NVMe controller for tests, on a PCI bus with a disk in memory, and
 * what it takes to misbehave. All on the test's one thread, which is also the loop's.
 */
#ifndef TESTS_FAKE_NVME_DRIVER_H
#define TESTS_FAKE_NVME_DRIVER_H

#include "devices/nvme.h"
#include "devices/nvme_spec.h"
#include "devices/pci.h"
#include "tests/fake/driver.h"
#include "tests/fake/msi.h"
#include "tests/fake/ram_disk.h"
#include "tests/fake/wires.h"
#include "vmm/loop.h"

enum {
	FAKE_NVME_QUEUES = 3,	/* pairs: the admin queues and two for I/O */
	FAKE_NVME_ENTRIES = 16, /* of every queue, unless the test says otherwise */
	FAKE_NVME_DISK = 4 << 20,
	FAKE_NVME_SLOT = 1,
};

struct fake_nvme_queue {
	uint16_t size;
	struct nvme_command *commands;	     /* submission */
	struct nvme_completion *completions; /* completion */
	gpa_t base;
	uint16_t at; /* tail, or head */
	uint8_t phase;
};

struct fake_nvme {
	struct loop loop;
	struct fake_memory memory;
	struct bus ports, mmio;
	struct pci_bus bus;
	struct fake_msi msi;
	struct fake_irq irq; /* all INTx lines are this one */
	struct ram_disk *ram;
	struct nvme *nvme;
	struct fake_nvme_queue sqs[FAKE_NVME_QUEUES], cqs[FAKE_NVME_QUEUES];
	uint32_t *shadow, *events; /* NULL: not configured */
	unsigned int rung;	   /* writes to doorbells */
	unsigned int armed;	   /* ioeventfds that KVM would have */
	gpa_t page;		   /* for admin data; 4096 bytes */
	gpa_t data;		   /* 64 KiB */
	uint16_t next_cid;
};

/* A controller over a disk in memory; it is not enabled. */
void fake_nvme_init(struct fake_nvme *driver);
void fake_nvme_destroy(struct fake_nvme *driver);
/* The same, enabled, with MSI-X and all queues. For cmocka's setup and teardown. */
int fake_nvme_setup(void **state);
int fake_nvme_teardown(void **state);

/* Registers and configuration space. */
uint64_t fake_nvme_get(struct fake_nvme *driver, uint64_t offset, unsigned int size);
void fake_nvme_set(struct fake_nvme *driver, uint64_t offset, uint64_t value, unsigned int size);
void fake_nvme_use_msix(struct fake_nvme *driver);
/* Messages sent by a vector since the last call. */
uint64_t fake_nvme_interrupts(struct fake_nvme *driver, unsigned int vector);

/* Sets the admin queues up and CC.EN. */
void fake_nvme_enable(struct fake_nvme *driver);
void fake_nvme_disable(struct fake_nvme *driver);
void fake_nvme_create_queues(struct fake_nvme *driver);
/* Memory for a queue of that size; it is not yet the controller's. */
void fake_nvme_prepare_sq(struct fake_nvme *driver, unsigned int id, uint16_t size);
void fake_nvme_prepare_cq(struct fake_nvme *driver, unsigned int id, uint16_t size);
/* Doorbell Buffer Config. */
void fake_nvme_use_shadow(struct fake_nvme *driver);

/* Puts a command into a queue, without a doorbell, and returns its identifier. */
uint16_t fake_nvme_submit(struct fake_nvme *driver, unsigned int sq, struct nvme_command command);
/* The tail's doorbell, in memory first if there is one there, as drivers do it. */
void fake_nvme_ring(struct fake_nvme *driver, unsigned int sq);
/* One turn of the loop, after which all that was to be done is done. */
void fake_nvme_turn(struct fake_nvme *driver);
/* The next completion, which is taken, with a doorbell: false if there is none. */
bool fake_nvme_reap(struct fake_nvme *driver, unsigned int cq, struct nvme_completion *completion);

/* The parts of a completion, in our byte order. */
uint16_t fake_nvme_status(const struct nvme_completion *completion); /* code and type only */
uint16_t fake_nvme_cid(const struct nvme_completion *completion);

/* One command from its submission to its completion: its status. */
uint16_t fake_nvme_run(struct fake_nvme *driver, unsigned int sq, struct nvme_command command);
/* The same, of an admin command with one result. */
uint16_t fake_nvme_admin(struct fake_nvme *driver, struct nvme_command command, uint32_t *result);

/* Commands as drivers make them. */
struct nvme_command fake_nvme_move(uint8_t opcode, uint64_t block, uint32_t blocks, gpa_t at);
struct nvme_command fake_nvme_flush(void);
struct nvme_command fake_nvme_create(uint8_t opcode, unsigned int id, gpa_t base, uint16_t size,
				     uint32_t cdw11);

/* The controller does what it is for. */
void fake_nvme_still_works(struct fake_nvme *driver);
/* And so it does once it is enabled again. */
void fake_nvme_works_anew(struct fake_nvme *driver);

static inline uint8_t *fake_nvme_at(struct fake_nvme *driver, gpa_t gpa, uint64_t size)
{
	return fake_memory_at(&driver->memory, gpa, size);
}

#endif
