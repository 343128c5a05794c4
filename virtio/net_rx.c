/* net_rx.c: frames from the host to the driver (virtio 1.2, 5.1.6.3 and 5.1.6.4). */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "virtio/net_queue.h"

enum { HEADER_SIZE = sizeof(struct virtio_net_hdr_v1) };

static struct virtq_chain *chain_at(struct net_rx *rx, unsigned int n)
{
	return &rx->chains[(rx->first + n) % NET_QUEUE_SIZE];
}

static void forget(struct net_rx *rx)
{
	rx->nchains = 0;
	rx->begin = rx->end = 1;
	rx->held = 0;
	rx->full = false;
	rx->begun = false;
	rx->frame = 0;
}

void net_rx_start(struct net_rx *rx, bool mergeable, size_t wanted)
{
	forget(rx);
	rx->mergeable = mergeable;
	rx->wanted = wanted;
	rx->starved = true;
	rx->running = true;
}

void net_rx_stop(struct net_rx *rx)
{
	if (!rx->running)
		return;
	nic_pause(rx->nic, rx->pair, true);
	virtqueue_unpop(virtio_queue(rx->dev, rx->queue), rx->nchains);
	forget(rx);
	rx->running = false;
}

static void drop(struct net_rx *rx, const char *why)
{
	rx->dropped++;
	rx->frame = 0;
	log_guest(rx->said, "%s: a frame of the host's %s: dropped", rx->dev->name, why);
}

/* Moves what is held to the front of the pool, so that a longest chain fits behind it. */
static void make_room(struct net_rx *rx)
{
	unsigned int shift = rx->begin - 1;

	if (NET_RX_POOL - 1 - rx->end >= VIRTQUEUE_MAX_SIZE)
		return;
	memmove(rx->pool + 1, rx->pool + rx->begin, (rx->end - rx->begin) * sizeof(*rx->pool));
	for (unsigned int i = 0; i < rx->nchains; i++)
		chain_at(rx, i)->out.iov -= shift;
	rx->begin -= shift;
	rx->end -= shift;
}

/* Takes one more buffer of the driver's. False: there is none, or no room for it. */
static bool hold_one(struct net_rx *rx)
{
	struct virtqueue *vq = virtio_queue(rx->dev, rx->queue);
	struct virtq_chain *chain = chain_at(rx, rx->nchains);
	struct iovec *at;

	make_room(rx);
	at = rx->pool + rx->end;
	chain->iov = at;
	chain->cap = VIRTQUEUE_MAX_SIZE;
	if (!virtio_pop(rx->dev, rx->queue, chain))
		return false;
	if (chain->in.n) { /* not the driver's to put here; all segments held are neighbours */
		memmove(at, chain->out.iov, chain->out.n * sizeof(*at));
		chain->out.iov = at;
	}
	if (rx->end - rx->begin + chain->out.n > NET_RX_SEGMENTS) {
		if (rx->nchains) {
			virtqueue_unpop(vq, 1);
			rx->full = true;
			return false;
		}
		iov_cursor_init(&chain->out, at, NET_RX_SEGMENTS);
	}
	rx->end += chain->out.n;
	rx->held += chain->out.left;
	rx->nchains++;
	/* With all of the ring in our hands the driver cannot add any. */
	rx->full = rx->nchains == vq->config.size;
	return true;
}

/* Sets the place of the header aside. False: the driver broke the queue. */
static bool begin_frame(struct net_rx *rx)
{
	struct iov_cursor *out = &chain_at(rx, 0)->out;
	unsigned int n = out->n < HEADER_SIZE ? out->n : HEADER_SIZE;

	if (out->left < HEADER_SIZE) {
		virtio_broken(rx->dev, "queue %u: a receive buffer without room for a header",
			      rx->queue);
		return false;
	}
	memcpy(rx->header_iov, out->iov, n * sizeof(*out->iov));
	iov_cursor_init(&rx->header_at, rx->header_iov, n);
	iov_truncate(&rx->header_at, HEADER_SIZE);
	iov_skip(out, HEADER_SIZE);
	rx->begin = (unsigned int)(out->iov - rx->pool);
	rx->held -= HEADER_SIZE;
	rx->begun = true;
	return true;
}

/*
 * Sees to it that buffers for size bytes are held, or as many as there are. False: not one, or the
 * device is broken.
 */
static bool hold(struct net_rx *rx, size_t size)
{
	while (rx->nchains == 0 || (rx->mergeable && rx->held < size)) {
		if (rx->full || !hold_one(rx))
			break;
	}
	if (rx->nchains == 0 || rx->dev->broken)
		return false;
	return rx->begun || begin_frame(rx);
}

/* Reads the next frame, straight into what is held. 0 or the nic's error. */
static int read_frame(struct net_rx *rx)
{
	struct iovec *iov = rx->pool + rx->begin - 1;
	unsigned int n = rx->end - rx->begin;
	struct iovec *after = rx->pool + rx->end;
	ssize_t len;

	*iov = (struct iovec){.iov_base = &rx->header, .iov_len = HEADER_SIZE};
	*after = (struct iovec){.iov_base = rx->spill, .iov_len = sizeof(rx->spill)};
	len = nic_recv(rx->nic, rx->pair, iov, n + 2);
	if (len < 0)
		return (int)len;
	if (len < HEADER_SIZE + NIC_FRAME_MIN) {
		rx->dropped++; /* no frame, and not the driver's fault */
		return 0;
	}
	rx->frame = (size_t)len - HEADER_SIZE;
	rx->covered = rx->held < rx->frame ? rx->held : rx->frame;
	return 0;
}

/* Returns the first chain, with the size bytes of the frame from position on. */
static void return_first(struct net_rx *rx, size_t position, size_t size, uint32_t header)
{
	struct virtq_chain *chain = chain_at(rx, 0);

	rx->begin += chain->out.n;
	rx->held -= chain->out.left;
	if (size > 0 && position + size > rx->covered) {
		size_t skip = rx->covered > position ? rx->covered - position : 0;

		iov_skip(&chain->out, skip);
		iov_put(&chain->out, rx->spill + (position + skip - rx->covered), size - skip);
	}
	virtqueue_push(virtio_queue(rx->dev, rx->queue), chain, (uint32_t)size + header);
	rx->first = (rx->first + 1) % NET_QUEUE_SIZE;
	rx->nchains--;
	rx->full = false;
}

/* Gives the frame, for which enough is held, to the driver. */
static void deliver(struct net_rx *rx)
{
	size_t size = 0, position = 0;
	uint16_t n = 0;

	while (size < rx->frame)
		size += chain_at(rx, n++)->out.left;
	rx->header.num_buffers = htole16(n);
	if (!virtio_has_feature(rx->dev, VIRTIO_NET_F_GUEST_CSUM)) /* 5.1.6.3.1 */
		rx->header.flags = 0;
	iov_put(&rx->header_at, &rx->header, HEADER_SIZE);
	for (uint16_t i = 0; i < n; i++) {
		size_t left = rx->frame - position;
		size_t room = chain_at(rx, 0)->out.left;
		size_t part = left < room ? left : room;

		return_first(rx, position, part, i == 0 ? HEADER_SIZE : 0);
		position += part;
	}
	rx->begun = false;
	rx->frame = 0;
}

/* One step: false when nothing can be done now, with what for in *err; -ENOBUFS: for buffers. */
static bool step(struct net_rx *rx, int *err)
{
	*err = -ENOBUFS;
	if (!hold(rx, rx->frame ? rx->frame : rx->wanted))
		return false;
	if (!rx->frame) {
		*err = read_frame(rx);
		if (*err || !rx->frame)
			return *err == 0;
	}
	if (rx->held < rx->frame && rx->mergeable) {
		*err = -ENOBUFS;
		hold(rx, rx->frame); /* it may be larger than what was to be expected */
		if (rx->held < rx->frame && !rx->full)
			return false;
	}
	if (rx->held < rx->frame)
		drop(rx, "is larger than the buffers for it");
	else
		deliver(rx);
	return true;
}

void net_rx_run(struct net_rx *rx)
{
	struct virtqueue *vq = virtio_queue(rx->dev, rx->queue);
	unsigned int steps = 0;
	int err;

	if (!rx->running || rx->starved)
		return;
	virtqueue_disable_notify(vq);
	while (steps < NET_FRAMES_PER_TURN) {
		if (step(rx, &err)) {
			steps++;
			continue;
		}
		virtio_flush(rx->dev, rx->queue);
		if (err != -ENOBUFS)
			return; /* the nic calls when it has more */
		if (!virtqueue_enable_notify(vq)) {
			rx->starved = true;
			nic_pause(rx->nic, rx->pair, true);
			return;
		}
		virtqueue_disable_notify(vq);
	}
	virtio_flush(rx->dev, rx->queue);
	virtio_kick_again(rx->dev, rx->queue); /* there may be more, in our next turn */
}

void net_rx_kick(struct net_rx *rx)
{
	if (!rx->running)
		return;
	if (rx->starved) {
		rx->starved = false;
		nic_pause(rx->nic, rx->pair, false);
	}
	net_rx_run(rx);
}
