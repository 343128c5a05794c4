/*
 * mmio.h: a virtio device behind memory-mapped registers (virtio 1.2, section 4.2, version 2).
 */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include <pthread.h>
#include <stdint.h>

#include "virtio/virtio.h"
#include "vmm/bus.h"
#include "vmm/irq.h"

enum { VIRTIO_MMIO_SIZE = 0x200 }; /* bytes of registers, configuration space included */

/* What the guest sees besides the device's own state. */
struct virtio_mmio_state {
	uint32_t offered_select; /* DeviceFeaturesSel */
	uint32_t driver_select;	 /* DriverFeaturesSel */
	uint32_t queue_select;
	uint32_t interrupt_status; /* VIRTIO_MMIO_INT_*; the line is up while any is set */
};

struct virtio_mmio {
	struct virtio_transport transport;
	struct io_region region;
	struct virtio_device *dev; /* borrowed */
	struct bus *bus;	   /* borrowed */
	struct irq_line irq;	   /* level-triggered */
	struct ioeventfd *kicks;   /* owned; one per queue */
	pthread_mutex_t lock;	   /* guards state and the line */
	struct virtio_mmio_state state;
};

/*
 * Puts the registers of a device on the bus, at base. Before the guest runs. 0 or -errno.
 */
int virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *dev, struct bus *bus,
		     uint64_t base, const struct irq_line *irq);
/* No vCPU runs; before the device is destroyed, which it resets. Accepts a zeroed struct. */
void virtio_mmio_destroy(struct virtio_mmio *mmio);

/* Power-on state of registers and device. No vCPU runs. */
void virtio_mmio_reset(struct virtio_mmio *mmio);

#endif
