/*
 * registers.c: what transports show of a device: features (virtio 1.2, 2.2), the configuration of
 * queues (2.6) and configuration space (2.5). All of it under dev->lock, on vCPU threads.
 */
#include "virtio/registers.h"

#include <assert.h>
#include <string.h>

#include "vmm/util.h"

static void set_half(uint64_t *word, bool high, uint32_t value)
{
	unsigned int shift = high ? 32 : 0;

	*word = (*word & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

/* Features. */

uint32_t virtio_get_offered(struct virtio_device *dev, uint32_t half)
{
	return half > 1 ? 0 : (uint32_t)(virtio_offered(dev) >> (32 * half));
}

uint32_t virtio_get_driver_features(struct virtio_device *dev, uint32_t half)
{
	uint64_t features;

	pthread_mutex_lock(&dev->lock);
	features = dev->state.driver_features;
	pthread_mutex_unlock(&dev->lock);
	return half > 1 ? 0 : (uint32_t)(features >> (32 * half));
}

void virtio_set_driver_features(struct virtio_device *dev, uint32_t half, uint32_t bits)
{
	bool late;

	/* Bits from 64 on are not offered, but zeroes may be written to them. */
	if (half > 1)
		return;
	pthread_mutex_lock(&dev->lock);
	late = dev->state.status & VIRTIO_CONFIG_S_FEATURES_OK;
	if (!late)
		set_half(&dev->state.driver_features, half == 1, bits);
	pthread_mutex_unlock(&dev->lock);
	if (late)
		virtio_ignored(dev, "features changed after FEATURES_OK"); /* 3.1.1 */
}

/* Queues. */

/* Of the six halves of addresses, in their order. */
static gpa_t *address_of(struct virtqueue_config *config, enum virtio_queue_register reg)
{
	gpa_t *const addresses[] = {&config->desc, &config->avail, &config->used};

	return addresses[(reg - VIRTIO_QUEUE_DESC_LOW) / 2];
}

static bool is_high(enum virtio_queue_register reg)
{
	return (reg - VIRTIO_QUEUE_DESC_LOW) % 2;
}

uint32_t virtio_queue_read(struct virtio_device *dev, uint32_t queue,
			   enum virtio_queue_register reg)
{
	struct virtqueue_config config;

	if (queue >= dev->nqueues)
		return 0;
	pthread_mutex_lock(&dev->lock);
	config = dev->state.queues[queue];
	pthread_mutex_unlock(&dev->lock);
	switch (reg) {
	case VIRTIO_QUEUE_MAX_SIZE:
		return dev->queue_size;
	case VIRTIO_QUEUE_SIZE:
		return config.size;
	case VIRTIO_QUEUE_ENABLED:
		return config.enabled;
	default:
		return (uint32_t)(*address_of(&config, reg) >> (is_high(reg) ? 32 : 0));
	}
}

/* Of a queue that is not enabled. The lock is held. False: no such size. */
static bool configure(const struct virtio_device *dev, struct virtqueue_config *config,
		      enum virtio_queue_register reg, uint32_t value)
{
	if (reg == VIRTIO_QUEUE_SIZE) {
		if (!is_power_of_two(value) || value > dev->queue_size)
			return false;
		config->size = (uint16_t)value;
		return true;
	}
	set_half(address_of(config, reg), is_high(reg), value);
	return true;
}

void virtio_queue_write(struct virtio_device *dev, uint32_t queue, enum virtio_queue_register reg,
			uint32_t value)
{
	bool taken = false;

	assert(reg != VIRTIO_QUEUE_MAX_SIZE && reg != VIRTIO_QUEUE_ENABLED);
	if (queue >= dev->nqueues) {
		virtio_ignored(dev, "a register of a queue that is not there");
		return;
	}
	pthread_mutex_lock(&dev->lock);
	if (!dev->state.queues[queue].enabled)
		taken = configure(dev, &dev->state.queues[queue], reg, value);
	pthread_mutex_unlock(&dev->lock);
	if (!taken)
		virtio_ignored(dev, "an unfit queue size, or a change of an enabled queue");
}

/* Configuration space. */

uint64_t virtio_config_read(struct virtio_device *dev, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	pthread_mutex_lock(&dev->lock);
	for (unsigned int i = 0; i < size; i++) {
		if (offset < dev->config_size && i < dev->config_size - offset)
			value |= (uint64_t)dev->state.config[offset + i] << (8 * i);
	}
	pthread_mutex_unlock(&dev->lock);
	return value;
}

struct config_write {
	struct virtio_device *dev;
	unsigned int offset, size;
	uint8_t bytes[8];
};

static void write_config(void *arg)
{
	struct config_write *write = arg;

	write->dev->ops->write_config(write->dev, write->offset, write->bytes, write->size);
}

void virtio_config_write(struct virtio_device *dev, uint64_t offset, uint64_t value,
			 unsigned int size)
{
	struct config_write write = {.dev = dev, .offset = (unsigned int)offset, .size = size};

	if (offset > dev->config_size || size > dev->config_size - offset ||
	    !dev->ops->write_config) {
		virtio_ignored(dev, "a write to configuration space");
		return;
	}
	for (unsigned int i = 0; i < size; i++)
		write.bytes[i] = (uint8_t)(value >> (8 * i));
	loop_call(dev->loop, write_config, &write);
}

uint8_t virtio_config_generation(struct virtio_device *dev)
{
	uint8_t generation;

	pthread_mutex_lock(&dev->lock);
	generation = dev->state.config_generation;
	pthread_mutex_unlock(&dev->lock);
	return generation;
}

/* Says whether a driver is there that wants to know. */
static bool store_config(struct virtio_device *dev, unsigned int offset, const void *bytes,
			 unsigned int size)
{
	bool driven;

	assert(offset + size <= dev->config_size);
	pthread_mutex_lock(&dev->lock);
	memcpy(dev->state.config + offset, bytes, size);
	dev->state.config_generation++;
	driven = dev->state.status & VIRTIO_CONFIG_S_DRIVER_OK;
	pthread_mutex_unlock(&dev->lock);
	return driven;
}

void virtio_config_store(struct virtio_device *dev, unsigned int offset, const void *bytes,
			 unsigned int size)
{
	store_config(dev, offset, bytes, size);
}

void virtio_config_changed(struct virtio_device *dev, unsigned int offset, const void *bytes,
			   unsigned int size)
{
	if (store_config(dev, offset, bytes, size))
		dev->transport->ops->config_interrupt(dev->transport);
}
