/* net_control.h: the network card's control queue (virtio 1.2, 5.1.6.5). */
#ifndef VIRTIO_NET_CONTROL_H
#define VIRTIO_NET_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtio.h"

struct net_control;

/* What the driver may change. True where it was accepted. Loop thread. */
struct net_control_ops {
	bool (*set_queue_pairs)(struct net_control *control, uint16_t n);
	bool (*set_guest_offloads)(struct net_control *control, uint64_t offloads);
	bool (*set_mac)(struct net_control *control, const uint8_t mac[6]);
};

struct net_control {
	const struct net_control_ops *ops;
	struct virtio_device *dev; /* borrowed */
	struct iovec iov[VIRTQUEUE_DEFAULT_SIZE];
};

/* Serves what the driver has asked for in that queue. */
void net_control_run(struct net_control *control, unsigned int queue);

#endif
