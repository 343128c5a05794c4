/*
 * net_card.h: the fixture of the network card's tests: a card on a fake nic under a fake driver,
 * and what both sides do with frames.
 */
#ifndef TESTS_FAKE_NET_CARD_H
#define TESTS_FAKE_NET_CARD_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fake/driver.h"
#include "tests/fake/fake_nic.h"
#include "vmm/loop.h"

#define BIT(n) (UINT64_C(1) << (n))
#define TSO_FEATURES \
	(BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4))

enum { RX = 0, TX = 1, HEADER = sizeof(struct virtio_net_hdr_v1), STATUS_OFFSET = 6 };

extern const uint8_t net_card_mac[6];

struct net_card {
	struct loop loop;
	struct fake_memory memory;
	struct fake_nic nic;
	struct fake_driver driver;
	struct virtio_device *dev;
};

/* With so many queue pairs; no driver yet. */
void net_card_create(struct net_card *card, unsigned int queues);
/* With one, and a driver that took these features. */
void net_card_start(struct net_card *card, uint64_t features);
void net_card_free(struct net_card *card);

void *net_card_at(struct net_card *card, gpa_t gpa, uint64_t size);
uint64_t net_card_config(struct net_card *card, unsigned int offset, unsigned int size);
/* Whether the device has kicked that queue itself, to go on later. */
bool net_card_kicks_again(struct net_card *card, unsigned int queue);

/* A frame of len bytes behind its header, in guest memory. */
gpa_t net_card_put_frame(struct net_card *card, size_t len, uint8_t seed);
/* Offers n frames of 60 bytes. */
void net_card_offer_frames(struct net_card *card, unsigned int n);

struct net_buffer {
	uint16_t head;
	gpa_t gpa;
	uint32_t len;
};

/* A receive buffer in one piece. */
struct net_buffer net_card_offer_buffer(struct net_card *card, uint32_t len);
/* The next frame as the driver puts it together from its buffers, and how many it took; its length.
 */
size_t net_card_take_frame(struct net_card *card, const struct net_buffer *buffers, uint8_t *frame,
			   unsigned int *nused);

#endif
