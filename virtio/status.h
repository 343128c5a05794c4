/* status.h: what writes to the status register lead to. Loop thread. */
#ifndef VIRTIO_STATUS_H
#define VIRTIO_STATUS_H

#include "virtio/virtio.h"

/* DRIVER_OK: the device runs, with the queues that are enabled; or it is broken. */
void virtio_driver_ok(struct virtio_device *dev);
/* As at power-on, status included, which comes last. */
void virtio_reset(struct virtio_device *dev);

#endif
