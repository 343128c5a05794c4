/*
 * pci.c: virtio-pci, modern devices only (virtio 1.2, section 4.1): its capabilities and BAR,
 * interrupts and doorbells. A notification is recognised by its address alone, so that KVM need not
 * decode the instruction. The common configuration structure is in pci_common.c.
 */
#include "virtio/pci.h"

#include <errno.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/registers.h"
#include "vmm/util.h"

enum {
	VENDOR = 0x1af4,
	FIRST_DEVICE = 0x1040, /* plus the virtio device ID, 4.1.2 */
	REVISION = 1,
	ISR_QUEUE = 1,
	ISR_CONFIG = VIRTIO_PCI_ISR_CONFIG,
};

static struct virtio_pci *pci_of(struct virtio_transport *transport)
{
	return container_of(transport, struct virtio_pci, transport);
}

/*
 * Interrupts.
 */

/* Adds causes to the ISR byte, or takes all of them; INTx follows. */
static uint8_t change_isr(struct virtio_pci *pci, uint8_t add, bool clear)
{
	uint8_t old;

	pthread_mutex_lock(&pci->lock);
	old = pci->state.isr;
	pci->state.isr = clear ? 0 : (uint8_t)(old | add);
	if (!old != !pci->state.isr)
		pci_intx_set(&pci->pci, pci->state.isr != 0);
	pthread_mutex_unlock(&pci->lock);
	return old;
}

static void set_no_vectors(struct virtio_pci_state *state)
{
	state->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		state->queue_vectors[i] = VIRTIO_MSI_NO_VECTOR;
}

void virtio_pci_forget(struct virtio_pci *pci)
{
	pthread_mutex_lock(&pci->lock);
	set_no_vectors(&pci->state);
	pthread_mutex_unlock(&pci->lock);
	change_isr(pci, 0, true);
}

static uint16_t vector_of(struct virtio_pci *pci, const uint16_t *vector)
{
	uint16_t value;

	pthread_mutex_lock(&pci->lock);
	value = *vector;
	pthread_mutex_unlock(&pci->lock);
	return value;
}

static void queue_interrupt(struct virtio_transport *transport, unsigned int queue)
{
	struct virtio_pci *pci = pci_of(transport);

	/* NO_VECTOR is one that is not there, and dropped. */
	if (msix_is_enabled(&pci->msix))
		msix_signal(&pci->msix, vector_of(pci, &pci->state.queue_vectors[queue]));
	else
		change_isr(pci, ISR_QUEUE, false);
}

static void config_interrupt(struct virtio_transport *transport)
{
	struct virtio_pci *pci = pci_of(transport);

	change_isr(pci, ISR_CONFIG, false); /* with MSI-X as well, 4.1.4.5.1 */
	if (msix_is_enabled(&pci->msix))
		msix_signal(&pci->msix, vector_of(pci, &pci->state.config_vector));
}

static int queue_call_fd(struct virtio_transport *transport, unsigned int queue)
{
	struct virtio_pci *pci = pci_of(transport);

	if (!msix_is_enabled(&pci->msix))
		return -1;
	return msix_vector_fd(&pci->msix, vector_of(pci, &pci->state.queue_vectors[queue]));
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.queue_call_fd = queue_call_fd,
};

/*
 * BAR 0.
 */

/* Is an access to one of the structures, and to which byte of it? */
static bool inside(uint64_t offset, uint64_t start, uint64_t size, uint64_t *at)
{
	*at = offset - start;
	return offset >= start && *at < size;
}

static uint64_t bar_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct virtio_pci *pci = container_of(region, struct virtio_pci, region);
	uint64_t at;

	if (inside(offset, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE, &at))
		return virtio_pci_common_read(pci, at, size);
	if (inside(offset, VIRTIO_PCI_DEVICE, VIRTIO_MAX_CONFIG, &at))
		return virtio_config_read(pci->dev, at, size);
	if (offset == VIRTIO_PCI_ISR_STATUS)
		return change_isr(pci, 0, true);
	return 0;
}

static void bar_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	struct virtio_pci *pci = container_of(region, struct virtio_pci, region);
	uint64_t at;

	if (inside(offset, VIRTIO_PCI_NOTIFY, VIRTIO_PCI_BAR_SIZE - VIRTIO_PCI_NOTIFY, &at)) {
		/* Where no ioeventfd has caught it. */
		virtio_kick(pci->dev, (uint32_t)(at / VIRTIO_PCI_NOTIFY_MULTIPLIER));
	} else if (inside(offset, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE, &at)) {
		virtio_pci_common_write(pci, at, (uint32_t)value, size);
	} else if (inside(offset, VIRTIO_PCI_DEVICE, VIRTIO_MAX_CONFIG, &at)) {
		virtio_config_write(pci->dev, at, value, size);
	}
}

static const struct io_region_ops region_ops = {
	.read = bar_read,
	.write = bar_write,
};

/*
 * The window in configuration space through which firmware reaches the BAR without mapping it,
 * 4.1.4.9.
 */

static unsigned int window_data(const struct virtio_pci *pci)
{
	return pci->window + (unsigned int)sizeof(struct virtio_pci_cap);
}

/* What an access to the window's data means in the BAR: false for any other, and where the window
 * stands on nothing that it may reach. */
static bool window_target(struct virtio_pci *pci, unsigned int at, unsigned int size,
			  uint64_t *offset, unsigned int *width)
{
	unsigned int data = window_data(pci);
	uint32_t bar;

	if (at >= data + sizeof(uint32_t) || at + size <= data)
		return false;
	bar = pci_config_load(&pci->pci, pci->window + VIRTIO_PCI_CAP_BAR, 1);
	*offset = pci_config_load(&pci->pci, pci->window + VIRTIO_PCI_CAP_OFFSET, 4);
	*width = pci_config_load(&pci->pci, pci->window + VIRTIO_PCI_CAP_LENGTH, 4);
	return bar == VIRTIO_PCI_BAR && (*width == 1 || *width == 2 || *width == 4) &&
	       *offset % *width == 0 && *offset < VIRTIO_PCI_BAR_SIZE;
}

static void window_reading(struct pci_device *device, unsigned int at, unsigned int size)
{
	struct virtio_pci *pci = container_of(device, struct virtio_pci, pci);
	unsigned int width;
	uint64_t offset;

	if (window_target(pci, at, size, &offset, &width))
		pci_config_store(device, window_data(pci),
				 (uint32_t)bar_read(&pci->region, offset, width), width);
}

static void window_written(struct pci_device *device, unsigned int at, unsigned int size)
{
	struct virtio_pci *pci = container_of(device, struct virtio_pci, pci);
	unsigned int width;
	uint64_t offset;

	if (window_target(pci, at, size, &offset, &width))
		bar_write(&pci->region, offset, pci_config_load(device, window_data(pci), width),
			  width);
}

/*
 * Coming and going.
 */

static void power_on(struct pci_device *device)
{
	struct virtio_pci *pci = container_of(device, struct virtio_pci, pci);

	virtio_set_status(pci->dev, 0);
	virtio_pci_forget(pci);
	pthread_mutex_lock(&pci->lock);
	pci->state.offered_select = pci->state.driver_select = pci->state.queue_select = 0;
	pthread_mutex_unlock(&pci->lock);
}

static const struct pci_device_ops device_ops = {
	.config_reading = window_reading,
	.config_written = window_written,
	.reset = power_on,
};

static uint32_t class_of(uint32_t virtio_id)
{
	switch (virtio_id) {
	case VIRTIO_ID_NET:
		return 0x020000; /* Ethernet controller */
	case VIRTIO_ID_BLOCK:
		return 0x018000; /* other mass storage */
	case VIRTIO_ID_CONSOLE:
		return 0x078000; /* other communication controller */
	default:
		return 0xff0000; /* none of the defined classes */
	}
}

static void add_structure(struct virtio_pci *pci, uint8_t type, uint32_t offset, uint32_t length)
{
	const struct virtio_pci_cap cap = {
		.cap_vndr = PCI_CAP_ID_VNDR,
		.cap_len = sizeof(cap),
		.cfg_type = type,
		.bar = VIRTIO_PCI_BAR,
		.offset = htole32(offset),
		.length = htole32(length),
	};

	pci_capability_add(&pci->pci, &cap, NULL, sizeof(cap));
}

static void add_capabilities(struct virtio_pci *pci)
{
	const struct virtio_pci_notify_cap notify = {
		.cap = {.cap_vndr = PCI_CAP_ID_VNDR,
			.cap_len = sizeof(notify),
			.cfg_type = VIRTIO_PCI_CAP_NOTIFY_CFG,
			.bar = VIRTIO_PCI_BAR,
			.offset = htole32(VIRTIO_PCI_NOTIFY),
			.length = htole32(pci->dev->nqueues * VIRTIO_PCI_NOTIFY_MULTIPLIER)},
		.notify_off_multiplier = htole32(VIRTIO_PCI_NOTIFY_MULTIPLIER),
	};
	const struct virtio_pci_cfg_cap window = {
		.cap = {.cap_vndr = PCI_CAP_ID_VNDR,
			.cap_len = sizeof(window),
			.cfg_type = VIRTIO_PCI_CAP_PCI_CFG},
	};
	const struct virtio_pci_cfg_cap writable = {
		.cap = {.bar = UINT8_MAX, .offset = UINT32_MAX, .length = UINT32_MAX},
		.pci_cfg_data = {UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX},
	};

	add_structure(pci, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE);
	add_structure(pci, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_ISR_STATUS, VIRTIO_PCI_ISR_SIZE);
	if (pci->dev->config_size)
		add_structure(pci, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_DEVICE,
			      pci->dev->config_size);
	pci_capability_add(&pci->pci, &notify, NULL, sizeof(notify));
	pci->window = pci_capability_add(&pci->pci, &window, &writable, sizeof(window));
}

static int add_kicks(struct virtio_pci *pci)
{
	int err = 0;

	for (unsigned int i = 0; i < pci->dev->nqueues && !err; i++) {
		/* Size 0: any width, any value. The address says which queue. */
		pci->kicks[i] = (struct ioeventfd){
			.fd = virtio_kick_fd(pci->dev, i),
			.offset = VIRTIO_PCI_NOTIFY + i * VIRTIO_PCI_NOTIFY_MULTIPLIER,
		};
		err = bus_ioeventfd_add(pci->bus, &pci->region, &pci->kicks[i]);
	}
	return err;
}

int virtio_pci_init(struct virtio_pci *pci, struct virtio_device *dev, struct pci_bus *bus)
{
	const struct pci_identity identity = {
		.vendor = VENDOR,
		.device = (uint16_t)(FIRST_DEVICE + dev->id),
		.subsystem_vendor = VENDOR,
		.subsystem = (uint16_t)(FIRST_DEVICE + dev->id),
		.class = class_of(dev->id),
		.revision = REVISION,
		.has_intx = true,
	};
	int err;

	*pci = (struct virtio_pci){
		.transport = {.ops = &transport_ops},
		.region = {.name = dev->name, .size = VIRTIO_PCI_BAR_SIZE, .ops = &region_ops},
		.dev = dev,
		.bus = bus->config.mmio,
		.kicks = calloc(dev->nqueues, sizeof(*pci->kicks)),
	};
	if (!pci->kicks)
		return -ENOMEM;
	pthread_mutex_init(&pci->lock, NULL);
	set_no_vectors(&pci->state);
	pci_device_init(&pci->pci, dev->name, &device_ops, &identity);
	pci_bar_add(&pci->pci, VIRTIO_PCI_BAR, PCI_BAR_MEM64, &pci->region);
	add_capabilities(pci);
	/* One for the configuration and one for each queue. */
	err = msix_init(&pci->msix, &pci->pci, bus->config.msi, VIRTIO_PCI_MSIX_BAR,
			dev->nqueues + 1);
	if (!err)
		err = pci_add(bus, &pci->pci);
	if (!err)
		err = add_kicks(pci);
	if (err)
		virtio_pci_destroy(pci);
	else
		virtio_attach(dev, &pci->transport);
	return err;
}

void virtio_pci_destroy(struct virtio_pci *pci)
{
	if (!pci->kicks)
		return;
	/* Until the device has stopped it interrupts, maybe on a thread of its own. */
	virtio_set_status(pci->dev, 0);
	for (unsigned int i = 0; i < pci->dev->nqueues; i++)
		bus_ioeventfd_remove(pci->bus, &pci->kicks[i]);
	free(pci->kicks);
	pci->kicks = NULL;
	msix_destroy(&pci->msix);
	pthread_mutex_destroy(&pci->lock);
}
