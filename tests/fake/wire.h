/*
 * wire.h: what a test needs around a nic backend: a loop that runs until something happened,
 * frames, and counted callbacks.
 */
#ifndef TESTS_FAKE_WIRE_H
#define TESTS_FAKE_WIRE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "devices/backend/nic.h"
#include "vmm/loop.h"

struct wire {
	struct loop loop;
	struct loop_timer deadline; /* fails the test; nothing waits for it */
	struct nic *nic;
	struct nic_client client; /* its */
	unsigned int readable, writable, link_changes;
};

void wire_init(struct wire *wire);
/* Counts the nic's callbacks and unpauses it. */
void wire_connect(struct wire *wire, struct nic *nic);
void wire_free(struct wire *wire); /* closes the nic */

/* Runs the loop until one of the callbacks was called. */
void wire_wait(struct wire *wire);
/* Serves what is ready now, without waiting. */
void wire_poll(struct wire *wire);

/* Sends a frame behind a zeroed header, cut in two pieces. */
int wire_send(struct wire *wire, const void *frame, size_t len);
/* Receives into frame, scattered; header may be NULL. Length of the frame, or the error. */
ssize_t wire_recv(struct wire *wire, void *frame, size_t size, struct virtio_net_hdr_v1 *header);

/* Fills len bytes with an Ethernet header of a private type and a pattern that begins with seed. */
void wire_frame(uint8_t *frame, size_t len, uint8_t seed);

#endif
