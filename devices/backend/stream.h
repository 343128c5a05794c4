/*
 * stream.h: bytes to and from the host: terminal, pipe, file, unix socket; for the UART, hvc and
 * console ports. A backend embeds struct stream, the device that uses it embeds struct
 * stream_client.
 *
 * A stream's lock is innermost: its operations may be called under the lock of the device that uses
 * it.
 */
#ifndef DEVICES_BACKEND_STREAM_H
#define DEVICES_BACKEND_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

/* All run on the loop's thread with no lock of the stream held, at times without need, and may be
 * NULL. */
struct stream_client {
	void (*readable)(struct stream_client *client); /* there is something to read */
	void (*writable)(struct stream_client *client); /* a write() that took less may go on */
	void (*presence_changed)(struct stream_client *client); /* of stream->absent */
};

struct stream_ops {
	/* Takes what there is room for now, 0 to len bytes, and never blocks; after less than len,
	 * writable() will be called. What goes nowhere (a reader that went away) counts as taken.
	 * Any thread. */
	size_t (*write)(struct stream *stream, const void *buf, size_t len);
	/* Up to len bytes of what came in; 0: none now. After less than len, readable() will be
	 * called. Any thread. */
	size_t (*read)(struct stream *stream, void *buf, size_t len);
	/* Frees what the stream owns; NULL for one that is embedded and destroyed by its owner. */
	void (*close)(struct stream *stream);
};

struct stream {
	const struct stream_ops *ops;
	struct stream_client *client; /* borrowed; constant after start; NULL: nobody */
	bool absent; /* nobody at the host's end for now: nothing is taken; loop thread */
};

static inline size_t stream_write(struct stream *stream, const void *buf, size_t len)
{
	return stream->ops->write(stream, buf, len);
}

static inline size_t stream_read(struct stream *stream, void *buf, size_t len)
{
	return stream->ops->read(stream, buf, len);
}

static inline void stream_close(struct stream *stream)
{
	if (stream->ops->close)
		stream->ops->close(stream);
}

/* For backends. */
static inline void stream_tell_readable(struct stream *stream)
{
	if (stream->client && stream->client->readable)
		stream->client->readable(stream->client);
}

static inline void stream_tell_writable(struct stream *stream)
{
	if (stream->client && stream->client->writable)
		stream->client->writable(stream->client);
}

static inline void stream_set_absent(struct stream *stream, bool absent)
{
	stream->absent = absent;
	if (stream->client && stream->client->presence_changed)
		stream->client->presence_changed(stream->client);
}

#endif
