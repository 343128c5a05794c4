/*
 * raw_queue.h: one queue of a raw disk. Turns requests into operations of an I/O engine, each in
 * one of a fixed number of slots; requests beyond wait in their order.
 */
#ifndef DEVICES_BACKEND_RAW_QUEUE_H
#define DEVICES_BACKEND_RAW_QUEUE_H

#include "devices/backend/disk.h"
#include "devices/backend/io_engine.h"

enum {
	RAW_SLOTS = 128,	/* operations in flight */
	RAW_ZERO_VECTORS = 128, /* pages of zeroes written at once */
};

struct raw_slot;

struct raw_queue {
	struct io_engine *engine;  /* owned */
	uint32_t memory_alignment; /* of buffers; 1: any */
	struct raw_slot *slots;	   /* owned; RAW_SLOTS */
	struct raw_slot *free;	   /* unused ones */
	void *bounce;		   /* owned: a buffer for each slot; NULL: none */
	struct disk_list waiting;  /* for a slot, in order */
	struct iovec zeroes[RAW_ZERO_VECTORS];
};

/* Takes the engine over, which has a depth of RAW_SLOTS or more, also on failure. 0 or -ENOMEM. */
int raw_queue_init(struct raw_queue *queue, struct io_engine *engine, uint32_t memory_alignment);
void raw_queue_destroy(struct raw_queue *queue); /* accepts a zeroed struct */

/* As in struct disk_ops. */
void raw_queue_submit(struct raw_queue *queue, struct disk_request *request);
void raw_queue_commit(struct raw_queue *queue);
unsigned int raw_queue_reap(struct raw_queue *queue);
void raw_queue_wait(struct raw_queue *queue);

#endif
