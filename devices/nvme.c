/*
 * nvme.c: how the controller comes and goes: what it is made of, its place on the bus, its disk.
 */
#include "devices/nvme.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/nvme_controller.h"
#include "vmm/util.h"

/*
 * A controller that is in virtual machines only, by its ID: Linux knows no faults of it that would
 * have to be worked around. It believes nothing that the more common 1b36:0010 says of its
 * namespaces.
 */
enum { VENDOR = 0x1ae0, DEVICE = 0x001f, CLASS = 0x010802, REVISION = 1 };

enum {
	REGISTERS_BAR = 0,
	MSIX_BAR = 4,
	/* Edge-triggered: every ring wakes the loop, and none has to be read back. */
	BELL_EVENTS = EPOLLIN | EPOLLET,
};

void nvme_complain(struct nvme *nvme, const char *what)
{
	log_guest(&nvme->said, "%s: %s", nvme->identity.name, what);
}

void nvme_bell_ring(struct nvme_bell *bell)
{
	const uint64_t one = 1;

	if (write(bell->wake.fd, &one, sizeof(one)) < 0)
		return; /* only when 2^64 rings were never read: it is awake then */
}

static void bell_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	nvme_bell_answer(container_of(source, struct nvme_bell, wake));
}

/* The disk's words, on the loop. */

static void batch_done(struct disk_client *client, unsigned int queue)
{
	struct nvme *nvme = container_of(client, struct nvme, client);

	nvme_io_batch_done(&nvme->sqs[queue + 1]);
}

static void resized(struct disk_client *client)
{
	struct nvme *nvme = container_of(client, struct nvme, client);

	if (!nvme->running)
		return; /* a driver that comes later asks for the size */
	nvme->state.log.namespace_changed = true;
	nvme_event_raise(nvme, NVME_TELL_NAMESPACE);
	nvme_events_send(nvme);
}

/* Coming and going. */

static void pci_reset(struct pci_device *device)
{
	nvme_control_power_on(container_of(device, struct nvme, pci));
}

static void describe(struct nvme *nvme)
{
	static const struct pci_device_ops device_ops = {.reset = pci_reset};
	static const struct pci_identity identity = {
		.vendor = VENDOR,
		.device = DEVICE,
		.subsystem_vendor = VENDOR,
		.subsystem = DEVICE,
		.class = CLASS,
		.revision = REVISION,
		.has_intx = true,
	};
	/* PCI power management, 2.3: D0 and D3, and nothing is lost in between. */
	static const uint8_t power[PCI_PM_SIZEOF] = {
		PCI_CAP_ID_PM, [PCI_PM_PMC] = 3, [PCI_PM_CTRL] = PCI_PM_CTRL_NO_SOFT_RESET};
	static const uint8_t power_writable[PCI_PM_SIZEOF] = {[PCI_PM_CTRL] =
								      PCI_PM_CTRL_STATE_MASK};

	nvme->region = (struct io_region){
		.name = nvme->identity.name, .size = NVME_BAR_SIZE, .ops = &nvme_region_ops};
	pci_device_init(&nvme->pci, nvme->identity.name, &device_ops, &identity);
	pci_bar_add(&nvme->pci, REGISTERS_BAR, PCI_BAR_MEM64, &nvme->region);
	pci_capability_add(&nvme->pci, power, power_writable, sizeof(power));
}

static int make_bell(struct nvme *nvme, unsigned int id)
{
	struct loop_source *wake = &nvme->bells[id].wake;

	wake->ready = bell_ready;
	wake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return wake->fd < 0 ? -errno : loop_add(nvme->loop, wake, BELL_EVENTS);
}

static int make_queues(struct nvme *nvme)
{
	int err = 0;

	for (unsigned int id = 0; id < NVME_MAX_QUEUES; id++) {
		nvme->bells[id].nvme = nvme;
		nvme->bells[id].wake.fd = -1;
		nvme->cqs[id].state = &nvme->state.cqs[id];
		nvme->sqs[id].state = &nvme->state.sqs[id];
		nvme->sqs[id].nvme = nvme;
		nvme->sqs[id].id = (uint16_t)id;
	}
	for (unsigned int id = 0; id <= nvme->nqueues && !err; id++) {
		err = make_bell(nvme, id);
		if (!err && id > 0)
			err = nvme_io_init(&nvme->sqs[id]);
	}
	return err;
}

static int put_on_bus(struct nvme *nvme, struct pci_bus *bus)
{
	int err;

	describe(nvme);
	/* One vector for each completion queue. */
	err = msix_init(&nvme->msix, &nvme->pci, bus->config.msi, MSIX_BAR, nvme->nqueues + 1);
	if (err)
		return err;
	nvme->bus = bus;
	return pci_add(bus, &nvme->pci);
}

int nvme_create(struct disk *disk, unsigned int nqueues, const struct nvme_identity *identity,
		struct loop *loop, const struct guest_memory *mem, struct pci_bus *bus,
		struct nvme **nvme_out)
{
	static const struct disk_client_ops client_ops = {
		.batch_done = batch_done,
		.resized = resized,
	};
	struct nvme *nvme = calloc(1, sizeof(*nvme));
	int err;

	assert(nqueues > 0 && nqueues <= DISK_MAX_QUEUES);
	if (!nvme) {
		disk_close(disk);
		return -ENOMEM;
	}
	pthread_mutex_init(&nvme->lock, NULL);
	nvme->disk = disk;
	nvme->client.ops = &client_ops;
	nvme->loop = loop;
	nvme->mem = mem;
	nvme->nqueues = nqueues;
	nvme->identity = *identity;
	memcpy(nvme->serial, identity->serial, strnlen(identity->serial, DISK_SERIAL_MAX));
	nvme->identity.serial = nvme->serial;
	nvme_features_reset(nvme);
	err = make_queues(nvme);
	if (!err)
		err = disk_attach(disk, &nvme->client, loop, nqueues);
	if (!err)
		err = put_on_bus(nvme, bus);
	if (err) {
		nvme_free(nvme);
		return err;
	}
	*nvme_out = nvme;
	return 0;
}

static void take_down(void *arg)
{
	struct nvme *nvme = arg;

	nvme->running = false;
	if (nvme->bus)
		nvme_shadow_forget(nvme);
	for (unsigned int id = 0; id <= nvme->nqueues; id++)
		loop_remove(nvme->loop, &nvme->bells[id].wake);
}

void nvme_free(struct nvme *nvme)
{
	if (!nvme)
		return;
	loop_call(nvme->loop, take_down, nvme);
	disk_close(nvme->disk);
	for (unsigned int id = 0; id <= nvme->nqueues; id++) {
		if (nvme->bells[id].wake.fd >= 0)
			close(nvme->bells[id].wake.fd);
		nvme_io_destroy(&nvme->sqs[id]);
	}
	msix_destroy(&nvme->msix);
	pthread_mutex_destroy(&nvme->lock);
	free(nvme);
}

void nvme_refresh(struct nvme *nvme)
{
	disk_refresh(nvme->disk);
}

bool nvme_was_driven(const struct nvme *nvme)
{
	return atomic_load_explicit(&nvme->was_driven, memory_order_relaxed);
}

bool nvme_was_written(const struct nvme *nvme)
{
	return atomic_load_explicit(&nvme->disk->written, memory_order_relaxed);
}
