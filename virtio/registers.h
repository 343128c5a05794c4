/*
 * registers.h: a device as its transport sees it. The transport decodes addresses, everything that
 * the guest says is checked here. Calls come on vCPU threads, several at once, with no lock held.
 * Queue numbers may be anything: a queue that is not there reads as 0 and takes nothing.
 */
#ifndef VIRTIO_REGISTERS_H
#define VIRTIO_REGISTERS_H

#include <stdint.h>

#include "virtio/virtio.h"

enum virtio_queue_register {
	VIRTIO_QUEUE_MAX_SIZE, /* read only */
	VIRTIO_QUEUE_SIZE,
	VIRTIO_QUEUE_DESC_LOW, /* these six in this order, as both transports have them */
	VIRTIO_QUEUE_DESC_HIGH,
	VIRTIO_QUEUE_AVAIL_LOW,
	VIRTIO_QUEUE_AVAIL_HIGH,
	VIRTIO_QUEUE_USED_LOW,
	VIRTIO_QUEUE_USED_HIGH,
	VIRTIO_QUEUE_ENABLED, /* read only: virtio_queue_change() */
};

enum virtio_queue_change {
	VIRTIO_QUEUE_ENABLE,
	VIRTIO_QUEUE_DISABLE, /* a way that virtio-mmio alone has */
	VIRTIO_QUEUE_RESET,   /* 2.6.1, if negotiated */
};

void virtio_attach(struct virtio_device *dev, struct virtio_transport *transport);

uint8_t virtio_get_status(struct virtio_device *dev);
/* Returns when it is done: after a reset nothing is in flight. */
void virtio_set_status(struct virtio_device *dev, uint8_t status);

uint64_t virtio_offered(const struct virtio_device *dev); /* with the features of the ring */
/* 32 bits each: half 0 has feature bits 0 to 31; any other value than 0 and 1 reads as 0. */
uint32_t virtio_get_offered(struct virtio_device *dev, uint32_t half);
uint32_t virtio_get_driver_features(struct virtio_device *dev, uint32_t half);
void virtio_set_driver_features(struct virtio_device *dev, uint32_t half, uint32_t bits);

uint32_t virtio_queue_read(struct virtio_device *dev, uint32_t queue,
			   enum virtio_queue_register reg);
void virtio_queue_write(struct virtio_device *dev, uint32_t queue, enum virtio_queue_register reg,
			uint32_t value);

/* Returns when it is done: of a queue put out of service nothing is in flight. */
void virtio_queue_change(struct virtio_device *dev, uint32_t queue,
			 enum virtio_queue_change change);

/* Little-endian values of size 1, 2, 4 or 8; what lies beyond the end reads as 0. */
uint64_t virtio_config_read(struct virtio_device *dev, uint64_t offset, unsigned int size);
void virtio_config_write(struct virtio_device *dev, uint64_t offset, uint64_t value,
			 unsigned int size);
uint8_t virtio_config_generation(struct virtio_device *dev);

/* The driver wrote what it may not write: one warning, no other effect. */
void virtio_ignored(struct virtio_device *dev, const char *what);

/* The eventfd that a transport makes an ioeventfd of. */
int virtio_kick_fd(struct virtio_device *dev, unsigned int queue);
/* A notification that came as a register write: posts that same eventfd. */
void virtio_kick(struct virtio_device *dev, uint32_t queue);
/* Where a queue's interrupt goes has changed: whoever borrowed its eventfd asks again. */
void virtio_call_moved(struct virtio_device *dev, unsigned int queue);

#endif
