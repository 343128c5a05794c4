/*
 * stream.h: bytes to and from the host: terminal, pipe, file, unix socket; for the UART, hvc and
 * console ports. A backend embeds struct stream; the device behind it sets the two callbacks.
 */
#ifndef DEVICES_BACKEND_STREAM_H
#define DEVICES_BACKEND_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct stream;

struct stream_ops {
	/* Takes what there is room for now, 0 to len bytes, and never blocks. Any thread. */
	size_t (*write)(struct stream *stream, const void *buf, size_t len);
	/* Up to len bytes of what came in; 0: none now. After less than len, readable() will be
	 * called. Any thread. */
	size_t (*read)(struct stream *stream, void *buf, size_t len);
	void (*close)(struct stream *stream);
};

/* Both callbacks run on the loop's thread with no lock of the stream held, and may be NULL. */
struct stream {
	const struct stream_ops *ops;
	void (*readable)(struct stream *stream); /* there is something to read */
	void (*writable)(struct stream *stream); /* a write() that took less may go on */
};

static inline size_t stream_write(struct stream *stream, const void *buf, size_t len)
{
	return stream->ops->write(stream, buf, len);
}

static inline size_t stream_read(struct stream *stream, void *buf, size_t len)
{
	return stream->ops->read(stream, buf, len);
}

#endif
