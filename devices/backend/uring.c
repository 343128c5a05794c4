/*
 * uring.c: see uring.h. The rings are those of io_uring(7): the submission ring is written here and
 * read by the kernel in io_uring_enter(), the completion ring the other way round at any time.
 */
#include "devices/backend/uring.h"

#include <assert.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/util.h"

/* Linux 5.11 has the last of these; with them come fallocate, the flag that silences the eventfd,
 * and iovecs that need not outlive io_uring_enter(). */
enum {
	URING_FEATURES = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
			 IORING_FEAT_EXT_ARG,
};

struct uring {
	struct io_engine engine;
	int ring_fd;		   /* owned */
	unsigned int depth;	   /* constant */
	void *rings;		   /* owned: both rings */
	size_t rings_size;	   /* bytes */
	struct io_uring_sqe *sqes; /* owned */
	size_t sqes_size;	   /* bytes */

	_Atomic uint32_t *sq_tail; /* ours */
	uint32_t sq_mask;
	_Atomic uint32_t *cq_head;	 /* ours */
	_Atomic uint32_t *cq_tail;	 /* the kernel's */
	_Atomic uint32_t *cq_flags;	 /* ours */
	const struct io_uring_cqe *cqes; /* the kernel's */
	uint32_t cq_mask;

	uint32_t unsubmitted;  /* entries before sq_tail that the kernel has not taken */
	uint32_t in_kernel;    /* taken, not yet reaped */
	struct io_list failed; /* never taken: the kernel would not */
};

static int ring_enter(const struct uring *ring, unsigned int submit, unsigned int wait)
{
	long n = syscall(SYS_io_uring_enter, ring->ring_fd, submit, wait,
			 wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

	return n < 0 ? -errno : (int)n;
}

static int ring_register(const struct uring *ring, unsigned int what, const void *arg)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, 1) < 0 ? -errno : 0;
}

static void fill_sqe(struct io_uring_sqe *sqe, const struct io_op *op)
{
	memset(sqe, 0, sizeof(*sqe));
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = 0; /* the only registered file */
	sqe->off = op->offset;
	sqe->user_data = (uintptr_t)op;
	switch (op->code) {
	case IO_READ:
	case IO_WRITE:
		sqe->opcode = op->code == IO_READ ? IORING_OP_READV : IORING_OP_WRITEV;
		sqe->addr = (uintptr_t)op->iov;
		sqe->len = op->n;
		sqe->rw_flags = (uint32_t)op->flags;
		break;
	case IO_SYNC:
		sqe->opcode = IORING_OP_FSYNC;
		sqe->off = 0; /* with len 0: the whole file */
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		break;
	case IO_ALLOCATE:
		sqe->opcode = IORING_OP_FALLOCATE;
		sqe->len = (uint32_t)op->flags;
		sqe->addr = op->len;
		break;
	}
}

static void uring_add(struct io_engine *engine, struct io_op *op)
{
	struct uring *ring = container_of(engine, struct uring, engine);
	uint32_t tail = atomic_load_explicit(ring->sq_tail, memory_order_relaxed);

	assert(ring->unsubmitted + ring->in_kernel < ring->depth);
	fill_sqe(&ring->sqes[tail & ring->sq_mask], op);
	/* Release: the kernel sees the entry before the tail that covers it. */
	atomic_store_explicit(ring->sq_tail, tail + 1, memory_order_release);
	ring->unsubmitted++;
}

/* Takes back what the kernel would not take. It reads the tail in io_uring_enter() only. */
static void take_back(struct uring *ring, int err)
{
	uint32_t tail = atomic_load_explicit(ring->sq_tail, memory_order_relaxed);
	uint32_t first = tail - ring->unsubmitted;

	for (uint32_t i = first; i != tail; i++) {
		struct io_op *op =
			(struct io_op *)(uintptr_t)ring->sqes[i & ring->sq_mask].user_data;

		op->result = err;
		io_list_append(&ring->failed, op);
	}
	atomic_store_explicit(ring->sq_tail, first, memory_order_release);
	ring->unsubmitted = 0;
}

static void uring_submit(struct io_engine *engine)
{
	struct uring *ring = container_of(engine, struct uring, engine);

	if (ring->unsubmitted == 0)
		return;
	/* Most operations that hit the page cache finish at once; nobody need be woken for them. */
	atomic_store_explicit(ring->cq_flags, IORING_CQ_EVENTFD_DISABLED, memory_order_relaxed);
	while (ring->unsubmitted > 0) {
		int n = ring_enter(ring, ring->unsubmitted, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0) {
			/* Out of memory, mostly: tried again when something comes back, but where
			 * nothing is under way nothing will. "Again" would be at once, for ever. */
			if (ring->in_kernel == 0)
				take_back(ring, n == -EAGAIN ? -ENOMEM : n < 0 ? n : -EIO);
			break;
		}
		ring->unsubmitted -= (uint32_t)n;
		ring->in_kernel += (uint32_t)n;
	}
	/* Sequentially consistent: a completion that found the flag set is seen by the reap() that
	 * follows. The kernel has a full barrier between its tail and its look at the flag. */
	atomic_store(ring->cq_flags, 0);
	atomic_thread_fence(memory_order_seq_cst);
}

static bool ring_empty(const struct uring *ring)
{
	/* Acquire: the entries that the tail covers. */
	return atomic_load_explicit(ring->cq_tail, memory_order_acquire) ==
	       atomic_load_explicit(ring->cq_head, memory_order_relaxed);
}

static struct io_op *uring_reap(struct io_engine *engine)
{
	struct uring *ring = container_of(engine, struct uring, engine);
	uint32_t head = atomic_load_explicit(ring->cq_head, memory_order_relaxed);
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];
	struct io_op *op;

	if (ring_empty(ring)) {
		if (ring->unsubmitted > 0)
			uring_submit(engine);
		if (ring_empty(ring))
			return io_list_take(&ring->failed);
	}
	op = (struct io_op *)(uintptr_t)cqe->user_data;
	op->result = cqe->res;
	/* Release: the kernel reuses the entry only after it was read. */
	atomic_store_explicit(ring->cq_head, head + 1, memory_order_release);
	ring->in_kernel--;
	return op;
}

static void uring_wait(struct io_engine *engine)
{
	struct uring *ring = container_of(engine, struct uring, engine);

	uring_submit(engine);
	while (ring_empty(ring) && !ring->failed.first)
		ring_enter(ring, 0, 1); /* -EINTR: again */
}

static void uring_free(struct io_engine *engine)
{
	struct uring *ring = container_of(engine, struct uring, engine);

	if (ring->sqes != MAP_FAILED)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->rings != MAP_FAILED)
		munmap(ring->rings, ring->rings_size);
	if (ring->ring_fd >= 0)
		close(ring->ring_fd);
	free(ring);
}

static const struct io_engine_ops uring_ops = {
	.add = uring_add,
	.submit = uring_submit,
	.reap = uring_reap,
	.wait = uring_wait,
	.free = uring_free,
};

static void *ring_map(const struct uring *ring, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->ring_fd,
		    offset);
}

static int map_rings(struct uring *ring, const struct io_uring_params *params)
{
	const struct io_sqring_offsets *sq = &params->sq_off;
	const struct io_cqring_offsets *cq = &params->cq_off;
	size_t sq_size = sq->array + params->sq_entries * sizeof(uint32_t);
	size_t cq_size = cq->cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	char *base;
	uint32_t *array;

	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->rings = ring_map(ring, ring->rings_size, IORING_OFF_SQ_RING);
	if (ring->rings == MAP_FAILED)
		return -errno;
	ring->sqes_size = params->sq_entries * sizeof(struct io_uring_sqe);
	ring->sqes = ring_map(ring, ring->sqes_size, IORING_OFF_SQES);
	if (ring->sqes == MAP_FAILED)
		return -errno;

	base = ring->rings;
	ring->sq_tail = (_Atomic uint32_t *)(base + sq->tail);
	ring->sq_mask = params->sq_entries - 1;
	ring->cq_head = (_Atomic uint32_t *)(base + cq->head);
	ring->cq_tail = (_Atomic uint32_t *)(base + cq->tail);
	ring->cq_flags = (_Atomic uint32_t *)(base + cq->flags);
	ring->cqes = (const struct io_uring_cqe *)(base + cq->cqes);
	ring->cq_mask = params->cq_entries - 1;
	/* Entries are used in their order, so the array between tail and entries never changes. */
	array = (uint32_t *)(base + sq->array);
	for (uint32_t i = 0; i < params->sq_entries; i++)
		array[i] = i;
	return 0;
}

/* COOP_TASKRUN (Linux 5.19): completions wait for our next system call instead of interrupting us.
 * The loop makes one soon, or sleeps in one, which ends then. */
static int ring_setup(unsigned int depth, struct io_uring_params *params)
{
	static const uint32_t flags[] = {IORING_SETUP_COOP_TASKRUN, 0};
	long fd = -1;

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		*params = (struct io_uring_params){.flags = flags[i]};
		fd = syscall(SYS_io_uring_setup, depth, params);
		if (fd >= 0 || errno != EINVAL)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int uring_create(int fd, int wake_fd, unsigned int depth, struct io_engine **engine)
{
	struct uring *ring = calloc(1, sizeof(*ring));
	struct io_uring_params params;
	int err;

	if (!ring)
		return -ENOMEM;
	ring->engine.ops = &uring_ops;
	ring->depth = depth;
	ring->rings = MAP_FAILED;
	ring->sqes = MAP_FAILED;
	err = ring->ring_fd = ring_setup(depth, &params);
	if (err < 0)
		goto fail;
	err = -ENOSYS;
	if ((params.features & URING_FEATURES) != URING_FEATURES)
		goto fail;
	err = map_rings(ring, &params);
	if (err < 0)
		goto fail;
	err = ring_register(ring, IORING_REGISTER_FILES, &fd);
	if (err < 0)
		goto fail;
	err = ring_register(ring, IORING_REGISTER_EVENTFD, &wake_fd);
	if (err < 0)
		goto fail;
	*engine = &ring->engine;
	return 0;
fail:
	uring_free(&ring->engine);
	return err;
}
