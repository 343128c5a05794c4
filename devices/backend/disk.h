/*
 * disk.h: a disk that the host lends: requests in, completions out, the same for every kind.
 *
 * Sizes and offsets are bytes. A device embeds struct disk_request in its own request, submits any
 * number of them to a queue and commits the batch; each completes exactly once. All of it runs on
 * the thread of the loop that the disk is attached to, but for what says otherwise. Queues are
 * independent of each other, save that a FLUSH on one covers all.
 */
#ifndef DEVICES_BACKEND_DISK_H
#define DEVICES_BACKEND_DISK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/loop.h"

enum { DISK_SECTOR = 512, DISK_MAX_QUEUES = 16 };

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,	   /* makes every write durable that completed before it was submitted */
	DISK_DISCARD,	   /* advice: the bytes may lose their space, and read as anything */
	DISK_WRITE_ZEROES, /* the bytes read as zeroes afterwards */
};

struct disk_queue;

struct disk_request {
	enum disk_op op;
	bool durable;	      /* WRITE, WRITE_ZEROES: done() means that it is on stable storage */
	bool unmap;	      /* WRITE_ZEROES: the space may be given back */
	unsigned int n;	      /* READ, WRITE: elements of iov */
	uint64_t offset, len; /* multiples of the disk's alignment */
	const struct iovec *iov; /* READ, WRITE: len bytes in all; borrowed until done() */
	/* 0 when everything moved; -ERANGE, -EINVAL and -EROFS by disk_submit()'s checks, else the
	 * host's -errno. It may submit again, and reuse this request. */
	void (*done)(struct disk_request *request, int err);

	/* The disk's own until done(). */
	struct disk_queue *queue;
	struct disk_request *next;
	int err;
};

/* First in, first out, linked by request->next. Zeroed, it is empty. */
struct disk_list {
	struct disk_request *first, *last;
};

struct disk;

struct disk_ops {
	/* Makes disk->nqueues queues; what completes on one while nobody looks must write to the
	 * eventfd queue->wake.fd. 0 or -errno. */
	int (*attach)(struct disk *disk);
	/* One checked request, to be started by commit(). Never completes it itself. */
	void (*submit)(struct disk *disk, struct disk_request *request);
	/* Starts what was submitted. Whatever completes until it returns need not be signalled. */
	void (*commit)(struct disk *disk, unsigned int queue);
	/* Goes on with all that is finished on the host, by disk_complete() where it was a
	 * request's last. 0 when there was nothing; else it is called again, also for what finished
	 * since. */
	unsigned int (*reap)(struct disk *disk, unsigned int queue);
	/* Returns when there is something to reap; something is in flight. */
	void (*wait)(struct disk *disk, unsigned int queue);
	/* The size that the disk has now. 0 or -errno. */
	int (*measure)(struct disk *disk, uint64_t *size);
	/* The opposite of attach(), also of one that failed; nothing is in flight. On the loop. */
	void (*detach)(struct disk *disk);
	void (*close)(struct disk *disk); /* frees it; attached or not */
};

struct disk_queue {
	struct disk *disk;
	struct loop_source wake;  /* an eventfd, owned */
	struct disk_list settled; /* refused or empty: done() is due, there is nothing to do */
	unsigned int in_flight;	  /* submitted, done() not yet called */
	bool running;		  /* disk_run() is on the stack */
};

struct disk_client;

/* Up to the device, on the loop's thread. */
struct disk_client_ops {
	/* Some done() were called on this queue. Also without any, after disk_wake(). */
	void (*batch_done)(struct disk_client *client, unsigned int queue);
	void (*resized)(struct disk_client *client); /* disk->size has changed */
};

/* Embedded by the device that has the disk. */
struct disk_client {
	const struct disk_client_ops *ops;
};

struct disk {
	/* Set by the backend; constant but for size. */
	const struct disk_ops *ops;
	const char *name; /* for messages; the backend owns it */
	uint64_t size;
	uint32_t alignment; /* what offset and len of a request must be multiples of */
	uint32_t block_size, physical_block_size; /* what a guest had better use */
	uint32_t discard_granularity;
	bool read_only;

	/* disk.c's. */
	struct disk_client *client; /* borrowed */
	struct loop *loop;	    /* borrowed; NULL: not attached */
	struct disk_queue queues[DISK_MAX_QUEUES];
	unsigned int nqueues;
	bool failed;	     /* a request, by the host's doing; it was logged */
	atomic_bool written; /* there was a WRITE; any thread may look */
};

/* Gives the disk its client, loop and queues, once, before the loop runs. 0 or -errno; then only
 * disk_close(). Client and loop must outlive the disk. */
int disk_attach(struct disk *disk, struct disk_client *client, struct loop *loop,
		unsigned int nqueues);

/*
 * Adds one request to a queue's next batch, after the checks that hold for every kind of disk: the
 * range (-ERANGE), the alignment (-EINVAL), no change of a read-only disk (-EROFS). Never calls
 * done().
 */
void disk_submit(struct disk *disk, unsigned int queue, struct disk_request *request);

/*
 * Starts the batch with one system call at most, then calls done() for all that is finished already
 * and batch_done() once after them. From within done() or batch_done() it only starts the batch,
 * and its completions follow when they have returned.
 */
void disk_commit(struct disk *disk, unsigned int queue);

/* Calls batch_done() from the loop soon: for a device that has stopped for fairness only. */
void disk_wake(struct disk *disk, unsigned int queue);

/* Returns when nothing is in flight on any queue. The device submits nothing while it runs; not
 * from within done() or batch_done(). */
void disk_drain(struct disk *disk);

/* Looks whether the size has changed. disk_refresh(): any thread, no lock held; disk_remeasure():
 * for backends, on the loop. */
void disk_refresh(struct disk *disk);
void disk_remeasure(struct disk *disk);

/* Drains, detaches (on its loop) and frees; accepts NULL. Any thread,
 * before the loop is destroyed. */
void disk_close(struct disk *disk);

/* For backends: the request's one completion. */
void disk_complete(struct disk_request *request, int err);

void disk_list_append(struct disk_list *list, struct disk_request *request);
struct disk_request *disk_list_take(struct disk_list *list); /* the first, or NULL */

#endif
