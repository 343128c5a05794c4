/*
 * disk.c: what all disks have in common: the checks, the queues' way to the loop, draining.
 */
#include "devices/backend/disk.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"

/* How often disk_run() turns before other sources of the loop have their turn: a guest that keeps a
 * queue filled must not starve them. */
enum { DISK_MAX_ROUNDS = 8 };

void disk_list_append(struct disk_list *list, struct disk_request *request)
{
	request->next = NULL;
	if (list->first)
		list->last->next = request;
	else
		list->first = request;
	list->last = request;
}

struct disk_request *disk_list_take(struct disk_list *list)
{
	struct disk_request *request = list->first;

	if (request)
		list->first = request->next;
	return request;
}

static unsigned int queue_index(const struct disk_queue *queue)
{
	return (unsigned int)(queue - queue->disk->queues);
}

static int check_request(const struct disk *disk, const struct disk_request *request)
{
	if (request->op == DISK_FLUSH)
		return 0;
	if (disk->read_only && request->op != DISK_READ)
		return -EROFS;
	if (request->offset > disk->size || request->len > disk->size - request->offset)
		return -ERANGE;
	if ((request->offset | request->len) & (disk->alignment - 1))
		return -EINVAL;
	return 0;
}

void disk_submit(struct disk *disk, unsigned int queue_number, struct disk_request *request)
{
	struct disk_queue *queue = &disk->queues[queue_number];
	bool empty = request->op != DISK_FLUSH && request->len == 0;

	assert(queue_number < disk->nqueues && loop_is_current(disk->loop));
	request->queue = queue;
	request->err = check_request(disk, request);
	queue->in_flight++;
	if (request->op == DISK_WRITE)
		atomic_store_explicit(&disk->written, true, memory_order_relaxed);
	if (request->err || empty || (request->op == DISK_FLUSH && disk->read_only))
		disk_list_append(&queue->settled, request);
	else
		disk->ops->submit(disk, request);
}

void disk_complete(struct disk_request *request, int err)
{
	struct disk *disk = request->queue->disk;

	assert(request->queue->in_flight > 0);
	request->queue->in_flight--;
	if (err && err != request->err && !disk->failed) {
		log_error(err, "disk '%s': I/O error, passed on to the guest (not repeated)",
			  disk->name);
		disk->failed = true;
	}
	request->done(request, err);
}

static unsigned int complete_settled(struct disk_queue *queue)
{
	struct disk_list settled = queue->settled;
	struct disk_request *request;
	unsigned int n = 0;

	queue->settled = (struct disk_list){0}; /* done() may submit the next one already */
	while ((request = disk_list_take(&settled)) != NULL) {
		disk_complete(request, request->err);
		n++;
	}
	return n;
}

/* Completes all there is; tell: batch_done() is due even if there was nothing. */
static void disk_run(struct disk_queue *queue, bool tell)
{
	struct disk *disk = queue->disk;
	unsigned int index = queue_index(queue);

	queue->running = true;
	for (unsigned int round = 0; round < DISK_MAX_ROUNDS; round++) {
		unsigned int n = complete_settled(queue) + disk->ops->reap(disk, index);

		if (n == 0 && !tell)
			break;
		tell = false;
		disk->client->ops->batch_done(disk->client, index);
		if (round == DISK_MAX_ROUNDS - 1)
			disk_wake(disk, index);
	}
	queue->running = false;
}

void disk_commit(struct disk *disk, unsigned int queue)
{
	assert(loop_is_current(disk->loop));
	disk->ops->commit(disk, queue);
	if (!disk->queues[queue].running)
		disk_run(&disk->queues[queue], false);
}

void disk_wake(struct disk *disk, unsigned int queue)
{
	/* It cannot fail: the counter is far from full. */
	if (eventfd_write(disk->queues[queue].wake.fd, 1) < 0)
		log_warning("disk '%s': cannot wake its loop", disk->name);
}

static void queue_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	disk_run(container_of(source, struct disk_queue, wake), true);
}

void disk_drain(struct disk *disk)
{
	assert(loop_is_current(disk->loop));
	for (unsigned int i = 0; i < disk->nqueues; i++) {
		struct disk_queue *queue = &disk->queues[i];

		assert(!queue->running);
		if (queue->in_flight > 0)
			disk_commit(disk, i);
		while (queue->in_flight > 0) {
			/* What is settled waits for nobody but us. */
			if (!queue->settled.first)
				disk->ops->wait(disk, i);
			disk_run(queue, false);
		}
	}
}

void disk_remeasure(struct disk *disk)
{
	uint64_t size;
	int err = disk->ops->measure(disk, &size);

	if (err < 0) {
		log_error(err, "disk '%s': cannot tell its size", disk->name);
		return;
	}
	if (size == disk->size)
		return;
	if (size < disk->size)
		log_warning("disk '%s': has shrunk from %llu to %llu bytes", disk->name,
			    (unsigned long long)disk->size, (unsigned long long)size);
	else
		log_verbose("disk '%s': has grown from %llu to %llu bytes", disk->name,
			    (unsigned long long)disk->size, (unsigned long long)size);
	disk->size = size;
	disk->client->ops->resized(disk->client);
}

static void remeasure_call(void *arg)
{
	disk_remeasure(arg);
}

void disk_refresh(struct disk *disk)
{
	loop_call(disk->loop, remeasure_call, disk);
}

int disk_attach(struct disk *disk, struct disk_client *client, struct loop *loop,
		unsigned int nqueues)
{
	assert(!disk->loop && nqueues > 0 && nqueues <= DISK_MAX_QUEUES);
	disk->client = client;
	disk->loop = loop;
	for (unsigned int i = 0; i < nqueues; i++) {
		struct disk_queue *queue = &disk->queues[i];
		int err;

		queue->disk = disk;
		queue->wake.ready = queue_ready;
		queue->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (queue->wake.fd < 0)
			return -errno;
		disk->nqueues = i + 1;
		/* Edge-triggered: every signal wakes the loop, and none has to be read back. */
		err = loop_add(loop, &queue->wake, EPOLLIN | EPOLLET);
		if (err < 0)
			return err;
	}
	return disk->ops->attach(disk);
}

static void detach(void *arg)
{
	struct disk *disk = arg;

	disk_drain(disk);
	for (unsigned int i = 0; i < disk->nqueues; i++)
		loop_remove(disk->loop, &disk->queues[i].wake);
	disk->ops->detach(disk);
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	if (disk->loop)
		loop_call(disk->loop, detach, disk);
	for (unsigned int i = 0; i < disk->nqueues; i++)
		close(disk->queues[i].wake.fd);
	disk->ops->close(disk);
}
