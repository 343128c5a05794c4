/*
 * nic_stream.c: frames through a stream socket, each with its length in front, 32 bits big-endian,
 * as passt(1) and QEMU's "-netdev stream" speak it.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_port.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	LENGTH_SIZE = 4,
	IN_SIZE = 4 * (LENGTH_SIZE + NIC_FRAME_MAX), /* many small frames by one system call */
	MAX_IOVECS = 1024,			     /* UIO_MAXIOV */
	SOCKET_BUFFER = 1 << 20,
};

struct stream_nic {
	struct nic nic;
	struct nic_port port;
	const char *who; /* borrowed */
	size_t in_start; /* of in[]: what has come and is not handed over yet */
	size_t in_end;
	size_t out_start; /* of out[]: the tail of a frame that the socket had no room for */
	size_t out_end;
	uint8_t in[IN_SIZE];
	uint8_t out[LENGTH_SIZE + NIC_FRAME_MAX];
	struct iovec iov[MAX_IOVECS];
};

static void stream_ended(struct stream_nic *stream, const char *why, int err)
{
	if (!stream->nic.link_up)
		return;
	log_error(err, "net: %s %s, the guest's link goes down", stream->who, why);
	nic_port_hang_up(&stream->port);
	nic_link_down(&stream->nic);
}

/* Bytes taken, or -EAGAIN with writable() to come, or -ENOTCONN. */
static ssize_t send_some(struct stream_nic *stream, struct iovec *iov, unsigned int n)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t sent = sendmsg(stream->port.source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		return sent;
	if (errno == EAGAIN || errno == EINTR) {
		nic_port_await_write(&stream->port);
		return -EAGAIN;
	}
	stream_ended(stream, "has ended", errno == EPIPE ? 0 : -errno);
	return -ENOTCONN;
}

/* Sends what is left of a frame that counts as sent. 0, -EAGAIN or -ENOTCONN. */
static int flush_out(struct stream_nic *stream)
{
	while (stream->out_start < stream->out_end) {
		struct iovec rest = {.iov_base = stream->out + stream->out_start,
				     .iov_len = stream->out_end - stream->out_start};
		ssize_t sent = send_some(stream, &rest, 1);

		if (sent < 0)
			return (int)sent;
		stream->out_start += (size_t)sent;
	}
	return 0;
}

static int flush_port(struct nic_port *port)
{
	return flush_out(container_of(port, struct stream_nic, port));
}

/* Copies all but the first sent bytes, which are on their way, so that the caller is done. */
static void keep_rest(struct stream_nic *stream, const struct iovec *iov, unsigned int n,
		      size_t sent)
{
	stream->out_start = 0;
	stream->out_end = 0;
	for (unsigned int i = 0; i < n; i++) {
		size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;
		size_t len = iov[i].iov_len - skip;

		if (len)
			memcpy(stream->out + stream->out_end, (uint8_t *)iov[i].iov_base + skip,
			       len);
		stream->out_end += len;
		sent -= skip;
	}
}

static int stream_send(struct nic *nic, unsigned int queue, const struct iovec *iov, unsigned int n)
{
	struct stream_nic *stream = container_of(nic, struct stream_nic, nic);
	uint32_t prefix;
	size_t len = 0;
	ssize_t sent;
	int err;

	(void)queue;
	if (!nic->link_up)
		return -ENOTCONN;
	err = flush_out(stream);
	if (err)
		return err;
	for (unsigned int i = 1; i < n; i++)
		len += iov[i].iov_len;
	if (len > NIC_FRAME_MAX || n > MAX_IOVECS)
		return -EMSGSIZE;
	prefix = htobe32((uint32_t)len);
	memcpy(stream->iov, iov, n * sizeof(*iov));
	stream->iov[0] = (struct iovec){.iov_base = &prefix, .iov_len = LENGTH_SIZE};
	sent = send_some(stream, stream->iov, n);
	if (sent < 0)
		return (int)sent;
	if ((size_t)sent < LENGTH_SIZE + len) {
		keep_rest(stream, stream->iov, n, (size_t)sent);
		nic_port_await_write(&stream->port);
	}
	return 0;
}

/* The length of the frame that begins what has come, if it has come wholly; 0 if not. */
static size_t whole_frame(struct stream_nic *stream)
{
	size_t there = stream->in_end - stream->in_start;
	uint32_t len;

	if (there < LENGTH_SIZE)
		return 0;
	memcpy(&len, stream->in + stream->in_start, LENGTH_SIZE);
	len = be32toh(len);
	if (len == 0 || len > NIC_FRAME_MAX) {
		stream_ended(stream, "sends nonsense", 0);
		return 0;
	}
	return there - LENGTH_SIZE >= len ? len : 0;
}

/* Reads what there is. 0, -EAGAIN or -ENOTCONN. */
static int fill_in(struct stream_nic *stream)
{
	ssize_t len;

	memmove(stream->in, stream->in + stream->in_start, stream->in_end - stream->in_start);
	stream->in_end -= stream->in_start;
	stream->in_start = 0;
	len = recv(stream->port.source.fd, stream->in + stream->in_end,
		   sizeof(stream->in) - stream->in_end, MSG_DONTWAIT);
	if (len > 0) {
		stream->in_end += (size_t)len;
		return 0;
	}
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	stream_ended(stream, "has ended", len < 0 && errno != ECONNRESET ? -errno : 0);
	return -ENOTCONN;
}

static ssize_t stream_recv(struct nic *nic, unsigned int queue, const struct iovec *iov,
			   unsigned int n)
{
	struct stream_nic *stream = container_of(nic, struct stream_nic, nic);
	size_t len, copied = 0;

	(void)queue;
	while (nic->link_up && (len = whole_frame(stream)) == 0) {
		int err = nic->link_up ? fill_in(stream) : -ENOTCONN;

		if (err)
			return err;
	}
	if (!nic->link_up)
		return -ENOTCONN;
	stream->in_start += LENGTH_SIZE;
	memset(iov[0].iov_base, 0, iov[0].iov_len);
	for (unsigned int i = 1; i < n && copied < len; i++) {
		size_t part = len - copied < iov[i].iov_len ? len - copied : iov[i].iov_len;

		if (part)
			memcpy(iov[i].iov_base, stream->in + stream->in_start + copied, part);
		copied += part;
	}
	stream->in_start += len;
	return (ssize_t)(NIC_HEADER_SIZE + copied);
}

static void stream_pause(struct nic *nic, unsigned int queue, bool on)
{
	struct stream_nic *stream = container_of(nic, struct stream_nic, nic);

	(void)queue;
	nic_port_await_read(&stream->port, !on && nic->link_up);
}

static void stream_close(struct nic *nic)
{
	struct stream_nic *stream = container_of(nic, struct stream_nic, nic);

	nic_port_destroy(&stream->port);
	free(stream);
}

static const struct nic_ops stream_ops = {
	.send = stream_send,
	.recv = stream_recv,
	.pause = stream_pause,
	.close = stream_close,
};

int nic_open_stream(int fd, const char *who, struct loop *loop, struct nic **nic)
{
	struct stream_nic *stream = calloc(1, sizeof(*stream));
	int size = SOCKET_BUFFER;

	if (!stream)
		return -ENOMEM;
	stream->who = who;
	stream->nic = (struct nic){.ops = &stream_ops, .queues = 1, .link_up = true};
	nic_port_init(&stream->port, &stream->nic, 0, loop, fd);
	stream->port.flush = flush_port;
	/* As far as the host allows: more frames on their way at once. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*nic = &stream->nic;
	return 0;
}
