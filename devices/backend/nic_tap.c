/*
 * nic_tap.c: frames through a tap interface of the host's (Documentation/networking/tuntap.rst),
 * with the kernel's virtio-net header in front of each.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "devices/backend/nic_port.h"
#include "devices/backend/tap_interface.h"
#include "vmm/log.h"
#include "vmm/util.h"

/* Linux 6.2; headers may be older than the kernel. */
enum { OFFLOAD_USO4 = 0x20, OFFLOAD_USO6 = 0x40 };

struct tap {
	struct nic nic;
	struct nic_port ports[NIC_MAX_QUEUES];
	bool wanted[NIC_MAX_QUEUES]; /* not paused */
	unsigned int attached;	     /* queues that frames may arrive on; the first ones */
	bool has_header;	     /* false: an inherited descriptor without IFF_VNET_HDR */
	char name[IFNAMSIZ];
};

/* The interface was deleted under us, or refuses to go on: for good. */
static void tap_gone(struct tap *tap, int err)
{
	if (!tap->nic.link_up)
		return;
	log_error(err, "net: tap '%s' is gone, the guest's link goes down", tap->name);
	for (unsigned int i = 0; i < tap->nic.queues; i++)
		nic_port_hang_up(&tap->ports[i]);
	nic_link_down(&tap->nic);
}

static int tap_send(struct nic *nic, unsigned int queue, const struct iovec *iov, unsigned int n)
{
	struct tap *tap = container_of(nic, struct tap, nic);
	struct nic_port *port = &tap->ports[queue];
	unsigned int skip = tap->has_header ? 0 : 1;

	if (!nic->link_up)
		return -ENOTCONN;
	if (writev(port->source.fd, iov + skip, (int)(n - skip)) >= 0)
		return 0;
	if (errno == EAGAIN || errno == EINTR) {
		nic_port_await_write(port);
		return -EAGAIN;
	}
	if (errno != EBADFD)
		return -errno; /* EINVAL: not this frame; EIO: the interface is down */
	tap_gone(tap, -errno);
	return -ENOTCONN;
}

static ssize_t tap_recv(struct nic *nic, unsigned int queue, const struct iovec *iov,
			unsigned int n)
{
	struct tap *tap = container_of(nic, struct tap, nic);
	unsigned int skip = tap->has_header ? 0 : 1;
	ssize_t len;

	if (!nic->link_up)
		return -ENOTCONN;
	len = readv(tap->ports[queue].source.fd, iov + skip, (int)(n - skip));
	if (len >= 0 && skip) {
		memset(iov[0].iov_base, 0, iov[0].iov_len);
		len += NIC_HEADER_SIZE;
	}
	if (len >= 0)
		return len;
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	tap_gone(tap, -errno);
	return -ENOTCONN;
}

static unsigned int tun_offloads(uint32_t offloads)
{
	unsigned int flags = 0;

	if (offloads & NIC_OFFLOAD_CSUM)
		flags |= TUN_F_CSUM;
	if (offloads & NIC_OFFLOAD_TSO4)
		flags |= TUN_F_TSO4;
	if (offloads & NIC_OFFLOAD_TSO6)
		flags |= TUN_F_TSO6;
	if (offloads & NIC_OFFLOAD_TSO_ECN)
		flags |= TUN_F_TSO_ECN;
	if (offloads & NIC_OFFLOAD_USO)
		flags |= OFFLOAD_USO4 | OFFLOAD_USO6;
	return flags;
}

static int tap_set_offloads(struct nic *nic, uint32_t offloads)
{
	struct tap *tap = container_of(nic, struct tap, nic);

	if (!tap->has_header || !nic->link_up)
		return 0;
	if (ioctl(tap->ports[0].source.fd, TUNSETOFFLOAD, tun_offloads(offloads)) < 0)
		return -errno;
	return 0;
}

static void update_wait(struct tap *tap, unsigned int queue)
{
	bool on = tap->nic.link_up && tap->wanted[queue] && queue < tap->attached;

	nic_port_await_read(&tap->ports[queue], on);
}

static void tap_pause(struct nic *nic, unsigned int queue, bool on)
{
	struct tap *tap = container_of(nic, struct tap, nic);

	tap->wanted[queue] = !on;
	update_wait(tap, queue);
}

static int attach(struct tap *tap, unsigned int queue, bool on)
{
	struct ifreq request = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

	if (ioctl(tap->ports[queue].source.fd, TUNSETQUEUE, &request) < 0)
		return -errno;
	return 0;
}

/* The kernel spreads flows over attached queues; a detached one polls as an error. */
static int tap_set_queues(struct nic *nic, unsigned int n)
{
	struct tap *tap = container_of(nic, struct tap, nic);
	int err = 0;

	while (!err && tap->attached < n) {
		err = attach(tap, tap->attached, true);
		if (!err)
			tap->attached++;
	}
	while (!err && tap->attached > n) {
		tap->attached--;
		update_wait(tap, tap->attached);
		err = attach(tap, tap->attached, false);
	}
	for (unsigned int i = 0; i < tap->attached; i++)
		update_wait(tap, i);
	return err;
}

static int tap_vhost_fd(struct nic *nic, unsigned int queue)
{
	struct tap *tap = container_of(nic, struct tap, nic);

	return tap->has_header ? tap->ports[queue].source.fd : -1;
}

static void tap_close(struct nic *nic)
{
	struct tap *tap = container_of(nic, struct tap, nic);

	for (unsigned int i = 0; i < NIC_MAX_QUEUES; i++)
		nic_port_destroy(&tap->ports[i]);
	free(tap);
}

static const struct nic_ops tap_ops = {
	.send = tap_send,
	.recv = tap_recv,
	.set_offloads = tap_set_offloads,
	.set_queues = tap_set_queues,
	.pause = tap_pause,
	.vhost_fd = tap_vhost_fd,
	.close = tap_close,
};

static struct tap *tap_new(unsigned int queues)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (tap)
		tap->nic = (struct nic){.ops = &tap_ops, .queues = queues, .link_up = true};
	return tap;
}

/* What the kernel can do, by trying; then nothing, until a driver has said what it takes. */
static int probe_offloads(struct tap *tap)
{
	const uint32_t tcp =
		NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4 | NIC_OFFLOAD_TSO6 | NIC_OFFLOAD_TSO_ECN;
	int fd = tap->ports[0].source.fd;
	int size = NIC_HEADER_SIZE;
	int err;

	if (ioctl(fd, TUNSETVNETHDRSZ, &size) == 0) {
		if (ioctl(fd, TUNSETOFFLOAD, tun_offloads(tcp | NIC_OFFLOAD_USO)) == 0)
			tap->nic.offloads = tcp | NIC_OFFLOAD_USO;
		else if (ioctl(fd, TUNSETOFFLOAD, tun_offloads(tcp)) == 0)
			tap->nic.offloads = tcp;
		if (ioctl(fd, TUNSETOFFLOAD, 0) == 0)
			return 0;
	}
	err = -errno;
	log_error(err, "net: tap '%s' cannot be told of headers and offloads", tap->name);
	return err;
}

static int configure(struct tap *tap, unsigned int mtu)
{
	int told = tap_interface_configure(tap->name, mtu);

	if (told < 0)
		return told;
	tap->nic.mtu = (uint16_t)told;
	return 0;
}

static int open_all(struct tap *tap, const struct nic_options *options, struct loop *loop)
{
	int err;

	memcpy(tap->name, options->interface, IFNAMSIZ);
	for (unsigned int i = 0; i < options->queues; i++) {
		int fd = tap_interface_open(tap->name, options->queues);

		if (fd < 0)
			return fd;
		nic_port_init(&tap->ports[i], &tap->nic, i, loop, fd);
		tap->attached++;
	}
	tap->has_header = true;
	err = probe_offloads(tap);
	if (!err && options->script[0])
		err = tap_interface_run_script(tap->name, options->script);
	if (!err)
		err = configure(tap, options->mtu);
	if (err)
		return err;
	err = tap_set_queues(&tap->nic, 1);
	if (err)
		log_error(err, "net: tap '%s' cannot detach its queues", tap->name);
	return err;
}

int nic_open_tap(const struct nic_options *options, struct loop *loop, struct nic **nic)
{
	struct tap *tap = tap_new(options->queues);
	int err;

	if (!tap)
		return -ENOMEM;
	err = open_all(tap, options, loop);
	if (err) {
		tap_close(&tap->nic);
		return err;
	}
	log_verbose("net: tap '%s', %u queue%s%s", tap->name, options->queues,
		    options->queues > 1 ? "s" : "",
		    tap->nic.offloads & NIC_OFFLOAD_USO ? ", with UDP segmentation" : "");
	*nic = &tap->nic;
	return 0;
}

int nic_open_tap_fd(int fd, struct loop *loop, struct nic **nic)
{
	struct ifreq request = {0};
	struct tap *tap;
	int err;

	/* Whether it was opened with IFF_NO_PI, as it must be, cannot be asked: another flag that
	 * is told here has the same value. */
	if (ioctl(fd, TUNGETIFF, &request) < 0 || !(request.ifr_flags & IFF_TAP)) {
		log_error(0, "net: fd=%d is a tun interface, not a tap", fd);
		return -EINVAL;
	}
	tap = tap_new(1);
	if (!tap)
		return -ENOMEM;
	memcpy(tap->name, request.ifr_name, IFNAMSIZ);
	tap->attached = 1;
	tap->has_header = request.ifr_flags & IFF_VNET_HDR;
	nic_port_init(&tap->ports[0], &tap->nic, 0, loop, fd);
	err = tap->has_header ? probe_offloads(tap) : 0;
	if (!err)
		err = configure(tap, 0);
	if (err) {
		tap->ports[0] = (struct nic_port){0}; /* the descriptor stays the caller's */
		tap_close(&tap->nic);
		return err;
	}
	*nic = &tap->nic;
	return 0;
}
