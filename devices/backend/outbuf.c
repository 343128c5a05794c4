/* outbuf.c: bytes on their way to a descriptor. */
#include "devices/backend/outbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"

/*
 * A guest that writes byte by byte should cost one system call for many of them: the first byte
 * starts a timer that drains what has come until then. Nobody sees a millisecond, and a buffer that
 * fills does not wait for it.
 */
enum { DRAIN_DELAY_NS = 1000000, HURRY_AT = OUTBUF_SIZE / 2 };

static size_t room(const struct outbuf *out)
{
	return OUTBUF_SIZE - out->count;
}

/* With the lock held: sees to it that drain() runs, now or after the delay. */
static void schedule(struct outbuf *out, bool hurry)
{
	if (out->scheduled && (out->hurried || !hurry))
		return;
	out->scheduled = true;
	out->hurried = hurry;
	loop_timer_set(&out->timer, hurry ? 1 : DRAIN_DELAY_NS, 0);
}

size_t outbuf_write(struct outbuf *out, const void *buf, size_t len)
{
	pthread_mutex_lock(&out->lock);
	if (out->dead) {
		out->total += len;
		pthread_mutex_unlock(&out->lock);
		return len;
	}

	size_t taken = len < room(out) ? len : room(out);
	size_t end = (out->first + out->count) % OUTBUF_SIZE;
	size_t straight = taken < OUTBUF_SIZE - end ? taken : OUTBUF_SIZE - end;

	memcpy(out->ring + end, buf, straight);
	memcpy(out->ring, (const uint8_t *)buf + straight, taken - straight);
	out->count += taken;
	out->total += taken;
	if (taken < len)
		out->short_write = true;
	if (out->count > 0)
		schedule(out, out->count >= HURRY_AT);
	pthread_mutex_unlock(&out->lock);
	return taken;
}

/* The reader went away or the disk is full: says so once, and the guest goes on. */
static void give_up(struct outbuf *out, int err)
{
	log_warning("%s: output is dropped from here on: %s", out->name, strerror(-err));
	pthread_mutex_lock(&out->lock);
	out->dead = true;
	out->count = 0;
	pthread_mutex_unlock(&out->lock);
}

enum progress { ALL_GONE, GO_ON, NO_ROOM };

/* One system call. */
static enum progress write_some(struct outbuf *out)
{
	pthread_mutex_lock(&out->lock);
	/* Only this thread takes bytes out and writers leave them alone: they stay put without the
	 * lock. */
	const uint8_t *from = out->ring + out->first;
	size_t len = out->count < OUTBUF_SIZE - out->first ? out->count : OUTBUF_SIZE - out->first;
	pthread_mutex_unlock(&out->lock);

	if (len == 0)
		return ALL_GONE;
	if (len > out->at_once)
		len = out->at_once;

	ssize_t n = out->socket ? send(out->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL)
				: write(out->fd, from, len);
	if (n < 0 && errno == EINTR)
		return GO_ON;
	if (n < 0 && errno != EAGAIN) {
		give_up(out, -errno);
		return ALL_GONE;
	}
	if (n <= 0)
		return NO_ROOM;

	pthread_mutex_lock(&out->lock);
	out->first = (out->first + (size_t)n) % OUTBUF_SIZE;
	out->count -= (size_t)n;
	pthread_mutex_unlock(&out->lock);
	/* Where O_NONBLOCK is not ours, only epoll tells whether the next write would wait. */
	return out->at_once < OUTBUF_SIZE ? NO_ROOM : GO_ON;
}

/* The source is on the loop only while we wait: epoll reports a lost reader without being asked,
 * again and again. */
static int watch(struct outbuf *out, bool wait)
{
	if (wait && !out->source.added)
		return loop_add(out->loop, &out->source, EPOLLOUT);
	if (!wait)
		loop_remove(out->loop, &out->source);
	return 0;
}

static void drain(struct outbuf *out)
{
	enum progress progress = GO_ON;

	/* A few calls at a time: others are on this loop, too. */
	for (int i = 0; i < 4 && progress == GO_ON; i++)
		progress = write_some(out);

	pthread_mutex_lock(&out->lock);
	bool left = out->count > 0;
	bool tell = out->short_write && out->count < HURRY_AT;
	if (tell)
		out->short_write = false;
	out->scheduled = left;
	out->hurried = left;
	pthread_mutex_unlock(&out->lock);

	if (watch(out, left && progress == NO_ROOM) < 0)
		loop_timer_set(&out->timer, DRAIN_DELAY_NS, 0); /* no memory to watch it: later */
	else if (left && progress != NO_ROOM)
		loop_timer_set(&out->timer, 1, 0);
	if (tell && out->writable)
		out->writable(out);
}

static void timer_fired(struct loop_timer *timer)
{
	struct outbuf *out = container_of(timer, struct outbuf, timer);

	/* Where O_NONBLOCK is not ours, asks for room first; what cannot be asked never waits. */
	if (out->at_once < OUTBUF_SIZE && watch(out, true) == 0)
		return;
	drain(out);
}

static void fd_ready(struct loop_source *source, uint32_t events)
{
	(void)events;
	drain(container_of(source, struct outbuf, source));
}

/* Flags of our own on what fd leads to; where that is refused, what one write may have. */
static int open_anew(struct outbuf *out, int fd)
{
	char path[32];
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	out->fd = fd;
	out->at_once = OUTBUF_SIZE;
	out->socket = S_ISSOCK(status.st_mode);
	if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out->opened = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (out->opened >= 0)
		out->fd = out->opened;
	else
		out->at_once = S_ISFIFO(status.st_mode) ? PIPE_BUF : 1;
	return 0;
}

int outbuf_init(struct outbuf *out, struct loop *loop, int fd)
{
	out->loop = loop;
	out->opened = -1;
	out->timer = (struct loop_timer){.fired = timer_fired};
	pthread_mutex_init(&out->lock, NULL);

	int err = open_anew(out, fd);

	out->source = (struct loop_source){.fd = out->fd, .ready = fd_ready};
	if (!err)
		err = loop_timer_init(loop, &out->timer);
	if (err) {
		log_error(err, "%s: cannot write there", out->name);
		outbuf_destroy(out);
	}
	return err;
}

void outbuf_destroy(struct outbuf *out)
{
	if (!out->loop)
		return;
	loop_remove(out->loop, &out->source);
	loop_timer_destroy(out->loop, &out->timer);
	if (out->opened >= 0)
		close(out->opened);
	pthread_mutex_destroy(&out->lock);
	out->loop = NULL;
}

void outbuf_flush(struct outbuf *out, int timeout_ms)
{
	int64_t deadline = (int64_t)monotonic_ms() + timeout_ms;
	struct pollfd pollfd = {.fd = out->fd, .events = POLLOUT};

	while (outbuf_pending(out) > 0) {
		int64_t left = deadline - (int64_t)monotonic_ms();

		if (left <= 0 || poll(&pollfd, 1, (int)left) == 0) {
			log_warning("%s: output was lost: nobody takes it", out->name);
			return;
		}
		write_some(out);
	}
}

size_t outbuf_pending(struct outbuf *out)
{
	pthread_mutex_lock(&out->lock);
	size_t pending = out->count;
	pthread_mutex_unlock(&out->lock);
	return pending;
}

uint64_t outbuf_total(struct outbuf *out)
{
	pthread_mutex_lock(&out->lock);
	uint64_t total = out->total;
	pthread_mutex_unlock(&out->lock);
	return total;
}
