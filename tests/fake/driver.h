/*
 * driver.h: the driver's half of virtio for tests: guest memory to put things in, a transport that
 * counts, and rings to offer chains on, well formed or not. All on the test's one thread, which
 * is also the loop's.
 */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio/registers.h"
#include "virtio/virtio.h"
#include "vmm/memory.h"

/*
 * Two pieces of RAM with a hole between, as in the machine: [0, FAKE_LOW_SIZE) and
 * [FAKE_HIGH_BASE, + FAKE_HIGH_SIZE).
 */
#define FAKE_LOW_SIZE 0x200000u
#define FAKE_HIGH_BASE 0x100000000ull
#define FAKE_HIGH_SIZE 0x200000u
#define FAKE_HOLE 0xd0000000u /* an address where nothing is */

struct fake_memory {
	struct guest_memory mem;
	gpa_t next; /* first free byte of low RAM */
};

void fake_memory_init(struct fake_memory *memory);
void fake_memory_free(struct fake_memory *memory);
/* Zeroed bytes of low RAM, aligned to 64. */
gpa_t fake_memory_alloc(struct fake_memory *memory, uint64_t size);
/* Where it is for us. Fails the test unless it is all RAM. */
void *fake_memory_at(struct fake_memory *memory, gpa_t gpa, uint64_t size);

/* A transport that counts. */
struct fake_transport {
	struct virtio_transport transport;
	unsigned int queue_interrupts[VIRTIO_MAX_QUEUES];
	unsigned int config_interrupts;
	int call_fd; /* what queue_call_fd() returns; -1 at first */
};

void fake_transport_init(struct fake_transport *fake);

/* One piece of a chain. */
struct fake_segment {
	gpa_t gpa;
	uint32_t len;
	bool write; /* device-writable */
};

/* A ring as the driver sees it; tests may scribble on all of it. */
struct fake_ring {
	struct virtqueue_config config;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_desc; /* descriptors are handed out in turn, never looked after */
	uint16_t next_avail;
	uint16_t next_used;
};

void fake_ring_init(struct fake_ring *ring, struct fake_memory *memory, uint16_t size);
/* Writes descriptors for n segments, in order, and returns the head, which is not yet offered. */
uint16_t fake_ring_chain(struct fake_ring *ring, const struct fake_segment *segments,
			 unsigned int n);
/* The same as one indirect descriptor and a table of n. */
uint16_t fake_ring_indirect(struct fake_ring *ring, struct fake_memory *memory,
			    const struct fake_segment *segments, unsigned int n);
/* Makes a head available, as atomically as a driver does. */
void fake_ring_offer(struct fake_ring *ring, uint16_t head);
/* The next used entry: false if there is none. Either pointer may be NULL. */
bool fake_ring_used(struct fake_ring *ring, uint16_t *head, uint32_t *written);
/* Where the device says when it wants to be kicked (EVENT_IDX), and we when to be interrupted. */
uint16_t *fake_ring_avail_event(struct fake_ring *ring);
uint16_t *fake_ring_used_event(struct fake_ring *ring);

/* A driver of one device. */
struct fake_driver {
	struct virtio_device *dev;
	struct fake_memory *memory;
	struct fake_transport transport;
	struct fake_ring rings[VIRTIO_MAX_QUEUES];
};

/*
 * Attaches the counting transport and brings the device up to DRIVER_OK with these features
 * (VERSION_1 is added) and all of its queues at full size. Fails the test where the device does not
 * come up. Twice is a reset and a new start.
 */
void fake_driver_start(struct fake_driver *driver, struct virtio_device *dev,
		       struct fake_memory *memory, uint64_t features);
/* The same with only the first nqueues queues enabled. */
void fake_driver_start_queues(struct fake_driver *driver, struct virtio_device *dev,
			      struct fake_memory *memory, uint64_t features, unsigned int nqueues);
void fake_driver_reset(struct fake_driver *driver);
/* Offers a chain without a kick and returns its head. */
uint16_t fake_driver_offer(struct fake_driver *driver, unsigned int queue,
			   const struct fake_segment *segments, unsigned int n);
/* What the doorbell does: kick() runs before it returns, if the device is to see it. */
void fake_driver_kick(struct fake_driver *driver, unsigned int queue);
bool fake_driver_used(struct fake_driver *driver, unsigned int queue, uint16_t *head,
		      uint32_t *written);
bool fake_driver_needs_reset(const struct fake_driver *driver);

#endif
