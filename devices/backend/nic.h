/*
 * nic.h: struct nic, the host's side of a network card: one Ethernet frame out, one in.
 *
 * In front of every frame, both ways, stands a struct virtio_net_hdr_v1 (virtio 1.2, 5.1.6): iov[0]
 * is its 12 bytes, in memory of the caller's own, and the frame follows in the other iovecs, which
 * may point into guest memory. A backend without offloads hands over a zeroed header and leaves
 * the caller's unread.
 *
 * Everything happens on the thread of the loop that the nic was opened with.
 */
#ifndef DEVICES_BACKEND_NIC_H
#define DEVICES_BACKEND_NIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
	NIC_HEADER_SIZE = 12,
	NIC_FRAME_MIN = 14,		/* an Ethernet header */
	NIC_FRAME_MAX = 14 + 4 + 65535, /* with a VLAN tag, around the largest IP packet */
	NIC_MTU_STANDARD = 1500,
	NIC_MTU_MIN = 68, /* RFC 791 */
	NIC_MTU_MAX = 65535,
	NIC_MAX_QUEUES = 16,
};

/* What may be left to the other side of a frame: its checksum, or cutting it into segments. */
enum nic_offload {
	NIC_OFFLOAD_CSUM = 1 << 0,
	NIC_OFFLOAD_TSO4 = 1 << 1,
	NIC_OFFLOAD_TSO6 = 1 << 2,
	NIC_OFFLOAD_TSO_ECN = 1 << 3,
	NIC_OFFLOAD_USO = 1 << 4, /* UDP over IPv4 and IPv6 */
};

struct loop;
struct nic;
struct nic_options;

struct nic_ops {
	/*
	 * Takes one frame. 0; -EAGAIN: nothing was taken, writable() will be called once it can
	 * be; any other error: this frame is lost (-EINVAL: the host refused its header).
	 */
	int (*send)(struct nic *nic, unsigned int queue, const struct iovec *iov, unsigned int n);
	/*
	 * Bytes of header and frame; what does not fit into iov is lost. -EAGAIN: none now, and
	 * only after it will readable() be called again; other errors: the link is down.
	 */
	ssize_t (*recv)(struct nic *nic, unsigned int queue, const struct iovec *iov,
			unsigned int n);
	/* Which of nic->offloads the receiver of recv()'s frames can take. 0 or -errno. */
	int (*set_offloads)(struct nic *nic, uint32_t offloads);
	/* How many queues frames may arrive on, from the first, 1 to nic->queues. 0 or -errno. */
	int (*set_queues)(struct nic *nic, unsigned int n);
	/* Paused, as it begins, no readable() is called: frames wait where they come from. */
	void (*pause)(struct nic *nic, unsigned int queue, bool on);
	/* A descriptor that vhost-net can take as a queue's backend, borrowed; or -1. */
	int (*vhost_fd)(struct nic *nic, unsigned int queue);
	void (*close)(struct nic *nic);
};

/* The card on top of it embeds this. All of it is called on the loop's thread. */
struct nic_client {
	void (*readable)(struct nic_client *client, unsigned int queue); /* recv() may do */
	void (*writable)(struct nic_client *client, unsigned int queue); /* send() may do again */
	void (*link_changed)(struct nic_client *client);
};

/* What the backend fills in is constant once it is open, but for link_up. */
struct nic {
	const struct nic_ops *ops;
	unsigned int queues;	   /* pairs, 1 to NIC_MAX_QUEUES */
	uint32_t offloads;	   /* enum nic_offload: what the host can take, and give */
	uint16_t mtu;		   /* what the guest must be told; 0: nothing */
	atomic_bool link_up;	   /* false once the host's end has gone; any thread may look */
	struct nic_client *client; /* borrowed; set before anything is unpaused */
};

/* What the options ask for, paused. 0 or -errno, logged. */
int nic_open(const struct nic_options *options, struct loop *loop, struct nic **nic);
void nic_close(struct nic *nic); /* NULL is fine; loop's thread, or after its end */

/* The kinds; each returns 0 or -errno, logged. Those that take a descriptor own it on success. */
int nic_open_tap(const struct nic_options *options, struct loop *loop, struct nic **nic);
int nic_open_fd(int fd, struct loop *loop, struct nic **nic); /* finds out what fd is */
int nic_open_tap_fd(int fd, struct loop *loop, struct nic **nic);
int nic_open_datagram(int fd, struct loop *loop, struct nic **nic);
int nic_open_passt(const struct nic_options *options, struct loop *loop, struct nic **nic);
/*
 * A stream socket whose frames have their length, 32 bits big-endian, in front (as passt and QEMU
 * speak it). who names the other end in messages, borrowed.
 */
int nic_open_stream(int fd, const char *who, struct loop *loop, struct nic **nic);
/* A neighbour inside this process that answers ARP and ping for every address, with no root. */
int nic_open_peer(struct loop *loop, struct nic **nic);

static inline int nic_send(struct nic *nic, unsigned int queue, const struct iovec *iov,
			   unsigned int n)
{
	return nic->ops->send(nic, queue, iov, n);
}

static inline ssize_t nic_recv(struct nic *nic, unsigned int queue, const struct iovec *iov,
			       unsigned int n)
{
	return nic->ops->recv(nic, queue, iov, n);
}

static inline int nic_set_offloads(struct nic *nic, uint32_t offloads)
{
	return nic->ops->set_offloads ? nic->ops->set_offloads(nic, offloads) : 0;
}

static inline int nic_set_queues(struct nic *nic, unsigned int n)
{
	return nic->ops->set_queues ? nic->ops->set_queues(nic, n) : 0;
}

static inline void nic_pause(struct nic *nic, unsigned int queue, bool on)
{
	nic->ops->pause(nic, queue, on);
}

static inline int nic_vhost_fd(struct nic *nic, unsigned int queue)
{
	return nic->ops->vhost_fd ? nic->ops->vhost_fd(nic, queue) : -1;
}

/* For backends: the other end has gone, for good. */
void nic_link_down(struct nic *nic);

#endif
