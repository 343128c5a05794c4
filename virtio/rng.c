/*
 * rng.c: the virtio entropy device.
 *
 * What a request may cost is bounded: it gets as much as one page, whatever it asks for, as 5.4.6.2
 * allows, and a few of them are served before others on the loop have their turn.
 */
#include "virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "vmm/log.h"
#include "vmm/util.h"

enum {
	QUEUE_SIZE = 64,
	REQUEST_MAX = 4096, /* bytes */
	REQUESTS_AT_ONCE = 16,
	/* getrandom(2) gives so many at once, whole and uninterrupted. */
	RANDOM_AT_ONCE = 256,
};

struct virtio_rng {
	struct virtio_device dev;
	struct iovec iov[QUEUE_SIZE];
};

static uint32_t fill(struct iov_cursor *out)
{
	uint8_t bytes[RANDOM_AT_ONCE];
	uint32_t total = 0;

	iov_truncate(out, REQUEST_MAX);
	while (out->left > 0) {
		size_t len = out->left < sizeof(bytes) ? out->left : sizeof(bytes);

		if (getrandom(bytes, len, 0) != (ssize_t)len)
			break;
		total += (uint32_t)iov_put(out, bytes, len);
	}
	return total;
}

static void rng_kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_rng *rng = container_of(dev, struct virtio_rng, dev);
	struct virtq_chain chain = {.iov = rng->iov, .cap = QUEUE_SIZE};
	struct virtqueue *vq = virtio_queue(dev, queue);
	unsigned int turns = REQUESTS_AT_ONCE;

	do {
		virtqueue_disable_notify(vq);
		for (; turns > 0 && virtio_pop(dev, queue, &chain); turns--)
			virtqueue_push(vq, &chain, fill(&chain.out));
		virtio_flush(dev, queue);
		if (turns == 0) {
			virtio_kick_again(dev, queue);
			return;
		}
	} while (virtqueue_enable_notify(vq));
}

/* A request is served before kick() returns: there is nothing to start or to stop. */
static int rng_start(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

static void rng_stop(struct virtio_device *dev)
{
	(void)dev;
}

static const struct virtio_device_ops rng_ops = {
	.start = rng_start,
	.stop = rng_stop,
	.kick = rng_kick,
};

int virtio_rng_create(const char *name, struct loop *loop, const struct guest_memory *mem,
		      struct virtio_rng **out)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int err = -ENOMEM;

	if (rng) {
		rng->dev.name = name;
		rng->dev.id = VIRTIO_ID_RNG;
		rng->dev.ops = &rng_ops;
		rng->dev.nqueues = 1;
		rng->dev.queue_size = QUEUE_SIZE;
		err = virtio_device_init(&rng->dev, loop, mem);
	}
	if (err) {
		log_error(err, "%s: cannot make it", name);
		free(rng);
		return err;
	}
	*out = rng;
	return 0;
}

void virtio_rng_free(struct virtio_rng *rng)
{
	if (!rng)
		return;
	virtio_device_destroy(&rng->dev);
	free(rng);
}

struct virtio_device *virtio_rng_device(struct virtio_rng *rng)
{
	return &rng->dev;
}
