/* net_features.c: tables of the network card's features (virtio 1.2, 5.1.3). */
#include "virtio/net_features.h"

#include <linux/virtio_net.h>
#include <stddef.h>

#include "devices/backend/nic.h"
#include "vmm/util.h"

/* UDP segmentation, virtio 1.2; headers may be older. */
enum { NET_F_GUEST_USO4 = 54, NET_F_GUEST_USO6 = 55, NET_F_HOST_USO = 56 };

#define BIT(feature) (UINT64_C(1) << (feature))

/*
 * What the host's offloads are called from both sides: guest, in frames to the driver; host, in
 * frames from it.
 */
static const struct {
	uint32_t offload;
	uint64_t guest, host;
} offload_features[] = {
	{NIC_OFFLOAD_CSUM, BIT(VIRTIO_NET_F_GUEST_CSUM), BIT(VIRTIO_NET_F_CSUM)},
	{NIC_OFFLOAD_TSO4, BIT(VIRTIO_NET_F_GUEST_TSO4), BIT(VIRTIO_NET_F_HOST_TSO4)},
	{NIC_OFFLOAD_TSO6, BIT(VIRTIO_NET_F_GUEST_TSO6), BIT(VIRTIO_NET_F_HOST_TSO6)},
	{NIC_OFFLOAD_TSO_ECN, BIT(VIRTIO_NET_F_GUEST_ECN), BIT(VIRTIO_NET_F_HOST_ECN)},
	{NIC_OFFLOAD_USO, BIT(NET_F_GUEST_USO4) | BIT(NET_F_GUEST_USO6), BIT(NET_F_HOST_USO)},
};

/* Which feature needs one of which others, 5.1.3.1. */
static const struct {
	unsigned int feature;
	uint64_t one_of;
} requirements[] = {
	{VIRTIO_NET_F_GUEST_TSO4, BIT(VIRTIO_NET_F_GUEST_CSUM)},
	{VIRTIO_NET_F_GUEST_TSO6, BIT(VIRTIO_NET_F_GUEST_CSUM)},
	{VIRTIO_NET_F_GUEST_ECN, BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6)},
	{NET_F_GUEST_USO4, BIT(VIRTIO_NET_F_GUEST_CSUM)},
	{NET_F_GUEST_USO6, BIT(VIRTIO_NET_F_GUEST_CSUM)},
	{VIRTIO_NET_F_HOST_TSO4, BIT(VIRTIO_NET_F_CSUM)},
	{VIRTIO_NET_F_HOST_TSO6, BIT(VIRTIO_NET_F_CSUM)},
	{VIRTIO_NET_F_HOST_ECN, BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6)},
	{NET_F_HOST_USO, BIT(VIRTIO_NET_F_CSUM)},
	{VIRTIO_NET_F_CTRL_RX, BIT(VIRTIO_NET_F_CTRL_VQ)},
	{VIRTIO_NET_F_CTRL_MAC_ADDR, BIT(VIRTIO_NET_F_CTRL_VQ)},
	{VIRTIO_NET_F_MQ, BIT(VIRTIO_NET_F_CTRL_VQ)},
};

uint64_t net_offered_features(const struct nic *nic)
{
	uint64_t features = BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |
			    BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_CTRL_VQ) |
			    BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);

	for (size_t i = 0; i < ARRAY_SIZE(offload_features); i++) {
		if (nic->offloads & offload_features[i].offload)
			features |= offload_features[i].guest | offload_features[i].host;
	}
	if (nic->offloads)
		features |= BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	if (nic->queues > 1)
		features |= BIT(VIRTIO_NET_F_MQ);
	if (nic->mtu)
		features |= BIT(VIRTIO_NET_F_MTU);
	return features;
}

bool net_features_ok(uint64_t features)
{
	for (size_t i = 0; i < ARRAY_SIZE(requirements); i++) {
		if ((features & BIT(requirements[i].feature)) &&
		    !(features & requirements[i].one_of))
			return false;
	}
	return true;
}

uint64_t net_guest_offloads(void)
{
	uint64_t features = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offload_features); i++)
		features |= offload_features[i].guest;
	return features;
}

uint32_t net_offloads_of(uint64_t features)
{
	uint32_t offloads = 0;

	/* UDP segmentation is for both versions of IP or for none: the host has one switch. */
	for (size_t i = 0; i < ARRAY_SIZE(offload_features); i++) {
		if ((features & offload_features[i].guest) == offload_features[i].guest)
			offloads |= offload_features[i].offload;
	}
	return offloads;
}
