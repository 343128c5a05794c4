/*
 * raw_queue.c: see raw_queue.h.
 *
 * Most requests are one operation. More it takes when the host moves less than was asked, where
 * direct I/O needs aligned buffers, and for zeroes on a file system that cannot make holes.
 */
#include "devices/backend/raw_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/util.h"

enum {
	RAW_BOUNCE_BYTES = 64 * 1024, /* per slot; memory only where it is used */
	RAW_PAGE = 4096,
};

static const uint8_t zeroes[RAW_PAGE] __attribute__((aligned(RAW_PAGE)));

enum raw_step {
	RAW_MOVE,     /* to or from the guest's memory */
	RAW_BOUNCE,   /* to or from the slot's own buffer */
	RAW_ALLOCATE, /* a hole, or a range of zeroes */
	RAW_ZERO,     /* zeroes written, where that cannot be had */
	RAW_SYNC,
};

struct raw_slot {
	struct io_op op;
	struct disk_request *request;
	enum raw_step step;
	uint64_t moved;	    /* bytes of the request that are done with */
	struct iovec piece; /* for op: the rest of a vector, or (part of) the bounce buffer */
	uint8_t *bounce;    /* borrowed; RAW_BOUNCE_BYTES, or NULL: not direct */
	struct raw_slot *next_free;
};

static size_t min_size(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Points op at what is left of the request's buffers: from a whole vector on to the last, or, where
 * the host has stopped inside of one, at the rest of that one. */
static void aim_at_rest(struct raw_slot *slot)
{
	const struct disk_request *request = slot->request;
	uint64_t skip = slot->moved;
	unsigned int i = 0;

	while (skip > 0 && skip >= request->iov[i].iov_len)
		skip -= request->iov[i++].iov_len;
	if (skip == 0) {
		slot->op.iov = request->iov + i;
		slot->op.n = request->n - i;
		return;
	}
	slot->piece.iov_base = (char *)request->iov[i].iov_base + skip;
	slot->piece.iov_len = request->iov[i].iov_len - skip;
	slot->op.iov = &slot->piece;
	slot->op.n = 1;
}

/* Copies len bytes between the bounce buffer and the request's, from slot->moved on. */
static void bounce_copy(const struct raw_slot *slot, uint64_t len)
{
	const struct disk_request *request = slot->request;
	uint64_t skip = slot->moved;
	uint8_t *bounce = slot->bounce;

	for (unsigned int i = 0; i < request->n && len > 0; i++) {
		uint64_t here = request->iov[i].iov_len;
		uint8_t *buf = request->iov[i].iov_base;
		uint64_t n;

		if (skip >= here) {
			skip -= here;
			continue;
		}
		n = min_size(here - skip, len);
		if (request->op == DISK_READ)
			memcpy(buf + skip, bounce, n);
		else
			memcpy(bounce, buf + skip, n);
		bounce += n;
		len -= n;
		skip = 0;
	}
}

static void aim_at_bounce(struct raw_slot *slot)
{
	uint64_t len = min_size(slot->request->len - slot->moved, RAW_BOUNCE_BYTES);

	if (slot->request->op == DISK_WRITE)
		bounce_copy(slot, len);
	slot->piece = (struct iovec){.iov_base = slot->bounce, .iov_len = len};
	slot->op.iov = &slot->piece;
	slot->op.n = 1;
}

static void aim_at_zeroes(struct raw_queue *queue, struct raw_slot *slot)
{
	uint64_t len = slot->request->len - slot->moved;

	slot->op.code = IO_WRITE;
	slot->op.iov = queue->zeroes;
	slot->op.n = (unsigned int)min_size(len / sizeof(zeroes), RAW_ZERO_VECTORS);
	if (slot->op.n == 0) { /* the rest, less than a page */
		slot->piece = (struct iovec){.iov_base = queue->zeroes[0].iov_base, .iov_len = len};
		slot->op.iov = &slot->piece;
		slot->op.n = 1;
	}
}

static int allocate_mode(const struct disk_request *request)
{
	if (request->op == DISK_DISCARD || request->unmap)
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	return FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
}

/* The next operation of the slot's request, by its step. */
static void issue(struct raw_queue *queue, struct raw_slot *slot)
{
	const struct disk_request *request = slot->request;
	struct io_op *op = &slot->op;

	*op = (struct io_op){.offset = request->offset + slot->moved};
	op->code = request->op == DISK_READ ? IO_READ : IO_WRITE;
	if (request->op == DISK_WRITE && request->durable)
		op->flags = RWF_DSYNC;
	switch (slot->step) {
	case RAW_MOVE:
		aim_at_rest(slot);
		break;
	case RAW_BOUNCE:
		aim_at_bounce(slot);
		break;
	case RAW_ZERO:
		aim_at_zeroes(queue, slot);
		break;
	case RAW_ALLOCATE:
		op->code = IO_ALLOCATE;
		op->flags = allocate_mode(request);
		op->len = request->len;
		break;
	case RAW_SYNC:
		op->code = IO_SYNC;
		break;
	}
	queue->engine->ops->add(queue->engine, op);
}

static bool needs_bounce(const struct raw_queue *queue, const struct disk_request *request)
{
	uintptr_t mask = queue->memory_alignment - 1;

	for (unsigned int i = 0; mask && i < request->n; i++) {
		if (((uintptr_t)request->iov[i].iov_base | request->iov[i].iov_len) & mask)
			return true;
	}
	return false;
}

static enum raw_step first_step(const struct raw_queue *queue, const struct disk_request *request)
{
	switch (request->op) {
	case DISK_READ:
	case DISK_WRITE:
		return needs_bounce(queue, request) ? RAW_BOUNCE : RAW_MOVE;
	case DISK_DISCARD:
	case DISK_WRITE_ZEROES:
		return RAW_ALLOCATE;
	case DISK_FLUSH:
		break;
	}
	return RAW_SYNC;
}

static void begin(struct raw_queue *queue, struct disk_request *request)
{
	struct raw_slot *slot = queue->free;

	queue->free = slot->next_free;
	slot->request = request;
	slot->step = first_step(queue, request);
	slot->moved = 0;
	issue(queue, slot);
}

void raw_queue_submit(struct raw_queue *queue, struct disk_request *request)
{
	if (queue->free)
		begin(queue, request);
	else
		disk_list_append(&queue->waiting, request);
}

void raw_queue_commit(struct raw_queue *queue)
{
	queue->engine->ops->submit(queue->engine);
}

void raw_queue_wait(struct raw_queue *queue)
{
	queue->engine->ops->wait(queue->engine);
}

/* The slot's request is at its end; the slot goes to the one that waits longest. */
static void finish(struct raw_queue *queue, struct raw_slot *slot, int err)
{
	struct disk_request *request = slot->request;
	struct disk_request *next = disk_list_take(&queue->waiting);

	slot->next_free = queue->free;
	queue->free = slot;
	if (next)
		begin(queue, next);
	disk_complete(request, err);
}

/* The file system cannot make holes, or not just there. */
static bool cannot_allocate(int err)
{
	return err == -EOPNOTSUPP || err == -ENOSYS || err == -EINVAL || err == -ENODEV;
}

/* What moved may be less than was asked for: nothing at all is the end of a file that was cut. */
static int account_moved(struct raw_slot *slot)
{
	if (slot->op.result == 0)
		return -EIO;
	if (slot->step == RAW_BOUNCE && slot->request->op == DISK_READ)
		bounce_copy(slot, (uint64_t)slot->op.result);
	slot->moved += (uint64_t)slot->op.result;
	return 0;
}

/* An operation has ended with *err. True: slot->step says what is next; else that is the end. */
static bool goes_on(struct raw_slot *slot, int *err)
{
	const struct disk_request *request = slot->request;
	bool moves = slot->step != RAW_ALLOCATE && slot->step != RAW_SYNC;

	if (slot->step == RAW_ALLOCATE && cannot_allocate(*err)) {
		*err = 0; /* a discard is advice, zeroes can be written */
		slot->step = RAW_ZERO;
		return request->op == DISK_WRITE_ZEROES;
	}
	if (moves && !*err)
		*err = account_moved(slot);
	if (*err)
		return false;
	if (moves && slot->moved < request->len)
		return true;
	if (request->op != DISK_WRITE_ZEROES || !request->durable || slot->step == RAW_SYNC)
		return false;
	slot->step = RAW_SYNC;
	return true;
}

/* An operation is back: on with the next one of its request, or the request's end. */
static void advance(struct raw_queue *queue, struct raw_slot *slot)
{
	int err = slot->op.result < 0 ? slot->op.result : 0;
	bool again = err == -EINTR || err == -EAGAIN;

	if (again || goes_on(slot, &err))
		issue(queue, slot);
	else
		finish(queue, slot, err);
}

unsigned int raw_queue_reap(struct raw_queue *queue)
{
	struct io_engine *engine = queue->engine;
	unsigned int n = 0;
	struct io_op *op;

	while ((op = engine->ops->reap(engine)) != NULL) {
		advance(queue, container_of(op, struct raw_slot, op));
		n++;
	}
	engine->ops->submit(engine); /* what they were followed by; disk.c comes back for it */
	return n;
}

int raw_queue_init(struct raw_queue *queue, struct io_engine *engine, uint32_t memory_alignment)
{
	queue->engine = engine;
	queue->memory_alignment = memory_alignment;
	queue->slots = calloc(RAW_SLOTS, sizeof(*queue->slots));
	if (!queue->slots)
		return -ENOMEM;
	if (memory_alignment > 1) {
		void *bounce =
			mmap(NULL, RAW_SLOTS * (size_t)RAW_BOUNCE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (bounce == MAP_FAILED)
			return -errno;
		queue->bounce = bounce;
	}
	for (size_t i = RAW_SLOTS; i-- > 0;) {
		struct raw_slot *slot = &queue->slots[i];

		if (queue->bounce)
			slot->bounce = (uint8_t *)queue->bounce + i * RAW_BOUNCE_BYTES;
		slot->next_free = queue->free;
		queue->free = slot;
	}
	for (unsigned int i = 0; i < RAW_ZERO_VECTORS; i++) {
		queue->zeroes[i].iov_base = (void *)(uintptr_t)zeroes; /* only ever read */
		queue->zeroes[i].iov_len = sizeof(zeroes);
	}
	return 0;
}

void raw_queue_destroy(struct raw_queue *queue)
{
	if (queue->engine)
		queue->engine->ops->free(queue->engine);
	if (queue->bounce)
		munmap(queue->bounce, RAW_SLOTS * (size_t)RAW_BOUNCE_BYTES);
	free(queue->slots);
}
