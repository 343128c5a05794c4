/*
 * disk_raw.c: see disk_raw.h. Its queues are raw_queue.c; here are its life and its size.
 */
#include "devices/backend/disk_raw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "devices/backend/disk_image.h"
#include "devices/backend/raw_queue.h"
#include "devices/backend/uring.h"
#include "devices/backend/worker.h"
#include "vmm/log.h"
#include "vmm/util.h"

struct disk_raw {
	struct disk disk;
	struct disk_image image;
	char *path; /* owned */
	enum disk_raw_engine engine;
	struct loop_source changes; /* an inotify descriptor, owned */
	struct raw_queue queues[DISK_MAX_QUEUES];
};

static struct disk_raw *to_raw(struct disk *disk)
{
	return container_of(disk, struct disk_raw, disk);
}

static struct raw_queue *queue_of(struct disk *disk, unsigned int index)
{
	return &to_raw(disk)->queues[index];
}

static void raw_submit(struct disk *disk, struct disk_request *request)
{
	raw_queue_submit(queue_of(disk, (unsigned int)(request->queue - disk->queues)), request);
}

static void raw_commit(struct disk *disk, unsigned int index)
{
	raw_queue_commit(queue_of(disk, index));
}

static unsigned int raw_reap(struct disk *disk, unsigned int index)
{
	return raw_queue_reap(queue_of(disk, index));
}

static void raw_wait(struct disk *disk, unsigned int index)
{
	raw_queue_wait(queue_of(disk, index));
}

static int raw_measure(struct disk *disk, uint64_t *size)
{
	return disk_image_measure(&to_raw(disk)->image, size);
}

static void image_changed(struct loop_source *source, uint32_t events)
{
	struct disk_raw *raw = container_of(source, struct disk_raw, changes);
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	(void)events;
	if (read(source->fd, buf, sizeof(buf)) > 0) /* what has happened does not matter */
		disk_remeasure(&raw->disk);
}

/*
 * Tells us when the image has grown. To watch for its modification would cost an event for each of
 * our own writes; but who makes a file larger opens it and closes it again. Without inotify there
 * is still SIGUSR2.
 */
static void watch_image(struct disk_raw *raw)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int err;

	raw->changes.ready = image_changed;
	raw->changes.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", raw->image.fd);
	if (raw->changes.fd < 0 || inotify_add_watch(raw->changes.fd, path, IN_CLOSE_WRITE) < 0)
		err = -errno;
	else
		err = loop_add(raw->disk.loop, &raw->changes, EPOLLIN);
	if (err < 0)
		log_verbose("disk '%s': cannot watch its size: %s", raw->path, strerror(-err));
}

static int make_engine(struct disk_raw *raw, int wake_fd, struct io_engine **engine)
{
	int err = -ENOSYS;

	if (raw->engine != DISK_RAW_THREADS)
		err = uring_create(raw->image.fd, wake_fd, RAW_SLOTS, engine);
	if (err < 0 && raw->engine == DISK_RAW_AUTO) {
		log_verbose("disk '%s': no io_uring on this host (%s): threads do the I/O",
			    raw->path, strerror(-err));
		raw->engine = DISK_RAW_THREADS; /* for the other queues as well */
	}
	if (err < 0 && raw->engine == DISK_RAW_THREADS)
		err = worker_create(raw->image.fd, wake_fd, engine);
	return err;
}

static int raw_attach(struct disk *disk)
{
	struct disk_raw *raw = to_raw(disk);

	for (unsigned int i = 0; i < disk->nqueues; i++) {
		struct io_engine *engine;
		int err = make_engine(raw, disk->queues[i].wake.fd, &engine);

		if (!err)
			err = raw_queue_init(&raw->queues[i], engine, raw->image.memory_alignment);
		if (err < 0)
			return err;
	}
	if (!raw->image.block_device)
		watch_image(raw);
	return 0;
}

static void raw_detach(struct disk *disk)
{
	loop_remove(disk->loop, &to_raw(disk)->changes);
}

static void raw_close(struct disk *disk)
{
	struct disk_raw *raw = to_raw(disk);

	for (unsigned int i = 0; i < disk->nqueues; i++)
		raw_queue_destroy(&raw->queues[i]);
	if (raw->changes.fd >= 0)
		close(raw->changes.fd);
	disk_image_close(&raw->image);
	free(raw->path);
	free(raw);
}

static const struct disk_ops raw_ops = {
	.attach = raw_attach,
	.submit = raw_submit,
	.commit = raw_commit,
	.reap = raw_reap,
	.wait = raw_wait,
	.measure = raw_measure,
	.detach = raw_detach,
	.close = raw_close,
};

int disk_raw_open(const struct disk_raw_config *config, struct disk **disk)
{
	struct disk_raw *raw = calloc(1, sizeof(*raw));
	int err = -ENOMEM;

	if (!raw)
		return err;
	raw->disk.ops = &raw_ops;
	raw->engine = config->engine;
	raw->image.fd = -1;
	raw->changes.fd = -1;
	raw->path = strdup(config->path);
	if (!raw->path)
		goto fail;
	err = disk_image_open(&raw->image, config->path, config->read_only, config->direct);
	if (err < 0)
		goto fail;
	raw->disk.name = raw->path;
	raw->disk.size = raw->image.size;
	raw->disk.alignment = config->direct ? raw->image.block_size : DISK_SECTOR;
	raw->disk.block_size = raw->image.block_size;
	raw->disk.physical_block_size = raw->image.physical_block_size;
	raw->disk.discard_granularity = raw->image.physical_block_size;
	raw->disk.read_only = config->read_only;
	*disk = &raw->disk;
	return 0;
fail:
	raw_close(&raw->disk);
	return err;
}
