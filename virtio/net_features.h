/* net_features.h: the network card's features (virtio 1.2, 5.1.3), and what a nic has of them. */
#ifndef VIRTIO_NET_FEATURES_H
#define VIRTIO_NET_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

struct nic;

/* What a card on this nic offers. */
uint64_t net_offered_features(const struct nic *nic);
/* Does each come with those it needs, 5.1.3.1? */
bool net_features_ok(uint64_t features);
/* Those that say what the driver takes in frames it receives. */
uint64_t net_guest_offloads(void);
/* The same as enum nic_offload. */
uint32_t net_offloads_of(uint64_t features);

#endif
