/*
 * nic_fd.c: frames through a descriptor that we were started with: finds out what it is, and is
 * itself the backend for sockets that keep message boundaries, one frame each.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_port.h"
#include "vmm/log.h"
#include "vmm/util.h"

struct datagram {
	struct nic nic;
	struct nic_port port;
	bool connected; /* SOCK_SEQPACKET: an empty message is the end */
};

static void datagram_ended(struct datagram *datagram, int err)
{
	if (!datagram->nic.link_up)
		return;
	log_error(err, "net: the other end of fd=%d is gone, the guest's link goes down",
		  datagram->port.source.fd);
	nic_port_hang_up(&datagram->port);
	nic_link_down(&datagram->nic);
}

static int datagram_send(struct nic *nic, unsigned int queue, const struct iovec *iov,
			 unsigned int n)
{
	struct datagram *datagram = container_of(nic, struct datagram, nic);
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)(iov + 1),
				 .msg_iovlen = n - 1};

	(void)queue;
	if (!nic->link_up)
		return -ENOTCONN;
	if (sendmsg(datagram->port.source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EINTR) {
		nic_port_await_write(&datagram->port);
		return -EAGAIN;
	}
	if (errno == EPIPE)
		datagram_ended(datagram, 0);
	return -errno; /* nobody listens now: the frame is lost, as on a wire */
}

static ssize_t datagram_recv(struct nic *nic, unsigned int queue, const struct iovec *iov,
			     unsigned int n)
{
	struct datagram *datagram = container_of(nic, struct datagram, nic);
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)(iov + 1),
				 .msg_iovlen = n - 1};
	ssize_t len;

	(void)queue;
	if (!nic->link_up)
		return -ENOTCONN;
	len = recvmsg(datagram->port.source.fd, &message, MSG_DONTWAIT);
	if (len > 0 || (len == 0 && !datagram->connected)) {
		memset(iov[0].iov_base, 0, iov[0].iov_len);
		return len + NIC_HEADER_SIZE;
	}
	/* A refused frame of ours is told here, once. */
	if (len < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED))
		return -EAGAIN;
	datagram_ended(datagram, len < 0 ? -errno : 0);
	return -ENOTCONN;
}

static void datagram_pause(struct nic *nic, unsigned int queue, bool on)
{
	struct datagram *datagram = container_of(nic, struct datagram, nic);

	(void)queue;
	nic_port_await_read(&datagram->port, !on && nic->link_up);
}

static void datagram_close(struct nic *nic)
{
	struct datagram *datagram = container_of(nic, struct datagram, nic);

	nic_port_destroy(&datagram->port);
	free(datagram);
}

static const struct nic_ops datagram_ops = {
	.send = datagram_send,
	.recv = datagram_recv,
	.pause = datagram_pause,
	.close = datagram_close,
};

int nic_open_datagram(int fd, struct loop *loop, struct nic **nic)
{
	struct datagram *datagram = calloc(1, sizeof(*datagram));
	socklen_t size = sizeof(int);
	int type = 0;

	if (!datagram)
		return -ENOMEM;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	datagram->connected = type == SOCK_SEQPACKET;
	datagram->nic = (struct nic){.ops = &datagram_ops, .queues = 1, .link_up = true};
	nic_port_init(&datagram->port, &datagram->nic, 0, loop, fd);
	*nic = &datagram->nic;
	return 0;
}

int nic_open_fd(int fd, struct loop *loop, struct nic **nic)
{
	socklen_t size = sizeof(int);
	struct ifreq request = {0};
	int type;

	if (fcntl(fd, F_GETFD) < 0) {
		log_error(0, "net: fd=%d is not open: start minivmm with it inherited", fd);
		return -EBADF;
	}
	if (ioctl(fd, TUNGETIFF, &request) == 0)
		return nic_open_tap_fd(fd, loop, nic);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
		log_error(0, "net: fd=%d is neither a tap interface nor a socket", fd);
		return -EINVAL;
	}
	switch (type) {
	case SOCK_STREAM:
		return nic_open_stream(fd, "the other end of its socket", loop, nic);
	case SOCK_DGRAM:
	case SOCK_SEQPACKET:
		return nic_open_datagram(fd, loop, nic);
	default:
		log_error(0, "net: fd=%d is a socket that carries no frames", fd);
		return -EINVAL;
	}
}
