/* ports.c: named ports, and the control messages by which the driver learns of them (5.3.6.2). */
#include "virtio/ports.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/console_port.h"
#include "virtio/registers.h"
#include "vmm/log.h"
#include "vmm/util.h"

/* 5.3.2: the control queues come after port 0's. */
enum { CONTROL_RECEIVEQ = 2, CONTROL_TRANSMITQ = 3, FIRST_QUEUES = 4 };

enum { MESSAGES_AT_ONCE = 64 };

/* What a driver has still to be told of a port, in the order of sending. */
enum { TELL_ADD = 1 << 0, TELL_NAME = 1 << 1, TELL_OPEN = 1 << 2 };

struct named_port {
	struct console_port port;
	struct virtio_ports *ports;
	const char *name; /* borrowed */
	unsigned int id;
	unsigned int tell; /* TELL_*: bounded, whatever the driver does with its buffers */
};

struct virtio_ports {
	struct virtio_device dev;
	struct named_port *ports; /* owned; n */
	unsigned int n;
	struct iovec receive_iov[CONSOLE_QUEUE_SIZE], transmit_iov[CONSOLE_QUEUE_SIZE];
};

static struct virtio_ports *to_ports(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_ports, dev);
}

static unsigned int receiveq_of(unsigned int id)
{
	return id == 0 ? 0 : FIRST_QUEUES + 2 * (id - 1);
}

/* To the driver. */

static struct named_port *port_to_tell(struct virtio_ports *ports)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		if (ports->ports[i].tell)
			return &ports->ports[i];
	}
	return NULL;
}

/* One message; its length. */
static uint32_t put_message(struct named_port *port, struct iov_cursor *out)
{
	unsigned int what = port->tell & -port->tell; /* the lowest bit: the first in order */
	struct virtio_console_control message = {.id = htole32(port->id)};
	size_t len;

	port->tell &= ~what;
	if (what == TELL_ADD) {
		message.event = htole16(VIRTIO_CONSOLE_PORT_ADD);
	} else if (what == TELL_NAME) {
		message.event = htole16(VIRTIO_CONSOLE_PORT_NAME);
		message.value = htole16(1);
	} else {
		message.event = htole16(VIRTIO_CONSOLE_PORT_OPEN);
		message.value = htole16(!port->port.stream->absent);
	}
	len = iov_put(out, &message, sizeof(message));
	if (what == TELL_NAME)
		len += iov_put(out, port->name, strlen(port->name));
	return (uint32_t)len;
}

static void tell_driver(struct virtio_ports *ports)
{
	struct virtio_device *dev = &ports->dev;
	struct virtqueue *vq = virtio_queue(dev, CONTROL_RECEIVEQ);
	struct virtq_chain chain = {.iov = ports->receive_iov, .cap = CONSOLE_QUEUE_SIZE};

	if (!dev->running || dev->broken || !virtqueue_enabled(vq))
		return;
	do {
		struct named_port *port;

		virtqueue_disable_notify(vq);
		while ((port = port_to_tell(ports)) && virtio_pop(dev, CONTROL_RECEIVEQ, &chain))
			virtqueue_push(vq, &chain, put_message(port, &chain.out));
		virtio_flush(dev, CONTROL_RECEIVEQ);
	} while (port_to_tell(ports) && virtqueue_enable_notify(vq));
}

/* From the driver. */

static void take_message(struct virtio_ports *ports, const struct virtio_console_control *message)
{
	uint32_t id = le32toh(message->id);
	bool value = message->value != 0;

	if (le16toh(message->event) == VIRTIO_CONSOLE_DEVICE_READY) {
		for (unsigned int i = 0; i < ports->n && value; i++)
			ports->ports[i].tell |= TELL_ADD;
		return;
	}
	if (id >= ports->n) {
		virtio_ignored(&ports->dev, "a control message for a port that is not there");
		return;
	}
	switch (le16toh(message->event)) {
	case VIRTIO_CONSOLE_PORT_READY:
		if (value)
			ports->ports[id].tell |= TELL_NAME | TELL_OPEN;
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		console_port_open(&ports->ports[id].port, value);
		break;
	default:
		virtio_ignored(&ports->dev, "an unknown control message");
	}
}

static void hear_driver(struct virtio_ports *ports)
{
	struct virtio_device *dev = &ports->dev;
	struct virtqueue *vq = virtio_queue(dev, CONTROL_TRANSMITQ);
	struct virtq_chain chain = {.iov = ports->transmit_iov, .cap = CONSOLE_QUEUE_SIZE};
	unsigned int turns = MESSAGES_AT_ONCE;

	do {
		virtqueue_disable_notify(vq);
		while (turns > 0 && virtio_pop(dev, CONTROL_TRANSMITQ, &chain)) {
			struct virtio_console_control message;

			if (iov_take(&chain.in, &message, sizeof(message)) == sizeof(message))
				take_message(ports, &message);
			else
				virtio_ignored(dev, "a short control message");
			virtqueue_push(vq, &chain, 0);
			turns--;
		}
		virtio_flush(dev, CONTROL_TRANSMITQ);
		if (turns == 0) {
			virtio_kick_again(dev, CONTROL_TRANSMITQ);
			break;
		}
	} while (virtqueue_enable_notify(vq));
	tell_driver(ports);
}

/* Somebody came to the host's end of a port, or went. */
static void presence_changed(struct stream_client *client)
{
	struct named_port *port = container_of(client, struct named_port, port.client);

	if (!port->ports->dev.running)
		return;
	port->tell |= TELL_OPEN;
	tell_driver(port->ports);
}

/* All else comes with kicks and control messages. */
static int ports_start(struct virtio_device *dev)
{
	struct virtio_ports *ports = to_ports(dev);

	for (unsigned int i = 0; i < ports->n; i++)
		console_port_start(&ports->ports[i].port);
	return 0;
}

static void ports_stop(struct virtio_device *dev)
{
	struct virtio_ports *ports = to_ports(dev);

	for (unsigned int i = 0; i < ports->n; i++)
		console_port_stop(&ports->ports[i].port);
}

static void ports_reset(struct virtio_device *dev)
{
	struct virtio_ports *ports = to_ports(dev);

	for (unsigned int i = 0; i < ports->n; i++) {
		console_port_reset(&ports->ports[i].port);
		ports->ports[i].tell = 0;
	}
}

static void ports_kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_ports *ports = to_ports(dev);
	unsigned int id = queue < FIRST_QUEUES ? 0 : (queue - FIRST_QUEUES) / 2 + 1;

	if (queue == CONTROL_RECEIVEQ)
		tell_driver(ports);
	else if (queue == CONTROL_TRANSMITQ)
		hear_driver(ports);
	else if (queue == receiveq_of(id))
		console_port_receive(&ports->ports[id].port);
	else
		console_port_send(&ports->ports[id].port);
}

/* A driver without MULTIPORT would take port 0 for a console. */
static bool ports_features_ok(const struct virtio_device *dev, uint64_t features)
{
	(void)dev;
	return features >> VIRTIO_CONSOLE_F_MULTIPORT & 1;
}

static const struct virtio_device_ops ports_ops = {
	.start = ports_start,
	.stop = ports_stop,
	.kick = ports_kick,
	.reset = ports_reset,
	.features_ok = ports_features_ok,
};

static void init_port(struct virtio_ports *ports, unsigned int id, const struct virtio_port *from)
{
	struct named_port *port = &ports->ports[id];
	unsigned int receiveq = receiveq_of(id);

	console_port_init(&port->port, &ports->dev, from->stream, receiveq, receiveq + 1);
	port->port.client.presence_changed = presence_changed;
	port->ports = ports;
	port->name = from->name;
	port->id = id;
}

int virtio_ports_create(const struct virtio_port *ports, unsigned int n, const char *name,
			struct loop *loop, const struct guest_memory *mem,
			struct virtio_ports **out)
{
	struct virtio_ports *made = calloc(1, sizeof(*made));
	uint32_t max_ports = htole32(n);
	int err = -ENOMEM;

	assert(n >= 1 && n <= VIRTIO_PORTS_MAX);
	if (made)
		made->ports = calloc(n, sizeof(*made->ports));
	if (made && made->ports) {
		made->dev.name = name;
		made->dev.id = VIRTIO_ID_CONSOLE;
		made->dev.ops = &ports_ops;
		made->dev.features = UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT;
		made->dev.nqueues = 2 * (n + 1);
		made->dev.queue_size = CONSOLE_QUEUE_SIZE;
		made->dev.config_size = offsetof(struct virtio_console_config, emerg_wr);
		memcpy(made->dev.state.config +
			       offsetof(struct virtio_console_config, max_nr_ports),
		       &max_ports, sizeof(max_ports));
		err = virtio_device_init(&made->dev, loop, mem);
	}
	if (err) {
		log_error(err, "%s: cannot make it", name);
		for (unsigned int i = 0; i < n; i++)
			stream_close(ports[i].stream);
		if (made)
			free(made->ports);
		free(made);
		return err;
	}
	made->n = n;
	for (unsigned int i = 0; i < n; i++)
		init_port(made, i, &ports[i]);
	*out = made;
	return 0;
}

void virtio_ports_free(struct virtio_ports *ports)
{
	if (!ports)
		return;
	virtio_device_destroy(&ports->dev);
	for (unsigned int i = 0; i < ports->n; i++)
		stream_close(ports->ports[i].port.stream);
	free(ports->ports);
	free(ports);
}

struct virtio_device *virtio_ports_device(struct virtio_ports *ports)
{
	return &ports->dev;
}
