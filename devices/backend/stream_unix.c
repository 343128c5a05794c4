/* stream_unix.c: a stream to whoever connects to a unix socket of ours. */
#include "devices/backend/stream_unix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"

struct stream_unix {
	struct stream stream;
	const char *path, *name;	/* borrowed */
	struct loop *loop;		/* borrowed */
	struct loop_source listener;	/* on the loop while nobody is connected */
	struct loop_source peer;	/* fd -1: nobody is connected */
	struct loop_timer disconnected; /* the peer was found gone in a call of our user's */
	bool bound;			/* there is a socket at path */
	bool hung_up;			/* the peer is gone, what it sent is not read yet */
	bool input_ended;		/* the peer only reads from now on */
};

static struct stream_unix *to_unix(struct stream *stream)
{
	return container_of(stream, struct stream_unix, stream);
}

static void wait_for(struct stream_unix *unix_stream, uint32_t event)
{
	if (unix_stream->peer.added)
		loop_modify(unix_stream->loop, &unix_stream->peer,
			    unix_stream->peer.events | event);
}

/* Not in the middle of a call: our user hears of it from the loop. */
static void peer_gone(struct stream_unix *unix_stream)
{
	loop_remove(unix_stream->loop, &unix_stream->peer);
	loop_timer_set(&unix_stream->disconnected, 1, 0);
}

static size_t unix_write(struct stream *stream, const void *buf, size_t len)
{
	struct stream_unix *unix_stream = to_unix(stream);

	if (unix_stream->peer.fd < 0)
		return 0;

	ssize_t n = send(unix_stream->peer.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		peer_gone(unix_stream);
		return len;
	}

	size_t taken = n > 0 ? (size_t)n : 0;

	if (taken < len)
		wait_for(unix_stream, EPOLLOUT);
	return taken;
}

static size_t unix_read(struct stream *stream, void *buf, size_t len)
{
	struct stream_unix *unix_stream = to_unix(stream);

	if (unix_stream->peer.fd < 0)
		return 0;

	ssize_t n = recv(unix_stream->peer.fd, buf, len, MSG_DONTWAIT);

	if (n == 0) {
		unix_stream->input_ended = true;
		if (unix_stream->hung_up)
			peer_gone(unix_stream);
		return 0;
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		peer_gone(unix_stream);
		return 0;
	}

	size_t got = n > 0 ? (size_t)n : 0;

	if (got < len)
		wait_for(unix_stream, EPOLLIN);
	return got;
}

/* Both directions are closed, which epoll would tell again and again. Who reads on finds what is
 * left. */
static void hang_up(struct stream_unix *unix_stream)
{
	char byte;

	unix_stream->hung_up = true;
	loop_remove(unix_stream->loop, &unix_stream->peer);
	if (unix_stream->input_ended ||
	    recv(unix_stream->peer.fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) <= 0)
		peer_gone(unix_stream);
	else
		stream_tell_readable(&unix_stream->stream);
}

/* Each event is waited for again by the call that needs it: a user that does not read costs
 * nothing. */
static void peer_ready(struct loop_source *source, uint32_t events)
{
	struct stream_unix *unix_stream = container_of(source, struct stream_unix, peer);

	if (events & (EPOLLHUP | EPOLLERR)) {
		hang_up(unix_stream);
		return;
	}
	loop_modify(unix_stream->loop, source, source->events & ~events);
	if (events & EPOLLOUT)
		stream_tell_writable(&unix_stream->stream);
	if (events & EPOLLIN)
		stream_tell_readable(&unix_stream->stream);
}

static void listener_ready(struct loop_source *source, uint32_t events)
{
	struct stream_unix *unix_stream = container_of(source, struct stream_unix, listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return; /* gone again */
	unix_stream->peer.fd = fd;
	unix_stream->hung_up = unix_stream->input_ended = false;
	if (loop_add(unix_stream->loop, &unix_stream->peer, EPOLLIN) < 0) {
		close(fd);
		unix_stream->peer.fd = -1;
		return;
	}
	loop_remove(unix_stream->loop, source); /* the next one waits */
	stream_set_absent(&unix_stream->stream, false);
	stream_tell_writable(&unix_stream->stream);
}

static void disconnect(struct loop_timer *timer)
{
	struct stream_unix *unix_stream = container_of(timer, struct stream_unix, disconnected);
	int err;

	close(unix_stream->peer.fd);
	unix_stream->peer.fd = -1;
	stream_set_absent(&unix_stream->stream, true);
	err = loop_add(unix_stream->loop, &unix_stream->listener, EPOLLIN);
	if (err < 0)
		log_error(err, "port '%s': cannot listen again", unix_stream->name);
}

static void unix_free(struct stream_unix *unix_stream)
{
	loop_remove(unix_stream->loop, &unix_stream->listener);
	loop_remove(unix_stream->loop, &unix_stream->peer);
	loop_timer_destroy(unix_stream->loop, &unix_stream->disconnected);
	if (unix_stream->peer.fd >= 0)
		close(unix_stream->peer.fd);
	if (unix_stream->listener.fd >= 0)
		close(unix_stream->listener.fd);
	if (unix_stream->bound)
		unlink(unix_stream->path);
	free(unix_stream);
}

static void unix_close(struct stream *stream)
{
	unix_free(to_unix(stream));
}

static const struct stream_ops unix_ops = {
	.write = unix_write,
	.read = unix_read,
	.close = unix_close,
};

/* Is this a socket that nobody listens on: left behind by one that was killed? */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat status;
	bool stale;
	int fd;

	if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	stale = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

static int listen_at(int fd, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct sockaddr *any = (const struct sockaddr *)&address;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (bind(fd, any, sizeof(address)) < 0) {
		if (errno != EADDRINUSE || !is_stale(&address))
			return -errno;
		unlink(path);
		if (bind(fd, any, sizeof(address)) < 0)
			return -errno;
	}
	return listen(fd, 1) < 0 ? -errno : 0;
}

int stream_unix_open(const char *path, const char *name, struct loop *loop, struct stream **stream)
{
	struct stream_unix *unix_stream = calloc(1, sizeof(*unix_stream));
	int err;

	if (!unix_stream)
		return -ENOMEM;
	*unix_stream = (struct stream_unix){
		.stream = {.ops = &unix_ops, .absent = true},
		.path = path,
		.name = name,
		.loop = loop,
		.listener = {.ready = listener_ready},
		.peer = {.fd = -1, .ready = peer_ready},
		.disconnected = {.fired = disconnect},
	};
	unix_stream->listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = unix_stream->listener.fd < 0 ? -errno : listen_at(unix_stream->listener.fd, path);
	unix_stream->bound = !err;
	if (!err)
		err = loop_timer_init(loop, &unix_stream->disconnected);
	if (!err)
		err = loop_add(loop, &unix_stream->listener, EPOLLIN);
	if (err) {
		log_error(err, "port '%s': cannot listen at '%s'", name, path);
		unix_free(unix_stream);
		return err;
	}
	*stream = &unix_stream->stream;
	return 0;
}
