/*
 * virtqueue.c: split virtqueues, read as if by somebody who is being lied to.
 *
 * What a ring field says is loaded once, by an atomic load, and only the copy is checked and used.
 * Fields that the device writes (the used ring, avail_event) are never read back.
 */
#include "virtio/virtqueue.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "vmm/util.h"

static inline uint16_t load16(const __le16 *from, int order)
{
	return le16toh(__atomic_load_n(from, order));
}

static inline void store16(__le16 *to, uint16_t value, int order)
{
	__atomic_store_n(to, htole16(value), order);
}

static inline void store32(__le32 *to, uint32_t value)
{
	__atomic_store_n(to, htole32(value), __ATOMIC_RELAXED);
}

/* Behind the available ring's entries: the driver says when to interrupt it, 2.7.6. */
static inline const __le16 *used_event(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->config.size];
}

/* Behind the used ring's entries: we say when to be kicked, 2.7.8. */
static inline __le16 *avail_event(struct virtqueue *vq)
{
	return (__le16 *)&vq->used->ring[vq->config.size];
}

void virtqueue_break(struct virtqueue *vq, const char *fault)
{
	vq->fault = fault;
}

static int broken_by_driver(struct virtqueue *vq, const char *fault)
{
	virtqueue_break(vq, fault);
	return -EPROTO;
}

static int cannot_enable(struct virtqueue *vq, const char *fault)
{
	virtqueue_disable(vq);
	vq->fault = fault;
	return -EINVAL;
}

int virtqueue_enable(struct virtqueue *vq, const struct guest_memory *mem,
		     const struct virtqueue_config *config, uint64_t features)
{
	uint64_t size = config->size;

	*vq = (struct virtqueue){
		.config = *config,
		.mem = mem,
		.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
	};
	if (!is_power_of_two(size) || size > VIRTQUEUE_MAX_SIZE)
		return cannot_enable(vq, "the size is no power of two up to 1024");
	if (config->desc % VRING_DESC_ALIGN_SIZE || config->avail % VRING_AVAIL_ALIGN_SIZE ||
	    config->used % VRING_USED_ALIGN_SIZE)
		return cannot_enable(vq, "a ring is not aligned");
	/* Both rings are taken with their event word, whether or not it is in use: 2.7.6, 2.7.8. */
	vq->desc = memory_range(mem, config->desc, size * sizeof(*vq->desc), MEMORY_READ);
	vq->avail = memory_range(mem, config->avail,
				 sizeof(*vq->avail) + (size + 1) * sizeof(vq->avail->ring[0]),
				 MEMORY_READ);
	vq->used =
		memory_range(mem, config->used,
			     sizeof(*vq->used) + size * sizeof(vq->used->ring[0]) + sizeof(__le16),
			     MEMORY_WRITE);
	if (!vq->desc || !vq->avail || !vq->used)
		return cannot_enable(vq, "a ring is not in RAM");
	return 0;
}

void virtqueue_disable(struct virtqueue *vq)
{
	*vq = (struct virtqueue){0};
}

/*
 * A descriptor in one piece of two words: address; length, flags and next. The table of a ring is
 * aligned, an indirect one need not be.
 */
static inline struct vring_desc load_descriptor(const uint8_t *table, uint32_t index)
{
	const uint8_t *at = table + index * sizeof(struct vring_desc);
	uint64_t words[2];

	if ((uintptr_t)at % sizeof(words[0]) == 0) {
		words[0] = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
		words[1] =
			__atomic_load_n((const uint64_t *)(const void *)at + 1, __ATOMIC_RELAXED);
	} else {
		memcpy(words, at, sizeof(words));
		/* The copy is what counts: the compiler must not look there again. */
		__asm__ volatile("" ::: "memory");
	}
	words[0] = le64toh(words[0]);
	words[1] = le64toh(words[1]);
	return (struct vring_desc){
		.addr = words[0],
		.len = (uint32_t)words[1],
		.flags = (uint16_t)(words[1] >> 32),
		.next = (uint16_t)(words[1] >> 48),
	};
}

/* Where we are in a chain. */
struct walk {
	const uint8_t *table;
	uint32_t entries; /* of the table */
	uint32_t index;	  /* the next descriptor */
	uint32_t budget;  /* descriptors that may still come */
	bool indirect;	  /* table is an indirect one */
	bool too_long;	  /* more segments than the caller has room for */
	unsigned int nin, nout;
	uint64_t in, out; /* bytes */
};

/* Goes over to the indirect table that desc describes, 2.7.5.3. */
static int enter_indirect(struct virtqueue *vq, struct walk *walk, const struct vring_desc *desc)
{
	if (!vq->indirect)
		return broken_by_driver(vq, "an indirect descriptor, which was not negotiated");
	if (walk->indirect)
		return broken_by_driver(vq, "an indirect descriptor in an indirect table");
	if (desc->flags & VRING_DESC_F_NEXT)
		return broken_by_driver(vq, "an indirect descriptor with a next one");
	if (desc->len == 0 || desc->len % sizeof(*desc))
		return broken_by_driver(vq, "an indirect table that is no number of descriptors");
	walk->table = memory_range(vq->mem, desc->addr, desc->len, MEMORY_READ);
	if (!walk->table)
		return broken_by_driver(vq, "an indirect table outside of RAM");
	walk->entries = desc->len / (uint32_t)sizeof(*desc);
	walk->index = 0;
	walk->budget = VIRTQUEUE_MAX_SIZE;
	walk->indirect = true;
	return 0;
}

static int add_segment(struct virtqueue *vq, struct walk *walk, const struct vring_desc *desc,
		       struct virtq_chain *chain)
{
	bool write = desc->flags & VRING_DESC_F_WRITE;
	unsigned int n = walk->nin + walk->nout;
	void *base;

	if (!write && walk->nout)
		return broken_by_driver(vq, "a readable descriptor after a writable one");
	if (desc->len == 0)
		return 0; /* says nothing, wherever it points */
	base = memory_range(vq->mem, desc->addr, desc->len, write ? MEMORY_WRITE : MEMORY_READ);
	if (!base)
		return broken_by_driver(vq, "a descriptor outside of RAM");
	if (n == chain->cap) {
		walk->too_long = true;
		return 0;
	}
	chain->iov[n] = (struct iovec){.iov_base = base, .iov_len = desc->len};
	if (write) {
		walk->nout++;
		walk->out += desc->len;
	} else {
		walk->nin++;
		walk->in += desc->len;
	}
	if (walk->in + walk->out > UINT64_C(1) << 32)
		return broken_by_driver(vq, "a chain of more than 2^32 bytes"); /* 2.7.5.2 */
	return 0;
}

/* Follows the chain from head to its end. 0, or -EPROTO. */
static int gather(struct virtqueue *vq, uint16_t head, struct virtq_chain *chain)
{
	struct walk walk = {
		.table = (const uint8_t *)vq->desc,
		.entries = vq->config.size,
		.index = head,
		.budget = vq->config.size,
	};
	struct vring_desc desc;
	int err;

	do {
		if (walk.index >= walk.entries)
			return broken_by_driver(vq, "a descriptor beyond the end of its table");
		if (walk.budget-- == 0)
			return broken_by_driver(vq, "a chain without an end");
		desc = load_descriptor(walk.table, walk.index);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			err = enter_indirect(vq, &walk, &desc);
			desc.flags = VRING_DESC_F_NEXT;
		} else {
			err = add_segment(vq, &walk, &desc, chain);
			walk.index = desc.next;
		}
		if (err)
			return err;
	} while (desc.flags & VRING_DESC_F_NEXT && !walk.too_long);

	if (walk.too_long)
		walk = (struct walk){0};
	chain->in = (struct iov_cursor){.iov = chain->iov, .n = walk.nin, .left = walk.in};
	chain->out =
		(struct iov_cursor){.iov = chain->iov + walk.nin, .n = walk.nout, .left = walk.out};
	chain->head = head;
	return 0;
}

/* Asks the driver for its index. Whether there is something new, or -EPROTO. */
static int look_for_more(struct virtqueue *vq)
{
	/* Acquire: pairs with the driver's barrier before its index, 2.7.13.3: entries and
	 * descriptors that the index covers are visible. */
	uint16_t index = load16(&vq->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t in_flight = (uint16_t)(vq->state.next_avail - vq->state.next_used);
	uint16_t offered = (uint16_t)(index - vq->state.next_avail);

	/* Backwards is far ahead. Every chain out with the driver or with us has a descriptor. */
	if (offered + in_flight > vq->config.size)
		return broken_by_driver(vq, "an available index that is too far ahead");
	vq->seen_avail = index;
	return offered != 0;
}

int virtqueue_pop(struct virtqueue *vq, struct virtq_chain *chain)
{
	uint16_t mask = (uint16_t)(vq->config.size - 1);
	uint16_t head;
	int err;

	if (vq->fault)
		return -EPROTO;
	if (vq->state.next_avail == vq->seen_avail) {
		int more = virtqueue_enabled(vq) ? look_for_more(vq) : 0;

		if (more <= 0)
			return more;
	}
	head = load16(&vq->avail->ring[vq->state.next_avail & mask], __ATOMIC_RELAXED);
	err = gather(vq, head, chain);
	if (err)
		return err;
	vq->state.next_avail++;
	return 1;
}

void virtqueue_unpop(struct virtqueue *vq, unsigned int n)
{
	assert(n <= (uint16_t)(vq->state.next_avail - vq->state.next_used));
	vq->state.next_avail = (uint16_t)(vq->state.next_avail - n);
}

void virtqueue_push(struct virtqueue *vq, const struct virtq_chain *chain, uint32_t written)
{
	struct vring_used_elem *element;

	assert(vq->state.next_avail != vq->state.next_used);
	element = &vq->used->ring[vq->state.next_used & (vq->config.size - 1)];
	store32(&element->id, chain->head);
	store32(&element->len, written);
	vq->state.next_used++;
}

bool virtqueue_flush(struct virtqueue *vq)
{
	uint16_t shown = vq->state.published;
	uint16_t now = vq->state.next_used;

	if (shown == now)
		return false;
	vq->state.published = now;
	/*
	 * Release: the entries are visible before the index that covers them, 2.7.8. And in one
	 * order with the load below, as the driver's two accesses are the other way round, 2.7.7:
	 * either we see what it wants or it sees the index.
	 */
	store16(&vq->used->idx, now, __ATOMIC_SEQ_CST);
	if (vq->event_idx)
		return vring_need_event(load16(used_event(vq), __ATOMIC_SEQ_CST), now, shown);
	return !(load16(&vq->avail->flags, __ATOMIC_SEQ_CST) & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtqueue_disable_notify(struct virtqueue *vq)
{
	/* With EVENT_IDX there is nothing to do: the event index falls behind by itself. */
	if (virtqueue_enabled(vq) && !vq->event_idx)
		store16(&vq->used->flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool virtqueue_enable_notify(struct virtqueue *vq)
{
	if (!virtqueue_enabled(vq) || vq->fault)
		return false;
	/* In one order with the load below: either the driver sees our wish or we its index,
	 * 2.7.10. */
	if (vq->event_idx)
		store16(avail_event(vq), vq->state.next_avail, __ATOMIC_SEQ_CST);
	else
		store16(&vq->used->flags, 0, __ATOMIC_SEQ_CST);
	return load16(&vq->avail->idx, __ATOMIC_SEQ_CST) != vq->state.next_avail;
}

uint16_t virtqueue_get_base(const struct virtqueue *vq)
{
	return vq->state.next_avail;
}

void virtqueue_set_base(struct virtqueue *vq, uint16_t base)
{
	vq->state = (struct virtqueue_state){base, base, base};
	vq->seen_avail = base;
}
