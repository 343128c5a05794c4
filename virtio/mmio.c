/*
 * mmio.c: registers of virtio-mmio, version 2 (virtio 1.2, section 4.2.2), decoded into calls of
 * registers.h. Registers are 32 bits wide and taken at no other width (4.2.2.2); configuration
 * space is.
 */
#include "virtio/mmio.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>

#include "virtio/registers.h"
#include "vmm/util.h"

enum {
	MAGIC = 0x74726976, /* "virt" */
	VERSION = 2,
	VENDOR = 0x4d4d564d, /* "MVMM" */
	VIRTIO_MMIO_QUEUE_RESET = 0x0c0,
};

#define NO_SHARED_MEMORY UINT32_MAX /* 4.2.2.1: length and base of a region that is not there */

static struct virtio_mmio *mmio_of(struct virtio_transport *transport)
{
	return container_of(transport, struct virtio_mmio, transport);
}

/* Interrupts. */

static void raise_interrupt(struct virtio_mmio *mmio, uint32_t cause)
{
	pthread_mutex_lock(&mmio->lock);
	if (mmio->state.interrupt_status == 0)
		irq_set(&mmio->irq, true);
	mmio->state.interrupt_status |= cause;
	pthread_mutex_unlock(&mmio->lock);
}

static void acknowledge(struct virtio_mmio *mmio, uint32_t causes)
{
	pthread_mutex_lock(&mmio->lock);
	if (mmio->state.interrupt_status && !(mmio->state.interrupt_status & ~causes))
		irq_set(&mmio->irq, false);
	mmio->state.interrupt_status &= ~causes;
	pthread_mutex_unlock(&mmio->lock);
}

static void queue_interrupt(struct virtio_transport *transport, unsigned int queue)
{
	(void)queue;
	raise_interrupt(mmio_of(transport), VIRTIO_MMIO_INT_VRING);
}

static void config_interrupt(struct virtio_transport *transport)
{
	raise_interrupt(mmio_of(transport), VIRTIO_MMIO_INT_CONFIG);
}

/* The status register must be set before the interrupt, so nobody goes round us. */
static int queue_call_fd(struct virtio_transport *transport, unsigned int queue)
{
	(void)transport;
	(void)queue;
	return -1;
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.queue_call_fd = queue_call_fd,
};

/* Registers. */

static uint32_t read_register(struct virtio_mmio *mmio, const struct virtio_mmio_state *state,
			      uint64_t offset)
{
	struct virtio_device *dev = mmio->dev;

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return virtio_get_offered(dev, state->offered_select);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return virtio_queue_read(dev, state->queue_select, VIRTIO_QUEUE_MAX_SIZE);
	case VIRTIO_MMIO_QUEUE_READY:
		return virtio_queue_read(dev, state->queue_select, VIRTIO_QUEUE_ENABLED);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return state->interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return virtio_get_status(dev);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return NO_SHARED_MEMORY;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return virtio_config_generation(dev);
	default:
		return 0;
	}
}

static struct virtio_mmio_state load_state(struct virtio_mmio *mmio)
{
	struct virtio_mmio_state state;

	pthread_mutex_lock(&mmio->lock);
	state = mmio->state;
	pthread_mutex_unlock(&mmio->lock);
	return state;
}

static uint64_t mmio_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct virtio_mmio *mmio = container_of(region, struct virtio_mmio, region);
	struct virtio_mmio_state state;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return virtio_config_read(mmio->dev, offset - VIRTIO_MMIO_CONFIG, size);
	if (size != sizeof(uint32_t))
		return 0;
	state = load_state(mmio);
	return read_register(mmio, &state, offset);
}

static void select_with(struct virtio_mmio *mmio, uint32_t *selector, uint32_t value)
{
	pthread_mutex_lock(&mmio->lock);
	*selector = value;
	pthread_mutex_unlock(&mmio->lock);
}

static void write_status(struct virtio_mmio *mmio, uint8_t status)
{
	virtio_set_status(mmio->dev, status);
	if (status == 0)
		acknowledge(mmio, UINT32_MAX); /* 4.2.2.1: a reset clears InterruptStatus */
}

/* Which half of an address a register holds: false if none. */
static bool is_address(uint64_t offset, enum virtio_queue_register *reg)
{
	static const uint16_t registers[] = {
		VIRTIO_MMIO_QUEUE_DESC_LOW,  VIRTIO_MMIO_QUEUE_DESC_HIGH,
		VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
		VIRTIO_MMIO_QUEUE_USED_LOW,  VIRTIO_MMIO_QUEUE_USED_HIGH,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i] != offset)
			continue;
		*reg = VIRTIO_QUEUE_DESC_LOW + i;
		return true;
	}
	return false;
}

/* What concerns the selected queue; everything else is read only, or nothing at all. */
static void write_queue_register(struct virtio_mmio *mmio, uint64_t offset, uint32_t value)
{
	struct virtio_device *dev = mmio->dev;
	uint32_t queue = load_state(mmio).queue_select;
	enum virtio_queue_register reg;

	if (is_address(offset, &reg))
		virtio_queue_write(dev, queue, reg, value);
	else if (offset == VIRTIO_MMIO_QUEUE_NUM)
		virtio_queue_write(dev, queue, VIRTIO_QUEUE_SIZE, value);
	else if (offset == VIRTIO_MMIO_QUEUE_READY)
		virtio_queue_change(dev, queue, value ? VIRTIO_QUEUE_ENABLE : VIRTIO_QUEUE_DISABLE);
	else if (offset == VIRTIO_MMIO_QUEUE_RESET && value == 1)
		virtio_queue_change(dev, queue, VIRTIO_QUEUE_RESET);
}

static void mmio_write(struct io_region *region, uint64_t offset, uint64_t wide, unsigned int size)
{
	struct virtio_mmio *mmio = container_of(region, struct virtio_mmio, region);
	uint32_t value = (uint32_t)wide;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		virtio_config_write(mmio->dev, offset - VIRTIO_MMIO_CONFIG, wide, size);
		return;
	}
	if (size != sizeof(uint32_t))
		return;
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		select_with(mmio, &mmio->state.offered_select, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		virtio_set_driver_features(mmio->dev, load_state(mmio).driver_select, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		select_with(mmio, &mmio->state.driver_select, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		select_with(mmio, &mmio->state.queue_select, value);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY: /* where no ioeventfd has caught it */
		virtio_kick(mmio->dev, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		acknowledge(mmio, value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(mmio, (uint8_t)value);
		break;
	default:
		write_queue_register(mmio, offset, value);
		break;
	}
}

static const struct io_region_ops region_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* Coming and going. */

int virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *dev, struct bus *bus,
		     uint64_t base, const struct irq_line *irq)
{
	int err;

	*mmio = (struct virtio_mmio){
		.transport = {.ops = &transport_ops},
		.region = {.name = dev->name, .size = VIRTIO_MMIO_SIZE, .ops = &region_ops},
		.dev = dev,
		.bus = bus,
		.irq = *irq,
		.kicks = calloc(dev->nqueues, sizeof(*mmio->kicks)),
	};
	if (!mmio->kicks)
		return -ENOMEM;
	pthread_mutex_init(&mmio->lock, NULL);
	err = bus_add(bus, &mmio->region, base);
	for (unsigned int i = 0; i < dev->nqueues && !err; i++) {
		mmio->kicks[i] = (struct ioeventfd){
			.fd = virtio_kick_fd(dev, i),
			.offset = VIRTIO_MMIO_QUEUE_NOTIFY,
			.size = sizeof(uint32_t),
			.match_data = true,
			.data = i,
		};
		err = bus_ioeventfd_add(bus, &mmio->region, &mmio->kicks[i]);
	}
	if (err)
		virtio_mmio_destroy(mmio);
	else
		virtio_attach(dev, &mmio->transport);
	return err;
}

void virtio_mmio_destroy(struct virtio_mmio *mmio)
{
	if (!mmio->kicks)
		return;
	/* Until the device has stopped it interrupts, maybe on a thread of its own. */
	virtio_set_status(mmio->dev, 0);
	for (unsigned int i = 0; i < mmio->dev->nqueues; i++)
		bus_ioeventfd_remove(mmio->bus, &mmio->kicks[i]);
	free(mmio->kicks);
	mmio->kicks = NULL;
	pthread_mutex_destroy(&mmio->lock);
}

void virtio_mmio_reset(struct virtio_mmio *mmio)
{
	write_status(mmio, 0);
	pthread_mutex_lock(&mmio->lock);
	mmio->state = (struct virtio_mmio_state){0};
	pthread_mutex_unlock(&mmio->lock);
}
