/*
 * virtqueue.h: split virtqueues (virtio 1.2, section 2.7). The only code that reads rings and
 * descriptors; everything in them may change while it looks. Loop thread only.
 *
 * A device serves a queue like this (virtio.h has the same calls for a device, with the latch):
 *
 *	do {
 *		virtqueue_disable_notify(vq);
 *		while (virtqueue_pop(vq, &chain) > 0)
 *			virtqueue_push(vq, &chain, serve(&chain));
 *		if (virtqueue_flush(vq))
 *			interrupt the driver
 *	} while (virtqueue_enable_notify(vq));
 *
 * One that has to stop popping before the queue is empty, because its pool is, leaves notifications
 * off and looks again when it has room.
 */
#ifndef VIRTIO_VIRTQUEUE_H
#define VIRTIO_VIRTQUEUE_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/iov.h"
#include "vmm/memory.h"

enum {
	VIRTQUEUE_MAX_SIZE = 1024, /* entries; also the longest chain that is followed */
	VIRTQUEUE_DEFAULT_SIZE = 256,
};

/* A queue as the driver describes it in the transport's registers. */
struct virtqueue_config {
	gpa_t desc;  /* descriptor table */
	gpa_t avail; /* available ring: the driver area */
	gpa_t used;  /* used ring: the device area */
	uint16_t size;
	bool enabled;
};

/*
 * Where the device stands in the rings, in free-running indices: all that needs saving besides the
 * configuration. With nothing in flight all three are the same.
 */
struct virtqueue_state {
	uint16_t next_avail; /* entries popped */
	uint16_t next_used;  /* entries pushed */
	uint16_t published;  /* entries pushed that the driver was shown, and asked whether to be
				interrupted for */
};

struct virtqueue {
	struct virtqueue_config config;
	struct virtqueue_state state;
	const struct guest_memory *mem; /* borrowed */
	/* Host addresses of the three rings, each checked for its whole length;
	 * NULL: not enabled. */
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;
	uint16_t seen_avail;	  /* the driver's index when it was last loaded */
	bool event_idx, indirect; /* negotiated */
	const char *fault;	  /* why it is of no use, for the one warning; NULL: it is sound */
};

/*
 * A request. The caller sets iov and cap before virtqueue_pop() and keeps them until it has pushed
 * the chain: a fixed pool made at start.
 */
struct virtq_chain {
	struct iovec *iov;     /* borrowed: room for segments */
	unsigned int cap;      /* how many there is room for */
	struct iov_cursor in;  /* what the driver sends: device-readable */
	struct iov_cursor out; /* what the driver wants filled: device-writable */
	uint16_t head;
};

/*
 * Resolves the three rings, each for its whole length, and starts at index 0. features are the
 * negotiated ones. -EINVAL, with vq->fault, where size, alignment or place are not as 2.7 has it.
 */
int virtqueue_enable(struct virtqueue *vq, const struct guest_memory *mem,
		     const struct virtqueue_config *config, uint64_t features);
/* After it guest memory is not touched until the next virtqueue_enable(). */
void virtqueue_disable(struct virtqueue *vq);

static inline bool virtqueue_enabled(const struct virtqueue *vq)
{
	return vq->desc != NULL;
}

/*
 * The next request. 1, or 0 for none (also when the queue is not enabled), or -EPROTO, with
 * vq->fault, if the driver broke the ring: the queue is then of no use until it is enabled anew. A
 * chain of more than cap segments comes with both cursors empty and so fails like any request
 * without a header.
 */
int virtqueue_pop(struct virtqueue *vq, struct virtq_chain *chain);

/* The queue is of no use from now on: it pops nothing. fault says why and lives on. */
void virtqueue_break(struct virtqueue *vq, const char *fault);

/* Gives the last n popped chains back: the next virtqueue_pop() finds the first of them again. */
void virtqueue_unpop(struct virtqueue *vq, unsigned int n);

/* Returns a chain with the number of bytes written into its out part. The driver sees it at the
 * next virtqueue_flush(). Chains may be returned in any order. */
void virtqueue_push(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t written);

/* Shows the driver all that was pushed, by one store. True: it wants an interrupt.
 * Once per batch. */
bool virtqueue_flush(struct virtqueue *vq);

/* Kicks are not wanted for now, since we are looking anyway. */
void virtqueue_disable_notify(struct virtqueue *vq);
/* Kicks are wanted again. True: something arrived meanwhile, without a kick; look again. Never true
 * for a queue that is of no use. */
bool virtqueue_enable_notify(struct virtqueue *vq);

/* The index of the next available entry, for vhost and for saving; nothing is in flight. */
uint16_t virtqueue_get_base(const struct virtqueue *vq);
void virtqueue_set_base(struct virtqueue *vq, uint16_t base);

#endif
