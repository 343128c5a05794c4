/* net.c: the network card (virtio 1.2, section 5.1): features, configuration, start and stop. */
#include "virtio/net.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "virtio/net_control.h"
#include "virtio/net_features.h"
#include "virtio/net_queue.h"
#include "virtio/vhost_net.h"
#include "vmm/util.h"

struct net_pair {
	struct net_rx rx;
	struct net_tx tx;
	struct vhost_net *vhost; /* owned; NULL: served here */
};

struct virtio_net {
	struct virtio_device dev;
	struct nic *nic;	   /* owned */
	struct nic_client client;  /* nic's */
	uint8_t mac[NIC_MAC_SIZE]; /* what a reset brings back */
	struct net_control control;
	struct log_once said;
	uint64_t unwanted;	 /* guest offloads that the driver has switched off by a command */
	unsigned int npairs;	 /* constant after start */
	unsigned int active;	 /* pairs that the driver uses: the first ones */
	struct net_pair pairs[]; /* npairs */
};

static struct virtio_net *net_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev);
}

static bool features_ok(const struct virtio_device *dev, uint64_t features)
{
	(void)dev;
	return net_features_ok(features);
}

/* What the driver takes in frames for it. */
static uint32_t offloads(const struct virtio_net *net)
{
	return net_offloads_of(net->dev.negotiated & ~net->unwanted);
}

/* Bytes of the largest frame that may be expected of the host. */
static size_t largest_frame(const struct virtio_net *net)
{
	if (net_offloads_of(net->dev.negotiated) & ~(uint32_t)NIC_OFFLOAD_CSUM)
		return NIC_FRAME_MAX;
	return (size_t)(net->nic->mtu ? net->nic->mtu : NIC_MTU_STANDARD) + NIC_FRAME_MIN + 4;
}

static void stop_pair(struct virtio_net *net, unsigned int n)
{
	struct net_pair *pair = &net->pairs[n];

	if (pair->vhost)
		vhost_net_stop(pair->vhost);
	net_rx_stop(&pair->rx);
	net_tx_stop(&pair->tx);
}

static int start_pair(struct virtio_net *net, unsigned int n)
{
	struct net_pair *pair = &net->pairs[n];

	if (pair->vhost)
		return vhost_net_start(pair->vhost, &net->dev, 2 * n, nic_vhost_fd(net->nic, n));
	net_rx_start(&pair->rx, virtio_has_feature(&net->dev, VIRTIO_NET_F_MRG_RXBUF),
		     largest_frame(net));
	net_tx_start(&pair->tx);
	return 0;
}

static void net_stop(struct virtio_device *dev)
{
	struct virtio_net *net = net_of(dev);

	for (unsigned int i = 0; i < net->npairs; i++)
		stop_pair(net, i);
}

static int net_start(struct virtio_device *dev)
{
	struct virtio_net *net = net_of(dev);
	int err = nic_set_offloads(net->nic, offloads(net));

	if (!err)
		err = nic_set_queues(net->nic, net->active);
	for (unsigned int i = 0; i < net->active && !err; i++)
		err = start_pair(net, i);
	if (err)
		net_stop(dev);
	return err;
}

static void net_reset(struct virtio_device *dev)
{
	struct virtio_net *net = net_of(dev);

	net->active = 1;
	net->unwanted = 0;
	log_guest_rearm(&net->said);
	virtio_config_store(dev, offsetof(struct virtio_net_config, mac), net->mac,
			    sizeof(net->mac));
}

/* Behind all pairs there are, where the driver knows of more than one, 5.1.2. */
static unsigned int control_queue(const struct virtio_net *net)
{
	return virtio_has_feature(&net->dev, VIRTIO_NET_F_MQ) ? 2 * net->npairs : 2;
}

static void net_kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_net *net = net_of(dev);

	if (queue == control_queue(net) && virtio_has_feature(dev, VIRTIO_NET_F_CTRL_VQ))
		net_control_run(&net->control, queue);
	else if (queue / 2 >= net->active)
		return; /* not in use, 5.1.6.5.6 */
	else if (queue % 2 == 0)
		net_rx_kick(&net->pairs[queue / 2].rx);
	else
		net_tx_kick(&net->pairs[queue / 2].tx);
}

static const struct virtio_device_ops net_ops = {
	.start = net_start,
	.stop = net_stop,
	.kick = net_kick,
	.reset = net_reset,
	.features_ok = features_ok,
};

/* What comes of the control queue, while the device runs. */

static bool net_set_queue_pairs(struct net_control *control, uint16_t n)
{
	struct virtio_net *net = container_of(control, struct virtio_net, control);

	if (n < 1 || n > net->npairs || nic_set_queues(net->nic, n) < 0)
		return false;
	while (net->active > n)
		stop_pair(net, --net->active);
	for (; net->active < n; net->active++) {
		if (start_pair(net, net->active) < 0) {
			nic_set_queues(net->nic, net->active);
			return false;
		}
		virtio_kick_again(&net->dev, 2 * net->active); /* buffers may be waiting there */
		virtio_kick_again(&net->dev, 2 * net->active + 1);
	}
	return true;
}

static bool net_set_guest_offloads(struct net_control *control, uint64_t wanted)
{
	struct virtio_net *net = container_of(control, struct virtio_net, control);

	/* No more than was negotiated, 5.1.6.5.6.1. */
	if (wanted & ~(net->dev.negotiated & net_guest_offloads()) ||
	    nic_set_offloads(net->nic, net_offloads_of(wanted)) < 0)
		return false;
	net->unwanted = ~wanted;
	return true;
}

static bool net_set_mac(struct net_control *control, const uint8_t mac[6])
{
	struct virtio_net *net = container_of(control, struct virtio_net, control);

	if (mac[0] & 1)
		return false;
	virtio_config_store(&net->dev, offsetof(struct virtio_net_config, mac), mac, NIC_MAC_SIZE);
	return true;
}

static const struct net_control_ops net_control_ops = {
	.set_queue_pairs = net_set_queue_pairs,
	.set_guest_offloads = net_set_guest_offloads,
	.set_mac = net_set_mac,
};

/* What comes of the nic: it does not know which of our queues run. */

static struct virtio_net *client_of(struct nic_client *client)
{
	return container_of(client, struct virtio_net, client);
}

static void net_readable(struct nic_client *client, unsigned int queue)
{
	net_rx_run(&client_of(client)->pairs[queue].rx);
}

static void net_writable(struct nic_client *client, unsigned int queue)
{
	net_tx_writable(&client_of(client)->pairs[queue].tx);
}

static void net_link_changed(struct nic_client *client)
{
	struct virtio_net *net = client_of(client);
	uint16_t status = htole16(net->nic->link_up ? VIRTIO_NET_S_LINK_UP : 0);

	virtio_config_changed(&net->dev, offsetof(struct virtio_net_config, status), &status,
			      sizeof(status));
}

/* Coming and going. */

static void fill_config(struct virtio_net *net)
{
	struct virtio_net_config config = {
		.status = htole16(net->nic->link_up ? VIRTIO_NET_S_LINK_UP : 0),
		.max_virtqueue_pairs = htole16((uint16_t)net->npairs),
		.mtu = htole16(net->nic->mtu),
	};

	memcpy(config.mac, net->mac, sizeof(config.mac));
	memcpy(net->dev.state.config, &config, sizeof(config));
	net->dev.config_size = offsetof(struct virtio_net_config, mtu) + sizeof(config.mtu);
}

static void make_pairs(struct virtio_net *net)
{
	for (unsigned int i = 0; i < net->npairs; i++) {
		struct net_pair *pair = &net->pairs[i];

		pair->rx.dev = pair->tx.dev = &net->dev;
		pair->rx.nic = pair->tx.nic = net->nic;
		pair->rx.said = pair->tx.said = &net->said;
		pair->rx.pair = pair->tx.pair = i;
		pair->rx.queue = 2 * i;
		pair->tx.queue = 2 * i + 1;
	}
}

int virtio_net_create_on(struct nic *nic, const char *name, const uint8_t mac[6], struct loop *loop,
			 const struct guest_memory *mem, struct virtio_device **dev)
{
	struct virtio_net *net = calloc(1, sizeof(*net) + nic->queues * sizeof(net->pairs[0]));
	int err;

	if (!net) {
		nic_close(nic);
		return -ENOMEM;
	}
	net->nic = nic;
	net->npairs = nic->queues;
	net->active = 1;
	memcpy(net->mac, mac, sizeof(net->mac));
	net->control.ops = &net_control_ops;
	net->control.dev = &net->dev;
	make_pairs(net);
	net->dev.name = name;
	net->dev.id = VIRTIO_ID_NET;
	net->dev.ops = &net_ops;
	net->dev.features = net_offered_features(nic);
	net->dev.nqueues = 2 * net->npairs + 1;
	net->dev.queue_size = NET_QUEUE_SIZE;
	fill_config(net);
	err = virtio_device_init(&net->dev, loop, mem);
	if (err) {
		log_error(err, "net: %s", name);
		virtio_net_free(&net->dev);
		return err;
	}
	net->client = (struct nic_client){net_readable, net_writable, net_link_changed};
	nic->client = &net->client;
	*dev = &net->dev;
	return 0;
}

static uint64_t dropped(const struct virtio_net *net)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < net->npairs; i++)
		n += net->pairs[i].rx.dropped + net->pairs[i].tx.dropped;
	return n;
}

void virtio_net_free(struct virtio_device *dev)
{
	struct virtio_net *net;

	if (!dev)
		return;
	net = net_of(dev);
	if (dropped(net))
		log_verbose("net: %s has dropped %llu frames", dev->name,
			    (unsigned long long)dropped(net));
	virtio_device_destroy(dev);
	for (unsigned int i = 0; i < net->npairs; i++)
		vhost_net_close(net->pairs[i].vhost);
	nic_close(net->nic);
	free(net);
}

/* One for each pair, or none at all. */
static int open_vhost(struct virtio_net *net)
{
	int err = nic_vhost_fd(net->nic, 0) < 0 ? -ENOTSUP : 0;

	for (unsigned int i = 0; i < net->npairs && !err; i++)
		err = vhost_net_open(&net->pairs[i].vhost);
	for (unsigned int i = 0; i < net->npairs && err; i++) {
		vhost_net_close(net->pairs[i].vhost);
		net->pairs[i].vhost = NULL;
	}
	return err;
}

int virtio_net_create(const struct nic_options *options, const char *name, const uint8_t mac[6],
		      struct loop *loop, const struct guest_memory *mem, struct virtio_device **dev)
{
	struct nic *nic;
	int err = nic_open(options, loop, &nic);

	if (err)
		return err;
	err = virtio_net_create_on(nic, name, options->has_mac ? options->mac : mac, loop, mem,
				   dev);
	if (err)
		return err;
	if (options->vhost == NIC_VHOST_OFF)
		return 0;
	err = open_vhost(net_of(*dev));
	if (!err || options->vhost == NIC_VHOST_AUTO) {
		log_verbose("net: %s is served by %s", name, err ? "minivmm" : "vhost-net");
		return 0;
	}
	log_error(err, "net: vhost=on: cannot use /dev/vhost-net (modprobe vhost_net)");
	virtio_net_free(*dev);
	return err;
}
