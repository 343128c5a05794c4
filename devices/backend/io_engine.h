/*
 * io_engine.h: asynchronous operations on one file: by io_uring (uring.h), or by threads where the
 * host forbids that (worker.h).
 *
 * An engine serves one queue and belongs to one thread, the loop's; only the eventfd it signals
 * crosses threads.
 */
#ifndef DEVICES_BACKEND_IO_ENGINE_H
#define DEVICES_BACKEND_IO_ENGINE_H

#include <stdint.h>
#include <sys/uio.h>

enum io_code {
	IO_READ,     /* preadv2() */
	IO_WRITE,    /* pwritev2() */
	IO_SYNC,     /* fdatasync() */
	IO_ALLOCATE, /* fallocate() */
};

/* Embedded in its owner, who leaves it alone until it is reaped. */
struct io_op {
	enum io_code code;
	int flags; /* READ, WRITE: RWF_*; ALLOCATE: FALLOC_FL_* */
	const struct iovec *iov;
	unsigned int n;	      /* READ, WRITE: elements of iov */
	uint64_t offset, len; /* bytes; len: ALLOCATE only */
	int result;	      /* as the system call's, but -errno for errors */
	struct io_op *next;   /* the engine's */
};

struct io_engine;

struct io_engine_ops {
	/* Takes one more operation, up to the depth given at creation; submit() starts all. */
	void (*add)(struct io_engine *engine, struct io_op *op);
	/* What finishes until it returns need not be signalled: reap() after it. */
	void (*submit)(struct io_engine *engine);
	/* One finished operation, or NULL. */
	struct io_op *(*reap)(struct io_engine *engine);
	/* Returns when reap() has something to give; an operation is in flight. */
	void (*wait)(struct io_engine *engine);
	/* Nothing is in flight. */
	void (*free)(struct io_engine *engine);
};

struct io_engine {
	const struct io_engine_ops *ops;
};

/* First in, first out. Zeroed, it is empty. */
struct io_list {
	struct io_op *first, *last;
};

static inline void io_list_append(struct io_list *list, struct io_op *op)
{
	op->next = 0;
	if (list->first)
		list->last->next = op;
	else
		list->first = op;
	list->last = op;
}

static inline struct io_op *io_list_take(struct io_list *list)
{
	struct io_op *op = list->first;

	if (op)
		list->first = op->next;
	return op;
}

#endif
