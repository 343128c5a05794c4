/* blk.h: the virtio block device (virtio 1.2, section 5.2) over any struct disk. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include "devices/backend/disk.h"
#include "virtio/virtio.h"

struct virtio_blk;

/*
 * Makes a device of an open disk, which is the device's from now on, also on failure; name
 * ("disk0") is for messages and borrowed, serial is copied (at most DISK_SERIAL_MAX characters).
 * Before the loop runs, which must outlive it. 0 or -errno, nothing logged.
 */
int virtio_blk_create(struct disk *disk, unsigned int nqueues, const char *name, const char *serial,
		      struct loop *loop, const struct guest_memory *mem, struct virtio_blk **blk);

/* No vCPU runs. Accepts NULL. */
void virtio_blk_free(struct virtio_blk *blk);

struct virtio_device *virtio_blk_device(struct virtio_blk *blk);

/* Has a driver ever written to it? Any thread. */
bool virtio_blk_was_written(const struct virtio_blk *blk);

/* Looks whether the image has another size now, and tells the driver. Any thread. */
void virtio_blk_refresh(struct virtio_blk *blk);

#endif
