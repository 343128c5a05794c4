/*
 * net.h: the network card (virtio 1.2, section 5.1) on a struct nic.
 *
 * Frames move between the host and guest memory without a copy of ours where the host allows it:
 * tap interfaces read and write guest memory directly, and with vhost-net in the kernel's own
 * thread.
 */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <stdint.h>

#include "virtio/virtio.h"

struct nic;
struct nic_options;

/*
 * Opens what the options ask for and makes the card on top of it; loop serves both. name is
 * borrowed, mac is the card's own unless the options have one. 0 or -errno, logged. To be freed on
 * the loop's thread, or when that has ended.
 */
int virtio_net_create(const struct nic_options *options, const char *name, const uint8_t mac[6],
		      struct loop *loop, const struct guest_memory *mem,
		      struct virtio_device **dev);
void virtio_net_free(struct virtio_device *dev); /* NULL is fine */

/* The same on a nic that is open already and of which it becomes the owner, also on failure. */
int virtio_net_create_on(struct nic *nic, const char *name, const uint8_t mac[6], struct loop *loop,
			 const struct guest_memory *mem, struct virtio_device **dev);

#endif
