/*
 * console_port.h: one pair of queues and the stream behind it (virtio 1.2, 5.3.6): the data path of
 * the console and of each named port. Loop thread only.
 *
 * Neither side is ever waited for: a full stream keeps the request it did not take whole, a driver
 * without buffers leaves the bytes in the stream.
 */
#ifndef VIRTIO_CONSOLE_PORT_H
#define VIRTIO_CONSOLE_PORT_H

#include "devices/backend/stream.h"
#include "virtio/virtio.h"

enum { CONSOLE_QUEUE_SIZE = 64 };

struct console_port {
	struct stream_client client;
	struct virtio_device *dev; /* borrowed, as the stream */
	struct stream *stream;
	unsigned int receiveq, transmitq;
	bool open; /* the guest wants input */

	/* The request on its way to the stream. */
	bool sending;
	struct virtq_chain chain;
	size_t chain_size;
	/* What of a request had gone out when stop() gave it back. */
	uint16_t resumed_head;
	size_t resumed_bytes;

	struct iovec transmit_iov[CONSOLE_QUEUE_SIZE], receive_iov[CONSOLE_QUEUE_SIZE];
};

/* Becomes the client of stream; readable and writable are the port's, another callback may be added
 * to port->client. */
void console_port_init(struct console_port *port, struct virtio_device *dev, struct stream *stream,
		       unsigned int receiveq, unsigned int transmitq);

void console_port_start(struct console_port *port);
void console_port_stop(struct console_port *port);
void console_port_reset(struct console_port *port); /* after stop: closed, nothing resumed */
void console_port_open(struct console_port *port, bool open);

/* Either queue was kicked. */
void console_port_send(struct console_port *port);
void console_port_receive(struct console_port *port);

#endif
