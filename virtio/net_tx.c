/* net_tx.c: frames from the driver to the host (virtio 1.2, 5.1.6.2). */
#include <errno.h>

#include "virtio/net_queue.h"

void net_tx_start(struct net_tx *tx)
{
	tx->running = true;
}

void net_tx_stop(struct net_tx *tx)
{
	if (tx->waiting)
		virtqueue_unpop(virtio_queue(tx->dev, tx->queue), 1);
	tx->waiting = false;
	tx->running = false;
}

static void drop(struct net_tx *tx, const char *why)
{
	tx->dropped++;
	log_guest(tx->said, "%s: a frame to send %s: dropped", tx->dev->name, why);
}

/* Copies the header out and sees to the lengths. False: there is nothing to send. */
static bool prepare(struct net_tx *tx)
{
	struct iov_cursor *frame = &tx->chain.in;

	if (iov_take(frame, &tx->header, sizeof(tx->header)) != sizeof(tx->header)) {
		drop(tx, "has no header");
		return false;
	}
	if (frame->left < NIC_FRAME_MIN || frame->left > NIC_FRAME_MAX) {
		drop(tx, frame->left < NIC_FRAME_MIN ? "is too short" : "is too long");
		return false;
	}
	if (frame->n > NET_MAX_IOVECS - 1) {
		drop(tx, "is in too many pieces");
		return false;
	}
	return true;
}

/* False where it has to wait for the host. */
static bool send_frame(struct net_tx *tx)
{
	/* What stood before the rest of the frame has been taken: there is room for the header. */
	struct iovec *iov = tx->chain.in.iov - 1;
	int err;

	*iov = (struct iovec){.iov_base = &tx->header, .iov_len = sizeof(tx->header)};
	err = nic_send(tx->nic, tx->pair, iov, tx->chain.in.n + 1);
	if (err == -EAGAIN)
		return false;
	if (err == -EINVAL)
		drop(tx, "has a header that the host refuses");
	else if (err)
		tx->dropped++;
	return true;
}

/* The next frame into tx->chain. False: there is none. */
static bool next_frame(struct net_tx *tx)
{
	tx->chain.iov = tx->iov + 1;
	tx->chain.cap = VIRTQUEUE_MAX_SIZE;
	return virtio_pop(tx->dev, tx->queue, &tx->chain);
}

/*
 * A turn. Kicks are asked for only when one has found nothing: what the driver adds while the last
 * batch is on its way needs none, and each costs it an exit.
 */
static void run(struct net_tx *tx)
{
	struct virtqueue *vq = virtio_queue(tx->dev, tx->queue);
	unsigned int frames = 0;

	virtqueue_disable_notify(vq);
	while (frames < NET_FRAMES_PER_TURN && (tx->waiting || next_frame(tx))) {
		if (!tx->waiting)
			tx->waiting = prepare(tx);
		if (tx->waiting && !send_frame(tx))
			break;
		tx->waiting = false;
		virtqueue_push(vq, &tx->chain, 0);
		frames++;
	}
	virtio_flush(tx->dev, tx->queue);
	if (tx->waiting)
		return;
	if (frames > 0 || virtqueue_enable_notify(vq))
		virtio_kick_again(tx->dev, tx->queue);
}

void net_tx_kick(struct net_tx *tx)
{
	if (tx->running && !tx->waiting)
		run(tx);
}

void net_tx_writable(struct net_tx *tx)
{
	if (tx->running && tx->waiting)
		run(tx);
}
