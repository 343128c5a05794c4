/* fake_nic.h: a nic whose host side is two arrays: frames to come, frames that were sent. */
#ifndef TESTS_FAKE_FAKE_NIC_H
#define TESTS_FAKE_FAKE_NIC_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/backend/nic.h"

enum { FAKE_NIC_FRAMES = 512 };

struct fake_frame {
	struct virtio_net_hdr_v1 header;
	size_t len;
	const uint8_t *bytes; /* borrowed for frames to come, owned for those that were sent */
	unsigned int queue;
};

struct fake_nic {
	struct nic nic;
	struct fake_frame sent[FAKE_NIC_FRAMES];
	unsigned int nsent;
	struct fake_frame coming[FAKE_NIC_FRAMES];
	unsigned int ncoming, received;
	unsigned int room; /* sends that succeed before -EAGAIN */
	int refuse;	   /* the error of every send; 0: none */
	bool paused[NIC_MAX_QUEUES];
	unsigned int reads;   /* calls of recv() */
	uint32_t offloads;    /* as last set */
	unsigned int nqueues; /* as last set */
	bool refuse_queues;   /* another number of them */
	bool closed;
};

void fake_nic_init(struct fake_nic *fake);
void fake_nic_free(struct fake_nic *fake); /* what it keeps; not the nic's close() */
/* Puts a frame where recv() finds it. bytes are borrowed. */
void fake_nic_feed(struct fake_nic *fake, const uint8_t *bytes, size_t len);
/* Calls readable() as long as queue 0 is unpaused and frames are left. */
void fake_nic_deliver(struct fake_nic *fake);

#endif
