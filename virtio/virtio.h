/*
 * virtio.h: what all virtio devices and both transports share: status machine, features, queues,
 * configuration space, reset (virtio 1.2, sections 2 and 3).
 *
 * A transport knows registers and no rings; a device knows requests and no registers; only virtio.c
 * and status.c know the status machine. So a device never learns which transport it has, and reset
 * exists once.
 *
 * A device sets the first group of struct virtio_device and calls virtio_device_init(); a transport
 * attaches itself with virtio_attach(). From then on everything in struct virtio_device_ops runs on
 * dev->loop and nowhere else: a device needs no lock.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtqueue.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/memory.h"

enum {
	VIRTIO_MAX_QUEUES = 64,
	VIRTIO_MAX_CONFIG = 256, /* bytes of device-specific configuration */
};

struct virtio_device;
struct virtio_transport;

/* Down to the device, on its loop. Write and test stop() before kick(). Only start, stop and kick
 * are a must. */
struct virtio_device_ops {
	/*
	 * Queues are enabled and may be served: after DRIVER_OK, and again after each stop() that
	 * was no reset. kick() follows for every enabled queue. -errno (logged) leaves the device
	 * broken.
	 */
	int (*start)(struct virtio_device *dev);
	/*
	 * The opposite: returns when nothing is in flight, every popped chain pushed or given back;
	 * after it guest memory is not touched. Only ever called between start() and the next one.
	 */
	void (*stop)(struct virtio_device *dev);
	/* The driver says that there may be something new in a queue, which is enabled. */
	void (*kick)(struct virtio_device *dev, unsigned int queue);
	/* The driver has reset the device: what it negotiated by requests is forgotten. After
	 * stop(), if it ran. */
	void (*reset)(struct virtio_device *dev);
	/* May these features, a subset of the offered ones, go together? Without it, yes. */
	bool (*features_ok)(const struct virtio_device *dev, uint64_t features);
	/* The driver writes size bytes at offset, inside config_size. It is up to the device to
	 * take them over, by virtio_config_store(). Without it, writes are dropped. */
	void (*write_config)(struct virtio_device *dev, unsigned int offset, const void *bytes,
			     unsigned int size);
};

/* Up to the bus: one in mmio.c, one in pci.c, one in the tests that counts. Any thread. */
struct virtio_transport_ops {
	void (*queue_interrupt)(struct virtio_transport *transport, unsigned int queue);
	void (*config_interrupt)(struct virtio_transport *transport);
	/* An eventfd that interrupts the driver for this queue without us between, for vhost; -1
	 * where there is none at the moment. Borrowed, good until stop(). */
	int (*queue_call_fd)(struct virtio_transport *transport, unsigned int queue);
};

struct virtio_transport {
	const struct virtio_transport_ops *ops;
};

/* All that the guest can see of a device besides its rings. */
struct virtio_state {
	uint8_t status; /* VIRTIO_CONFIG_S_* */
	uint8_t config_generation;
	uint64_t driver_features;
	uint8_t config[VIRTIO_MAX_CONFIG]; /* little-endian, as the specification lays it out */
	struct virtqueue_config queues[VIRTIO_MAX_QUEUES];
};

struct virtio_queue {
	struct virtqueue vq;	 /* loop thread */
	struct loop_source kick; /* its eventfd is owned */
	struct virtio_device *dev;
	bool kick_lent; /* loop thread: vhost listens instead of the loop */
	bool call_lent; /* loop thread: vhost was told of the transport's eventfd */
};

struct virtio_device {
	/* Set by the device before virtio_device_init(), constant from then on. */
	const char *name; /* borrowed; for messages: "disk0" */
	uint32_t id;	  /* VIRTIO_ID_* */
	const struct virtio_device_ops *ops;
	uint64_t features; /* offered, besides those of the ring, which virtio.c adds */
	unsigned int nqueues;
	uint16_t queue_size;	  /* largest, of all queues; a power of two */
	unsigned int config_size; /* bytes of state.config that exist; filled in before */

	/* Constant after start. */
	struct loop *loop;		    /* borrowed */
	const struct guest_memory *mem;	    /* borrowed */
	struct virtio_transport *transport; /* borrowed */
	struct virtio_queue *queues;	    /* owned; nqueues */

	pthread_mutex_t lock;	   /* a leaf; guards state */
	struct virtio_state state; /* what registers show */

	/* Loop thread. */
	uint64_t negotiated; /* features in force; constant while running */
	bool running;	     /* between start() and stop() */
	bool broken;	     /* latched until reset: queues are not served */

	/* Any thread. */
	atomic_bool was_driven; /* a driver has set DRIVER since the program started */
	struct log_once broken_said;
	struct log_once ignored_said;
};

/*
 * For the device.
 */

/* Makes queues and their eventfds. The loop's thread, or before it runs. 0 or -errno. */
int virtio_device_init(struct virtio_device *dev, struct loop *loop,
		       const struct guest_memory *mem);
/* No vCPU runs. Stops the device first. Accepts a zeroed struct and one whose init failed. */
void virtio_device_destroy(struct virtio_device *dev);

static inline bool virtio_has_feature(const struct virtio_device *dev, unsigned int bit)
{
	return dev->negotiated >> bit & 1;
}

static inline struct virtqueue *virtio_queue(struct virtio_device *dev, unsigned int queue)
{
	return &dev->queues[queue].vq;
}

/* The next request of a queue: false if there is none, or the driver broke the ring (latched). */
bool virtio_pop(struct virtio_device *dev, unsigned int queue, struct virtq_chain *chain);
/* Shows the driver what was pushed to the queue, with an interrupt if it wants one.
 * Once per batch. */
void virtio_flush(struct virtio_device *dev, unsigned int queue);
/* Interrupts the driver for this queue, without looking; for what vhost has pushed. */
void virtio_interrupt(struct virtio_device *dev, unsigned int queue);

/*
 * Kicks the queue as the driver does: kick() is called again from the loop, after other sources had
 * their turn. For a device that bounds what it does at once, and to wake whom the kicks were lent.
 */
void virtio_kick_again(struct virtio_device *dev, unsigned int queue);

/*
 * The driver did what leaves us no way on: DEVICE_NEEDS_RESET, a configuration change interrupt and
 * one warning. Queues are not served until the driver resets the device. Loop thread.
 */
void virtio_broken(struct virtio_device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Changes bytes of the configuration space, with a new generation and, once the driver runs, an
 * interrupt (virtio_config_changed), or without (virtio_config_store). Any thread. */
void virtio_config_changed(struct virtio_device *dev, unsigned int offset, const void *bytes,
			   unsigned int size);
void virtio_config_store(struct virtio_device *dev, unsigned int offset, const void *bytes,
			 unsigned int size);

/* For vhost, between start() and stop(), loop thread. The kick eventfd, which the loop then leaves
 * alone until stop(). */
int virtio_lend_kick_fd(struct virtio_device *dev, unsigned int queue);
/* The transport's eventfd for this queue's interrupt, or -1: then listen yourself and call
 * virtio_interrupt(). Where the driver moves the interrupt elsewhere, the device is stopped and
 * started. */
int virtio_lend_call_fd(struct virtio_device *dev, unsigned int queue);

#endif
