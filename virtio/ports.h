/*
 * ports.h: named ports between guest and host: a virtio console device with MULTIPORT and no
 * console on it (virtio 1.2, section 5.3). Linux shows them as /dev/virtio-ports/NAME.
 */
#ifndef VIRTIO_PORTS_H
#define VIRTIO_PORTS_H

#include "devices/backend/stream.h"
#include "virtio/virtio.h"

enum { VIRTIO_PORTS_MAX = 31 }; /* two queues each, and two for control */

struct virtio_ports;

struct virtio_port {
	const char *name; /* borrowed */
	/* The device's from virtio_ports_create() on, also where that fails. */
	struct stream *stream;
};

/* n is 1 to VIRTIO_PORTS_MAX; name is borrowed. Before the loop runs. 0 or -errno, logged. */
int virtio_ports_create(const struct virtio_port *ports, unsigned int n, const char *name,
			struct loop *loop, const struct guest_memory *mem,
			struct virtio_ports **out);
void virtio_ports_free(struct virtio_ports *ports); /* no vCPU runs; accepts NULL */

struct virtio_device *virtio_ports_device(struct virtio_ports *ports);

#endif
