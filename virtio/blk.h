/* blk.h: the virtio block device (virtio 1.2, section 5.2) over any struct disk. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include "devices/backend/disk.h"
#include "devices/backend/disk_options.h"
#include "virtio/virtio.h"

struct virtio_blk;

/*
 * Opens what the options name and makes a device of it; name ("disk0") is for messages and
 * borrowed, serial is copied (at most DISK_SERIAL_MAX characters, options->serial goes before).
 * Before the loop runs, which must outlive it. 0, or -errno with one line logged.
 */
int virtio_blk_open(const struct disk_options *options, const char *name, const char *serial,
		    struct loop *loop, const struct guest_memory *mem, struct virtio_blk **blk);

/* The same over a disk that is open: it is the device's from now on, also on failure. */
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
