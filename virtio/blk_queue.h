/*
 * blk_queue.h: one queue of a virtio block device: the requests in it, from the ring to the disk
 * and back (virtio 1.2, section 5.2.6). Loop thread.
 */
#ifndef VIRTIO_BLK_QUEUE_H
#define VIRTIO_BLK_QUEUE_H

#include "devices/backend/disk.h"
#include "virtio/virtio.h"

/* What the configuration space tells the driver, and requests are held to. */
enum {
	BLK_QUEUE_SIZE = VIRTQUEUE_DEFAULT_SIZE,
	BLK_MAX_SEGMENTS = BLK_QUEUE_SIZE - 2, /* all but header and status */
	BLK_MAX_SEGMENT_BYTES = 1 << 20,
	BLK_MAX_RANGES = 16,			/* of one DISCARD or WRITE_ZEROES */
	BLK_MAX_DISCARD_SECTORS = 1 << 22,	/* 2 GiB */
	BLK_MAX_WRITE_ZEROES_SECTORS = 1 << 17, /* 64 MiB, which may have to be written */
	BLK_ID_BYTES = 20,
};

struct blk_request;

struct blk_queue {
	/* Constant. */
	struct virtio_device *dev; /* borrowed */
	struct disk *disk;	   /* borrowed */
	const uint8_t *id;	   /* borrowed: BLK_ID_BYTES, what GET_ID answers */
	unsigned int index;
	struct blk_request *requests; /* owned: the pool */
	struct iovec *iov;	      /* owned: BLK_QUEUE_SIZE for each request */

	bool write_through; /* set by the device: done means durable, 5.2.6.2 */
	bool running;	    /* set by the device: new requests are taken */
	struct blk_request *free;
	unsigned int in_flight;
	bool serving; /* blk_queue_serve() is on the stack */
};

/* 0 or -ENOMEM. */
int blk_queue_init(struct blk_queue *queue, struct virtio_device *dev, struct disk *disk,
		   const uint8_t *id, unsigned int index);
void blk_queue_destroy(struct blk_queue *queue); /* accepts a zeroed struct */

/* Takes what is in the ring, and asks for a kick when there is more and nobody looks. */
void blk_queue_serve(struct blk_queue *queue);

/* The disk has completed some: the driver is told, and new ones are taken. */
void blk_queue_batch_done(struct blk_queue *queue);

#endif
