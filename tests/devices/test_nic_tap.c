/*
 * Tests of devices/backend/nic_tap.c, in a network namespace of their own: skipped where the host
 * gives none, or no /dev/net/tun.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "tests/fake/wire.h"
#include "vmm/util.h"

enum { ETHERTYPE = 0x88b5 }; /* IEEE 802's for experiments; wire_frame() uses it */

static bool have_tap;

static int enter_namespace(void **state)
{
	int flags = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	have_tap = fd >= 0 && unshare(flags) == 0;
	if (!have_tap)
		printf("no tap interfaces here: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

struct fixture {
	struct wire wire;
	struct nic_options options;
	int host; /* a packet socket on the interface */
};

static void set_up(struct fixture *fixture)
{
	struct nic *nic;
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE)};

	if (!have_tap)
		skip();
	wire_init(&fixture->wire);
	fixture->options =
		(struct nic_options){.kind = NIC_TAP, .interface = "t0", .queues = 1, .fd = -1};
	assert_int_equal(nic_open_tap(&fixture->options, &fixture->wire.loop, &nic), 0);
	wire_connect(&fixture->wire, nic);
	fixture->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));
	address.sll_ifindex = (int)if_nametoindex("t0");
	assert_int_equal(bind(fixture->host, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void tear_down(struct fixture *fixture)
{
	close(fixture->host);
	wire_free(&fixture->wire);
}

/* The next frame of ours; the interface's own chatter (IPv6) is passed over. */
static ssize_t recv_own(struct wire *wire, uint8_t *frame, size_t size)
{
	for (;;) {
		ssize_t len = wire_recv(wire, frame, size, NULL);

		if (len >= 14 && (frame[12] << 8 | frame[13]) == ETHERTYPE)
			return len;
		if (len == -EAGAIN)
			wire_wait(wire);
		else if (len < 0)
			return len;
	}
}

static int interface_ioctl(unsigned long request, const char *name, int value, int *result)
{
	struct ifreq interface = {.ifr_mtu = value};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	strcpy(interface.ifr_name, name);
	err = ioctl(fd, request, &interface) < 0 ? -errno : 0;
	if (result)
		*result = interface.ifr_mtu;
	close(fd);
	return err;
}

static void frames_pass_both_ways(void **state)
{
	struct fixture fixture;
	uint8_t frame[300], got[400];

	(void)state;
	set_up(&fixture);
	wire_frame(frame, sizeof(frame), 1);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), 0);
	assert_int_equal(recv(fixture.host, got, sizeof(got), 0), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));

	wire_frame(frame, sizeof(frame), 2);
	assert_int_equal(send(fixture.host, frame, sizeof(frame), 0), sizeof(frame));
	assert_int_equal(recv_own(&fixture.wire, got, sizeof(got)), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	tear_down(&fixture);
}

static void the_host_offers_checksum_and_segmentation(void **state)
{
	const uint32_t tcp = NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4 | NIC_OFFLOAD_TSO6;
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	assert_int_equal(fixture.wire.nic->offloads & tcp, tcp);
	assert_int_equal(nic_set_offloads(fixture.wire.nic, fixture.wire.nic->offloads), 0);
	assert_int_equal(nic_set_offloads(fixture.wire.nic, NIC_OFFLOAD_CSUM), 0);
	assert_int_equal(nic_set_offloads(fixture.wire.nic, 0), 0);
	assert_true(nic_vhost_fd(fixture.wire.nic, 0) >= 0);
	tear_down(&fixture);
}

static const struct virtio_net_hdr_v1 bad_headers[] = {
	{.gso_type = 0x7f, .gso_size = 100, .hdr_len = 54},
	{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0, .hdr_len = 54},
	{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100, .hdr_len = 0xffff},
	{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff},
	{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 14, .csum_offset = 299},
};

static void the_host_refuses_headers_that_lie(void **state)
{
	struct fixture fixture;
	uint8_t frame[300], got[400];

	(void)state;
	set_up(&fixture);
	for (size_t i = 0; i < ARRAY_SIZE(bad_headers); i++) {
		struct virtio_net_hdr_v1 header = bad_headers[i];
		struct iovec iov[2] = {{&header, sizeof(header)}, {frame, sizeof(frame)}};

		wire_frame(frame, sizeof(frame), 1);
		assert_int_equal(nic_send(fixture.wire.nic, 0, iov, 2), -EINVAL);
	}
	/* It goes on with the next one. */
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), 0);
	assert_int_equal(recv(fixture.host, got, sizeof(got), 0), sizeof(frame));
	tear_down(&fixture);
}

static void an_interface_that_is_down_loses_frames_and_comes_back(void **state)
{
	struct fixture fixture;
	uint8_t frame[60];
	int flags;

	(void)state;
	set_up(&fixture);
	wire_frame(frame, sizeof(frame), 1);
	assert_int_equal(interface_ioctl(SIOCGIFFLAGS, "t0", 0, &flags), 0);
	assert_int_equal(interface_ioctl(SIOCSIFFLAGS, "t0", flags & ~IFF_UP, NULL), 0);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), -EIO);
	assert_true(fixture.wire.nic->link_up);
	assert_int_equal(interface_ioctl(SIOCSIFFLAGS, "t0", flags | IFF_UP, NULL), 0);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), 0);
	tear_down(&fixture);
}

/* By rtnetlink(7), as "ip link del" does it. */
static void delete_interface(const char *name)
{
	struct {
		uint32_t len;
		uint16_t type, flags;
		uint32_t sequence, port;
		uint8_t family, padding;
		uint16_t device_type;
		int32_t index;
		uint32_t interface_flags, change;
	} request = {.len = sizeof(request),
		     .type = 17,     /* RTM_DELLINK */
		     .flags = 1 | 4, /* NLM_F_REQUEST, NLM_F_ACK */
		     .index = (int32_t)if_nametoindex(name)};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint8_t answer[256];

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
	close(fd);
}

static void an_interface_removed_under_us_takes_the_link_down(void **state)
{
	struct fixture fixture;
	uint8_t frame[60];

	(void)state;
	set_up(&fixture);
	wire_frame(frame, sizeof(frame), 1);
	while (wire_recv(&fixture.wire, frame, sizeof(frame), NULL) >= 0)
		;
	fixture.wire.readable = 0;
	delete_interface("t0");
	wire_wait(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 1);
	assert_int_equal(wire_recv(&fixture.wire, frame, sizeof(frame), NULL), -ENOTCONN);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), -ENOTCONN);
	assert_false(fixture.wire.nic->link_up);
	assert_int_equal(fixture.wire.link_changes, 1);
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 1);
	tear_down(&fixture);
}

static void an_interface_in_use_is_refused(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture);
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), -EBUSY);
	tear_down(&fixture);
}

static void what_is_no_tap_is_refused(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture);
	strcpy(fixture.options.interface, "lo");
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), -EINVAL);
	tear_down(&fixture);
}

static void a_script_that_fails_is_an_error(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture);
	fixture.options.interface[0] = '\0';
	strcpy(fixture.options.script, "/bin/false");
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), -ECANCELED);
	strcpy(fixture.options.script, "/nonexistent/script");
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), -ENOENT);
	strcpy(fixture.options.script, "/bin/true");
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), 0);
	nic_close(nic);
	tear_down(&fixture);
}

static void a_wanted_mtu_is_set_and_told(void **state)
{
	struct fixture fixture;
	struct nic *nic;
	int mtu;

	(void)state;
	set_up(&fixture);
	assert_int_equal(fixture.wire.nic->mtu, 0);
	strcpy(fixture.options.interface, "t1");
	fixture.options.mtu = 9000;
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), 0);
	assert_int_equal(nic->mtu, 9000);
	assert_int_equal(interface_ioctl(SIOCGIFMTU, "t1", 0, &mtu), 0);
	assert_int_equal(mtu, 9000);
	nic_close(nic);
	tear_down(&fixture);
}

static void several_queues_are_attached_as_they_are_asked_for(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture);
	strcpy(fixture.options.interface, "t4");
	fixture.options.queues = 4;
	assert_int_equal(nic_open_tap(&fixture.options, &fixture.wire.loop, &nic), 0);
	assert_int_equal(nic->queues, 4);
	for (unsigned int i = 0; i < 4; i++)
		nic_pause(nic, i, false);
	assert_int_equal(nic_set_queues(nic, 4), 0);
	assert_int_equal(nic_set_queues(nic, 2), 0);
	assert_int_equal(nic_set_queues(nic, 2), 0);
	assert_int_equal(nic_set_queues(nic, 3), 0);
	assert_int_equal(nic_set_queues(nic, 1), 0);
	wire_poll(&fixture.wire); /* detached queues, which poll as errors, are not awaited */
	nic_close(nic);
	tear_down(&fixture);
}

static int tap_descriptor(int flags)
{
	struct ifreq request = {.ifr_flags = (short)flags, .ifr_name = "t2"};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	return fd;
}

static void an_inherited_tap_without_a_header_works_too(void **state)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE)};
	struct fixture fixture;
	struct wire *wire = &fixture.wire;
	uint8_t frame[100], got[200];
	struct nic *nic, *other;
	int host;

	(void)state;
	set_up(&fixture);
	other = wire->nic;
	assert_int_equal(nic_open_fd(tap_descriptor(IFF_TAP | IFF_NO_PI), &wire->loop, &nic), 0);
	wire_connect(wire, nic);
	assert_int_equal(nic->offloads, 0);
	assert_int_equal(nic_vhost_fd(nic, 0), -1);
	host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));
	address.sll_ifindex = (int)if_nametoindex("t2");
	assert_int_equal(bind(host, (struct sockaddr *)&address, sizeof(address)), 0);
	wire_frame(frame, sizeof(frame), 1);
	assert_int_equal(wire_send(wire, frame, sizeof(frame)), 0);
	assert_int_equal(recv(host, got, sizeof(got), 0), sizeof(frame));
	assert_int_equal(send(host, frame, sizeof(frame), 0), sizeof(frame));
	assert_int_equal(recv_own(wire, got, sizeof(got)), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	close(host);
	nic_close(other);
	tear_down(&fixture);
}

static void an_inherited_tun_is_refused(void **state)
{
	struct fixture fixture;
	struct nic *nic;
	int fd;

	(void)state;
	set_up(&fixture);
	fd = tap_descriptor(IFF_TUN | IFF_NO_PI);
	assert_int_equal(nic_open_fd(fd, &fixture.wire.loop, &nic), -EINVAL);
	assert_int_equal(close(fd), 0); /* it stays the caller's */
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_both_ways),
		cmocka_unit_test(the_host_offers_checksum_and_segmentation),
		cmocka_unit_test(the_host_refuses_headers_that_lie),
		cmocka_unit_test(an_interface_that_is_down_loses_frames_and_comes_back),
		cmocka_unit_test(an_interface_removed_under_us_takes_the_link_down),
		cmocka_unit_test(an_interface_in_use_is_refused),
		cmocka_unit_test(what_is_no_tap_is_refused),
		cmocka_unit_test(a_script_that_fails_is_an_error),
		cmocka_unit_test(a_wanted_mtu_is_set_and_told),
		cmocka_unit_test(several_queues_are_attached_as_they_are_asked_for),
		cmocka_unit_test(an_inherited_tap_without_a_header_works_too),
		cmocka_unit_test(an_inherited_tun_is_refused),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
