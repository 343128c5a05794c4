/*
 * net_queue.h: one receive and one transmit queue of the network card, as net.c drives them. Loop
 * thread only; everything is allocated at creation.
 */
#ifndef VIRTIO_NET_QUEUE_H
#define VIRTIO_NET_QUEUE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/backend/nic.h"
#include "virtio/virtio.h"

enum {
	NET_QUEUE_SIZE = VIRTQUEUE_DEFAULT_SIZE,
	NET_FRAMES_PER_TURN = 64, /* then other sources of the loop have theirs */
	NET_MAX_IOVECS = 1024,	  /* UIO_MAXIOV */
	/* Segments of guest memory in one readv(), beside the header and the spill. */
	NET_RX_SEGMENTS = NET_MAX_IOVECS - 2,
	/* The header, what is held, a longest chain behind it, the spill. */
	NET_RX_POOL = 1 + NET_RX_SEGMENTS + VIRTQUEUE_MAX_SIZE + 1,
};

/*
 * Receiving. Enough of the driver's buffers for the largest frame are held popped, in order, and
 * stay so from frame to frame: a frame is read straight into them, behind the header. What does not
 * fit goes to spill and is copied once the driver has added buffers.
 */
struct net_rx {
	struct virtio_device *dev; /* borrowed */
	struct nic *nic;	   /* borrowed */
	unsigned int pair;
	unsigned int queue; /* of dev */
	struct log_once *said;
	uint64_t dropped; /* frames that no buffer could take */

	bool running;
	bool starved;	/* no buffers: the nic is paused until the driver kicks */
	bool mergeable; /* VIRTIO_NET_F_MRG_RXBUF: a frame may take several buffers */
	size_t wanted;	/* bytes, without the header, that are held ready */

	unsigned int first, nchains; /* of chains[], a ring: held popped */
	unsigned int begin, end;     /* of pool[]: what is left of their segments */
	size_t held;		     /* bytes in those, the header's not counted once begun */
	bool full;		     /* there is no room to hold more */
	bool begun;		     /* the first chain's header was set aside */
	struct iov_cursor header_at; /* there, in header_iov[] */
	size_t frame;		     /* bytes of a frame that waits for more buffers; 0: none */
	size_t covered; /* bytes of it that are in guest memory; the rest is in spill */

	struct virtio_net_hdr_v1 header;
	struct iovec header_iov[sizeof(struct virtio_net_hdr_v1)];
	struct virtq_chain chains[NET_QUEUE_SIZE];
	struct iovec pool[NET_RX_POOL];
	uint8_t spill[NIC_FRAME_MAX];
};

/* Sending. A frame is written straight from the driver's buffers. */
struct net_tx {
	struct virtio_device *dev; /* borrowed */
	struct nic *nic;	   /* borrowed */
	unsigned int pair;
	unsigned int queue; /* of dev */
	struct log_once *said;
	uint64_t dropped; /* frames that were malformed or that the host refused */

	bool running;
	bool waiting; /* chain is popped and waits for the host to have room */
	struct virtq_chain chain;
	struct virtio_net_hdr_v1 header;
	struct iovec iov[1 + VIRTQUEUE_MAX_SIZE]; /* the header's first */
};

/* wanted: bytes of the largest frame that is to be expected. Nothing happens before the
 * next kick. */
void net_rx_start(struct net_rx *rx, bool mergeable, size_t wanted);
void net_rx_stop(struct net_rx *rx); /* gives held buffers back; twice is fine */
/* The driver may have added buffers. */
void net_rx_kick(struct net_rx *rx);
/* The nic may have frames. */
void net_rx_run(struct net_rx *rx);

void net_tx_start(struct net_tx *tx);
void net_tx_stop(struct net_tx *tx); /* gives a waiting frame back; twice is fine */
/* The driver may have added frames. */
void net_tx_kick(struct net_tx *tx);
/* The nic has room again. */
void net_tx_writable(struct net_tx *tx);

#endif
