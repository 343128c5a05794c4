/*
 * vhost_net.h: one pair of queues served by the kernel (/dev/vhost-net, <linux/vhost.h>): frames go
 * between a tap interface and the driver's rings without us. Loop thread only.
 */
#ifndef VIRTIO_VHOST_NET_H
#define VIRTIO_VHOST_NET_H

#include "virtio/virtio.h"

struct vhost_net;

/* 0 or -errno, not logged: -ENOENT and -EACCES are everyday. -ENOTSUP: the kernel lacks what a
 * virtio 1 driver needs. */
int vhost_net_open(struct vhost_net **vhost);
void vhost_net_close(struct vhost_net *vhost); /* stops it; NULL is fine */

/*
 * Hands dev's queues rx_queue and the one after it to the kernel, with tap_fd behind them. Nothing
 * happens where the driver has not enabled both. 0 or -errno; then it is stopped again.
 */
int vhost_net_start(struct vhost_net *vhost, struct virtio_device *dev, unsigned int rx_queue,
		    int tap_fd);
/* Takes them back: nothing is in flight, and the queues know where they stand. Twice is fine. */
void vhost_net_stop(struct vhost_net *vhost);

#endif
