/*
 * outbuf.h: bytes on their way to a descriptor: a bounded buffer that the loop drains, so that
 * nobody who writes waits and many small writes become one system call.
 *
 * The descriptor may be shared with other processes and O_NONBLOCK belongs to all who share it, so
 * it is never set there. Terminals, pipes and devices are opened anew through /proc, which gives
 * flags of our own; sockets are sent to with MSG_DONTWAIT; regular files do not block for long.
 * Where opening anew is refused (a terminal that belongs to somebody else), we write only what
 * poll() promises room for: PIPE_BUF bytes to a pipe, one to a terminal.
 */
#ifndef DEVICES_BACKEND_OUTBUF_H
#define DEVICES_BACKEND_OUTBUF_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/loop.h"

enum { OUTBUF_SIZE = 65536 };

struct outbuf {
	void (*writable)(struct outbuf *out); /* room again after a short outbuf_write(); loop
						 thread, no lock */

	/* constant after start */
	const char *name; /* borrowed; the subject of messages */
	struct loop *loop;
	int fd;	    /* what we write to */
	int opened; /* owned: fd, if it was opened anew; else -1 */
	bool socket;
	size_t at_once; /* bytes that one write may have */

	struct loop_source source; /* loop thread: waits for room in fd */
	struct loop_timer timer;   /* the drain to come */

	pthread_mutex_t lock; /* guards the rest */
	size_t first, count;
	uint64_t total;	  /* bytes ever taken */
	bool scheduled;	  /* the timer or the source will drain */
	bool hurried;	  /* at once, not after a while */
	bool short_write; /* somebody waits for writable() */
	bool dead;	  /* the reader is gone or the disk full: what comes is dropped */
	uint8_t ring[OUTBUF_SIZE];
};

/* name and writable (or NULL) must be set before. fd is borrowed. 0 or -errno, logged. */
int outbuf_init(struct outbuf *out, struct loop *loop, int fd);
void outbuf_destroy(struct outbuf *out); /* accepts a zeroed struct; does not flush */

/* Takes what there is room for, 0 to len bytes. Any thread. */
size_t outbuf_write(struct outbuf *out, const void *buf, size_t len);

/* Waits until all has gone out or timeout_ms have passed. Loop thread,
 * with the loop not running. */
void outbuf_flush(struct outbuf *out, int timeout_ms);

size_t outbuf_pending(struct outbuf *out); /* bytes that have not gone out yet; any thread */
uint64_t outbuf_total(struct outbuf *out); /* bytes ever taken; any thread */

#endif
