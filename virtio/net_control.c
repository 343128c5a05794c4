/* net_control.c: the network card's control queue (virtio 1.2, 5.1.6.5). */
#include "virtio/net_control.h"

#include <endian.h>
#include <linux/virtio_net.h>

enum {
	MAC_SIZE = 6,
	REQUESTS_PER_TURN = 8, /* some cost the host milliseconds for each queue */
};

/* Which frames to receive: all are, which 5.1.6.5.1 allows; so any wish is granted. */
static bool receive_mode(struct iov_cursor *in, uint8_t command)
{
	uint8_t on;

	return command <= VIRTIO_NET_CTRL_RX_NOBCAST && iov_take(in, &on, 1) == 1 && on <= 1;
}

/* One table of the filter: a count and as many addresses. They need not be kept, 5.1.6.5.2. */
static bool skip_table(struct iov_cursor *in)
{
	uint32_t entries;

	if (iov_take(in, &entries, sizeof(entries)) != sizeof(entries))
		return false;
	entries = le32toh(entries);
	if (entries > in->left / MAC_SIZE)
		return false;
	iov_skip(in, (size_t)entries * MAC_SIZE);
	return true;
}

static bool mac_command(struct net_control *control, struct iov_cursor *in, uint8_t command)
{
	uint8_t mac[MAC_SIZE];

	if (command == VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return skip_table(in) && skip_table(in); /* unicast, multicast */
	return command == VIRTIO_NET_CTRL_MAC_ADDR_SET &&
	       virtio_has_feature(control->dev, VIRTIO_NET_F_CTRL_MAC_ADDR) &&
	       iov_take(in, mac, sizeof(mac)) == sizeof(mac) && control->ops->set_mac(control, mac);
}

static bool queue_command(struct net_control *control, struct iov_cursor *in, uint8_t command)
{
	uint16_t pairs;

	return command == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET &&
	       virtio_has_feature(control->dev, VIRTIO_NET_F_MQ) &&
	       iov_take(in, &pairs, sizeof(pairs)) == sizeof(pairs) &&
	       control->ops->set_queue_pairs(control, le16toh(pairs));
}

static bool offload_command(struct net_control *control, struct iov_cursor *in, uint8_t command)
{
	uint64_t offloads;

	return command == VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET &&
	       virtio_has_feature(control->dev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) &&
	       iov_take(in, &offloads, sizeof(offloads)) == sizeof(offloads) &&
	       control->ops->set_guest_offloads(control, le64toh(offloads));
}

static bool serve(struct net_control *control, struct iov_cursor *in)
{
	struct virtio_net_ctrl_hdr header;

	if (iov_take(in, &header, sizeof(header)) != sizeof(header))
		return false;
	switch (header.class) {
	case VIRTIO_NET_CTRL_RX:
		return virtio_has_feature(control->dev, VIRTIO_NET_F_CTRL_RX) &&
		       receive_mode(in, header.cmd);
	case VIRTIO_NET_CTRL_MAC:
		return mac_command(control, in, header.cmd);
	case VIRTIO_NET_CTRL_MQ:
		return queue_command(control, in, header.cmd);
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
		return offload_command(control, in, header.cmd);
	default:
		return false;
	}
}

void net_control_run(struct net_control *control, unsigned int queue)
{
	struct virtio_device *dev = control->dev;
	struct virtq_chain chain = {.iov = control->iov, .cap = VIRTQUEUE_DEFAULT_SIZE};
	unsigned int n = 0;

	while (n++ < REQUESTS_PER_TURN && virtio_pop(dev, queue, &chain)) {
		uint8_t *ack = iov_take_last(&chain.out);

		if (!ack) {
			virtio_broken(dev, "queue %u: a command without room for its answer",
				      queue);
			break;
		}
		*ack = serve(control, &chain.in) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		virtqueue_push(virtio_queue(dev, queue), &chain, 1);
	}
	virtio_flush(dev, queue);
	if (virtqueue_enable_notify(virtio_queue(dev, queue)))
		virtio_kick_again(dev, queue); /* there is more, in our next turn */
}
