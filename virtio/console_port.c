/* console_port.c: see console_port.h. */
#include "virtio/console_port.h"

#include "vmm/util.h"

enum {
	REQUESTS_AT_ONCE = 64,	    /* before others on the loop have their turn */
	RECEIVE_AT_ONCE = 64 << 10, /* bytes for one request, whatever room it has */
};

static bool usable(const struct console_port *port, unsigned int queue)
{
	struct virtio_device *dev = port->dev;

	return dev->running && !dev->broken && virtqueue_enabled(virtio_queue(dev, queue));
}

/* From the driver to the stream. */

static bool next_request(struct console_port *port)
{
	struct virtq_chain *chain = &port->chain;

	if (port->sending)
		return true;
	chain->iov = port->transmit_iov;
	chain->cap = CONSOLE_QUEUE_SIZE;
	if (!virtio_pop(port->dev, port->transmitq, chain))
		return false;
	port->chain_size = chain->in.left;
	if (chain->head == port->resumed_head)
		iov_skip(&chain->in, port->resumed_bytes);
	port->resumed_bytes = 0;
	port->sending = true;
	return true;
}

/* Whether the stream has taken all of the request. */
static bool write_out(struct console_port *port)
{
	struct iov_cursor *in = &port->chain.in;

	while (in->n > 0) {
		size_t len = in->iov->iov_len;
		size_t taken = stream_write(port->stream, in->iov->iov_base, len);

		iov_skip(in, taken);
		if (taken < len)
			return false;
	}
	return true;
}

void console_port_send(struct console_port *port)
{
	struct virtqueue *vq = virtio_queue(port->dev, port->transmitq);
	unsigned int turns = REQUESTS_AT_ONCE;

	if (!usable(port, port->transmitq))
		return;
	do {
		virtqueue_disable_notify(vq);
		while (turns > 0 && next_request(port)) {
			if (!write_out(port)) {
				virtio_flush(port->dev, port->transmitq);
				return; /* goes on when the stream is writable */
			}
			virtqueue_push(vq, &port->chain, 0);
			port->sending = false;
			turns--;
		}
		virtio_flush(port->dev, port->transmitq);
		if (turns == 0) {
			virtio_kick_again(port->dev, port->transmitq);
			return;
		}
	} while (virtqueue_enable_notify(vq));
}

/* From the stream to the driver. */

static uint32_t read_in(struct console_port *port, struct iov_cursor *out)
{
	size_t total = 0;

	iov_truncate(out, RECEIVE_AT_ONCE);
	while (out->n > 0) {
		size_t len = out->iov->iov_len;
		size_t n = stream_read(port->stream, out->iov->iov_base, len);

		iov_skip(out, n);
		total += n;
		if (n < len)
			break;
	}
	return (uint32_t)total;
}

void console_port_receive(struct console_port *port)
{
	struct virtqueue *vq = virtio_queue(port->dev, port->receiveq);
	struct virtq_chain chain = {.iov = port->receive_iov, .cap = CONSOLE_QUEUE_SIZE};
	unsigned int turns = REQUESTS_AT_ONCE;

	if (!port->open || !usable(port, port->receiveq))
		return;
	do {
		virtqueue_disable_notify(vq);
		while (turns > 0 && virtio_pop(port->dev, port->receiveq, &chain)) {
			bool has_room = chain.out.left > 0;
			uint32_t n = read_in(port, &chain.out);

			if (n == 0 && has_room) {
				virtqueue_unpop(vq, 1);
				virtio_flush(port->dev, port->receiveq);
				return; /* goes on when the stream is readable */
			}
			virtqueue_push(vq, &chain, n);
			turns--;
		}
		virtio_flush(port->dev, port->receiveq);
		if (turns == 0) {
			virtio_kick_again(port->dev, port->receiveq);
			return;
		}
	} while (virtqueue_enable_notify(vq));
}

/* Its life. */

static void readable(struct stream_client *client)
{
	console_port_receive(container_of(client, struct console_port, client));
}

static void writable(struct stream_client *client)
{
	console_port_send(container_of(client, struct console_port, client));
}

void console_port_init(struct console_port *port, struct virtio_device *dev, struct stream *stream,
		       unsigned int receiveq, unsigned int transmitq)
{
	*port = (struct console_port){
		.client = {.readable = readable, .writable = writable},
		.dev = dev,
		.stream = stream,
		.receiveq = receiveq,
		.transmitq = transmitq,
	};
	stream->client = &port->client;
}

/* Without its queue there is no request to go on with. */
void console_port_start(struct console_port *port)
{
	if (!virtqueue_enabled(virtio_queue(port->dev, port->transmitq)))
		port->resumed_bytes = 0;
}

/* A request that was begun is given back, and goes on where it was if the driver offers
 * it again. */
void console_port_stop(struct console_port *port)
{
	if (!port->sending)
		return;
	port->sending = false;
	port->resumed_head = port->chain.head;
	port->resumed_bytes = port->chain_size - port->chain.in.left;
	virtqueue_unpop(virtio_queue(port->dev, port->transmitq), 1);
}

void console_port_reset(struct console_port *port)
{
	port->open = false;
	port->resumed_bytes = 0;
}

void console_port_open(struct console_port *port, bool open)
{
	port->open = open;
	console_port_receive(port);
}
