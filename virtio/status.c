/*
 * status.c: the status register, and what has to be right before a device runs (virtio 1.2,
 * sections 2.1 and 3.1).
 */
#include "virtio/status.h"

#include "virtio/registers.h"

#define RING_FEATURES                                                             \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_F_RING_RESET | \
	 UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

enum {
	STATUS_BITS = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		      VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |
		      VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED,
};

uint64_t virtio_offered(const struct virtio_device *dev)
{
	return dev->features | RING_FEATURES;
}

static bool features_acceptable(const struct virtio_device *dev, uint64_t features)
{
	if (features & ~virtio_offered(dev))
		return false;
	if (!(features >> VIRTIO_F_VERSION_1 & 1))
		return false;
	return !dev->ops->features_ok || dev->ops->features_ok(dev, features);
}

/* Freezes the features and looks at them, 3.1.1 steps 5 and 6. */
static bool negotiate(struct virtio_device *dev)
{
	uint64_t features;

	pthread_mutex_lock(&dev->lock);
	features = dev->state.driver_features;
	dev->state.status |= VIRTIO_CONFIG_S_FEATURES_OK;
	pthread_mutex_unlock(&dev->lock);
	if (!features_acceptable(dev, features))
		return false;
	dev->negotiated = features;
	return true;
}

/* Which of the newly set bits cannot be accepted in the state we are in, 3.1.1. */
static uint8_t refused_bits(struct virtio_device *dev, uint8_t old, uint8_t wanted)
{
	uint8_t refused = 0;
	const uint8_t before_features = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	if (wanted & ~old & VIRTIO_CONFIG_S_FEATURES_OK) {
		if ((wanted & before_features) != before_features) {
			virtio_ignored(dev, "FEATURES_OK before ACKNOWLEDGE and DRIVER");
			refused |= VIRTIO_CONFIG_S_FEATURES_OK;
		} else if (!negotiate(dev)) {
			refused |= VIRTIO_CONFIG_S_FEATURES_OK;
		}
	}
	if (wanted & ~old & VIRTIO_CONFIG_S_DRIVER_OK &&
	    !(wanted & ~refused & VIRTIO_CONFIG_S_FEATURES_OK)) {
		virtio_ignored(dev, "DRIVER_OK without FEATURES_OK");
		refused |= VIRTIO_CONFIG_S_DRIVER_OK;
	}
	return refused;
}

struct status_write {
	struct virtio_device *dev;
	uint8_t status;
};

static void write_status(void *arg)
{
	struct status_write *write = arg;
	struct virtio_device *dev = write->dev;
	uint8_t old = virtio_get_status(dev);
	uint8_t wanted = write->status & STATUS_BITS;

	if (write->status == 0) {
		virtio_reset(dev);
		return;
	}
	/* DEVICE_NEEDS_RESET is ours to set, 2.1.2; no other bit is the driver's to clear,
	 * 2.1.1. */
	wanted = (uint8_t)((wanted & ~VIRTIO_CONFIG_S_NEEDS_RESET) |
			   (old & VIRTIO_CONFIG_S_NEEDS_RESET));
	if (old & ~wanted) {
		virtio_ignored(dev, "status bits cleared without a reset");
		return;
	}
	wanted = (uint8_t)(wanted & ~refused_bits(dev, old, wanted));
	if (wanted & VIRTIO_CONFIG_S_DRIVER)
		atomic_store_explicit(&dev->was_driven, true, memory_order_relaxed);
	pthread_mutex_lock(&dev->lock);
	dev->state.status = wanted;
	pthread_mutex_unlock(&dev->lock);
	if (wanted & ~old & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_driver_ok(dev);
}

uint8_t virtio_get_status(struct virtio_device *dev)
{
	uint8_t status;

	pthread_mutex_lock(&dev->lock);
	status = dev->state.status;
	pthread_mutex_unlock(&dev->lock);
	return status;
}

void virtio_set_status(struct virtio_device *dev, uint8_t status)
{
	struct status_write write = {.dev = dev, .status = status};

	loop_call(dev->loop, write_status, &write);
}
