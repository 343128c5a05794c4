/*
 * virtio.c: the life of a device and its queues: start, stop and reset (virtio 1.2, sections 2.4
 * and 2.6).
 *
 * Register accesses come on vCPU threads. Whatever starts or stops queues runs on the device's
 * loop, one after another, posted there with no lock held: so two vCPUs that reset a device at once
 * do so in turn, and a device never sees a queue change under it.
 */
#include "virtio/status.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio/registers.h"
#include "vmm/util.h"

/* Edge-triggered: every kick wakes the loop, and none has to be read back. */
enum { KICK_EVENTS = EPOLLIN | EPOLLET };

void virtio_ignored(struct virtio_device *dev, const char *what)
{
	log_guest(&dev->ignored_said, "%s: %s: ignored", dev->name, what);
}

void virtio_broken(struct virtio_device *dev, const char *format, ...)
{
	char reason[160];
	va_list args;
	bool tell;

	assert(loop_is_current(dev->loop));
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	log_guest(&dev->broken_said, "%s: %s: out of service until it is reset", dev->name, reason);

	dev->broken = true;
	for (unsigned int i = 0; i < dev->nqueues; i++)
		virtqueue_break(virtio_queue(dev, i), "the device needs a reset");
	pthread_mutex_lock(&dev->lock);
	tell = dev->state.status & VIRTIO_CONFIG_S_DRIVER_OK;
	dev->state.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	pthread_mutex_unlock(&dev->lock);
	if (tell)
		dev->transport->ops->config_interrupt(dev->transport); /* 2.1.2 */
}

bool virtio_pop(struct virtio_device *dev, unsigned int queue, struct virtq_chain *chain)
{
	struct virtqueue *vq = virtio_queue(dev, queue);
	int n = virtqueue_pop(vq, chain);

	if (n < 0 && !dev->broken)
		virtio_broken(dev, "queue %u: %s", queue, vq->fault);
	return n > 0;
}

void virtio_flush(struct virtio_device *dev, unsigned int queue)
{
	if (virtqueue_flush(virtio_queue(dev, queue)))
		virtio_interrupt(dev, queue);
}

void virtio_interrupt(struct virtio_device *dev, unsigned int queue)
{
	dev->transport->ops->queue_interrupt(dev->transport, queue);
}

/* Starting and stopping. Loop thread. */

static void deliver_kick(struct virtio_device *dev, unsigned int queue)
{
	if (dev->running && !dev->broken && !dev->queues[queue].kick_lent &&
	    virtqueue_enabled(virtio_queue(dev, queue)))
		dev->ops->kick(dev, queue);
}

static void kicked(struct loop_source *source, uint32_t events)
{
	struct virtio_queue *queue = container_of(source, struct virtio_queue, kick);

	(void)events;
	deliver_kick(queue->dev, (unsigned int)(queue - queue->dev->queues));
}

static void run(struct virtio_device *dev)
{
	int err;

	if (dev->broken)
		return;
	err = dev->ops->start(dev);
	if (err) {
		virtio_broken(dev, "cannot start: %s", strerror(-err));
		return;
	}
	dev->running = true;
	/* What the driver made available before, with or without a kick. */
	for (unsigned int i = 0; i < dev->nqueues; i++)
		deliver_kick(dev, i);
}

static void halt(struct virtio_device *dev)
{
	if (!dev->running)
		return;
	dev->ops->stop(dev);
	dev->running = false;
	for (unsigned int i = 0; i < dev->nqueues; i++) {
		struct virtio_queue *queue = &dev->queues[i];

		queue->call_lent = false;
		if (queue->kick_lent)
			loop_modify(dev->loop, &queue->kick, KICK_EVENTS);
		queue->kick_lent = false;
	}
}

static void enable_queue(struct virtio_device *dev, unsigned int queue)
{
	struct virtqueue *vq = virtio_queue(dev, queue);
	struct virtqueue_config config;

	pthread_mutex_lock(&dev->lock);
	config = dev->state.queues[queue];
	pthread_mutex_unlock(&dev->lock);
	if (config.enabled && virtqueue_enable(vq, dev->mem, &config, dev->negotiated) < 0)
		virtio_broken(dev, "queue %u: %s", queue, vq->fault);
}

void virtio_driver_ok(struct virtio_device *dev)
{
	for (unsigned int i = 0; i < dev->nqueues && !dev->broken; i++)
		enable_queue(dev, i);
	run(dev);
}

static void queue_to_power_on(struct virtio_device *dev, unsigned int queue)
{
	virtqueue_disable(virtio_queue(dev, queue));
	pthread_mutex_lock(&dev->lock);
	dev->state.queues[queue] = (struct virtqueue_config){.size = dev->queue_size};
	pthread_mutex_unlock(&dev->lock);
}

void virtio_reset(struct virtio_device *dev)
{
	halt(dev);
	for (unsigned int i = 0; i < dev->nqueues; i++)
		queue_to_power_on(dev, i);
	dev->negotiated = 0;
	dev->broken = false;
	log_guest_rearm(&dev->broken_said);
	log_guest_rearm(&dev->ignored_said);
	if (dev->ops->reset)
		dev->ops->reset(dev);
	/* Last: a driver that reads 0 finds all of it done, 2.4.1. */
	pthread_mutex_lock(&dev->lock);
	dev->state.driver_features = 0;
	dev->state.status = 0;
	pthread_mutex_unlock(&dev->lock);
}

/* Queues put into and out of service. */

struct queue_change_call {
	struct virtio_device *dev;
	unsigned int queue;
	enum virtio_queue_change change;
};

/* Marks a queue as enabled. False where the driver may not, 2.6.1.2: once the device runs, only a
 * queue that was reset may come back. */
static bool mark_enabled(struct virtio_device *dev, unsigned int queue)
{
	bool *enabled = &dev->state.queues[queue].enabled;
	bool late, accepted;

	pthread_mutex_lock(&dev->lock);
	late = dev->state.status & VIRTIO_CONFIG_S_DRIVER_OK &&
	       !virtio_has_feature(dev, VIRTIO_F_RING_RESET);
	accepted = !*enabled && !late;
	if (accepted)
		*enabled = true;
	pthread_mutex_unlock(&dev->lock);
	return accepted;
}

static void change_queue(void *arg)
{
	struct queue_change_call *call = arg;
	struct virtio_device *dev = call->dev;
	bool was_running = dev->running;

	if (call->change == VIRTIO_QUEUE_RESET && !virtio_has_feature(dev, VIRTIO_F_RING_RESET)) {
		virtio_ignored(dev, "a queue reset, which was not negotiated");
		return;
	}
	if (call->change == VIRTIO_QUEUE_ENABLE && !mark_enabled(dev, call->queue)) {
		virtio_ignored(dev, "a queue enabled at the wrong time");
		return;
	}
	/* The others wait meanwhile: a device has one stop(), and need not know of queues. */
	halt(dev);
	if (call->change != VIRTIO_QUEUE_ENABLE)
		queue_to_power_on(dev, call->queue);
	else if (was_running)
		enable_queue(dev, call->queue);
	if (was_running)
		run(dev);
}

void virtio_queue_change(struct virtio_device *dev, uint32_t queue, enum virtio_queue_change change)
{
	struct queue_change_call call = {.dev = dev, .queue = queue, .change = change};

	if (queue >= dev->nqueues) {
		virtio_ignored(dev, "a queue that is not there");
		return;
	}
	loop_call(dev->loop, change_queue, &call);
}

/* Kicks, and who listens to them. */

int virtio_kick_fd(struct virtio_device *dev, unsigned int queue)
{
	return dev->queues[queue].kick.fd;
}

void virtio_kick(struct virtio_device *dev, uint32_t queue)
{
	uint64_t one = 1;

	if (queue >= dev->nqueues) {
		virtio_ignored(dev, "a notification of a queue that is not there");
		return;
	}
	if (write(dev->queues[queue].kick.fd, &one, sizeof(one)) < 0)
		return; /* only when 2^64 kicks were never read: it is awake then */
}

void virtio_kick_again(struct virtio_device *dev, unsigned int queue)
{
	virtio_kick(dev, queue);
}

int virtio_lend_kick_fd(struct virtio_device *dev, unsigned int queue)
{
	dev->queues[queue].kick_lent = true;
	loop_modify(dev->loop, &dev->queues[queue].kick, 0);
	return dev->queues[queue].kick.fd;
}

int virtio_lend_call_fd(struct virtio_device *dev, unsigned int queue)
{
	dev->queues[queue].call_lent = true;
	return dev->transport->ops->queue_call_fd(dev->transport, queue);
}

static void restart_if_lent(void *arg)
{
	struct virtio_queue *queue = arg;

	if (!queue->call_lent)
		return;
	halt(queue->dev);
	run(queue->dev);
}

void virtio_call_moved(struct virtio_device *dev, unsigned int queue)
{
	loop_call(dev->loop, restart_if_lent, &dev->queues[queue]);
}

/* Coming and going. */

void virtio_attach(struct virtio_device *dev, struct virtio_transport *transport)
{
	dev->transport = transport;
}

int virtio_device_init(struct virtio_device *dev, struct loop *loop, const struct guest_memory *mem)
{
	int err = 0;

	assert(dev->nqueues <= VIRTIO_MAX_QUEUES && dev->config_size <= VIRTIO_MAX_CONFIG);
	assert(is_power_of_two(dev->queue_size) && dev->queue_size <= VIRTQUEUE_MAX_SIZE);
	dev->loop = loop;
	dev->mem = mem;
	pthread_mutex_init(&dev->lock, NULL);
	dev->queues = calloc(dev->nqueues, sizeof(*dev->queues));
	if (!dev->queues)
		return -ENOMEM;
	for (unsigned int i = 0; i < dev->nqueues; i++)
		dev->queues[i] = (struct virtio_queue){.dev = dev, .kick = {.fd = -1}};
	for (unsigned int i = 0; i < dev->nqueues && !err; i++) {
		struct loop_source *kick = &dev->queues[i].kick;

		dev->state.queues[i].size = dev->queue_size;
		kick->ready = kicked;
		kick->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		err = kick->fd < 0 ? -errno : loop_add(loop, kick, KICK_EVENTS);
	}
	if (err)
		virtio_device_destroy(dev);
	return err;
}

static void take_down(void *arg)
{
	struct virtio_device *dev = arg;

	halt(dev);
	for (unsigned int i = 0; i < dev->nqueues; i++) {
		loop_remove(dev->loop, &dev->queues[i].kick);
		if (dev->queues[i].kick.fd >= 0)
			close(dev->queues[i].kick.fd);
	}
}

void virtio_device_destroy(struct virtio_device *dev)
{
	if (!dev->queues)
		return;
	loop_call(dev->loop, take_down, dev);
	free(dev->queues);
	dev->queues = NULL;
	pthread_mutex_destroy(&dev->lock);
}
