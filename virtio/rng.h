/* rng.h: the virtio entropy device (virtio 1.2, section 5.4), from the host's getrandom(2). */
#ifndef VIRTIO_RNG_H
#define VIRTIO_RNG_H

#include "virtio/virtio.h"

struct virtio_rng;

/* name is borrowed. Before the loop runs. 0 or -errno, logged. */
int virtio_rng_create(const char *name, struct loop *loop, const struct guest_memory *mem,
		      struct virtio_rng **rng);
void virtio_rng_free(struct virtio_rng *rng); /* no vCPU runs; accepts NULL */

struct virtio_device *virtio_rng_device(struct virtio_rng *rng);

#endif
