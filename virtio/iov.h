/*
 * iov.h: cursors over scattered buffers. How a driver cuts a request into descriptors means nothing
 * (virtio 1.2, 2.6.4): a device takes and puts bytes and never counts descriptors.
 */
#ifndef VIRTIO_IOV_H
#define VIRTIO_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * What is left of a buffer. Taking and putting shorten the segments in place, so that iov[0] to
 * iov[n - 1] is at any time exactly what is left and may be handed to readv() or a disk as it is.
 */
struct iov_cursor {
	struct iovec *iov; /* borrowed, changed */
	unsigned int n;	   /* segments left, none of them empty */
	size_t left;	   /* bytes left in all of them */
};

/* Over n segments, none of them empty. */
void iov_cursor_init(struct iov_cursor *cursor, struct iovec *iov, unsigned int n);

/* Copies up to len bytes out of it to buf and moves on. Returns the bytes copied. */
size_t iov_take(struct iov_cursor *cursor, void *buf, size_t len);
/* Copies up to len bytes of buf into it and moves on. Returns the bytes copied. */
size_t iov_put(struct iov_cursor *cursor, const void *buf, size_t len);
/* Writes up to len zero bytes into it and moves on. Returns the bytes written. */
size_t iov_put_zeroes(struct iov_cursor *cursor, size_t len);
/* Moves on by up to len bytes. Returns the bytes skipped. */
size_t iov_skip(struct iov_cursor *cursor, size_t len);

/* Takes the last byte off the end and returns where it is (a status byte);
 * NULL when none is left. */
uint8_t *iov_take_last(struct iov_cursor *cursor);

/* Shortens it to at most len bytes: what lies behind is dropped. */
void iov_truncate(struct iov_cursor *cursor, size_t len);

#endif
