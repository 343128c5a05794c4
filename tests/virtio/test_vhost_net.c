/*
 * Tests of virtio/vhost_net.c with the real /dev/vhost-net and a tap interface in a network
 * namespace of their own: skipped where the host has neither.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/nic_options.h"
#include "tests/fake/driver.h"
#include "tests/fake/wire.h"
#include "virtio/net.h"
#include "virtio/registers.h"

enum { RX = 0, TX = 1, HEADER = sizeof(struct virtio_net_hdr_v1), DEADLINE_MS = 20000 };

#define FEATURES                                                                      \
	(UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF | UINT64_C(1) << VIRTIO_F_RING_RESET | \
	 UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

static bool have_vhost;

static int enter_namespace(void **state)
{
	int vhost = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	have_vhost = vhost >= 0 && tun >= 0 && unshare(CLONE_NEWNET) == 0;
	if (!have_vhost)
		printf("no vhost-net or no tap interfaces here\n");
	close(vhost);
	close(tun);
	return 0;
}

struct fixture {
	struct loop loop;
	struct fake_memory memory;
	struct fake_driver driver;
	struct virtio_device *dev;
	int host; /* a packet socket on the interface */
};

static void set_up(struct fixture *fixture)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
	const struct nic_options options = {
		.kind = NIC_TAP, .interface = "v0", .queues = 1, .vhost = NIC_VHOST_ON};
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(0x88b5)};

	if (!have_vhost)
		skip();
	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(loop_init(&fixture->loop), 0);
	fake_memory_init(&fixture->memory);
	assert_int_equal(virtio_net_create(&options, "net0", mac, &fixture->loop,
					   &fixture->memory.mem, &fixture->dev),
			 0);
	fixture->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x88b5));
	address.sll_ifindex = (int)if_nametoindex("v0");
	assert_int_equal(bind(fixture->host, (struct sockaddr *)&address, sizeof(address)), 0);
	fake_driver_start(&fixture->driver, fixture->dev, &fixture->memory, FEATURES);
}

static void tear_down(struct fixture *fixture)
{
	close(fixture->host);
	virtio_net_free(fixture->dev);
	fake_memory_free(&fixture->memory);
	loop_destroy(&fixture->loop);
}

/* Asks for an interrupt, of the next used entry, as a driver does. */
static void want_interrupt(struct fixture *fixture, unsigned int queue)
{
	struct fake_ring *ring = &fixture->driver.rings[queue];

	__atomic_store_n(fake_ring_used_event(ring), ring->next_used, __ATOMIC_SEQ_CST);
}

/* Serves the loop until the queue's interrupt came through us. */
static void wait_for_interrupt(struct fixture *fixture, unsigned int queue)
{
	struct pollfd fd = {.fd = fixture->loop.epoll_fd, .events = POLLIN};

	while (!fixture->driver.transport.queue_interrupts[queue]) {
		assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
		loop_stop(&fixture->loop);
		assert_int_equal(loop_run(&fixture->loop), 0);
	}
	fixture->driver.transport.queue_interrupts[queue] = 0;
}

/* Sends a frame and sees it at the host. */
static void send_one(struct fixture *fixture, uint8_t seed)
{
	struct fake_segment segment = {.len = HEADER + 100};
	uint8_t got[200], *frame;

	segment.gpa = fake_memory_alloc(&fixture->memory, segment.len);
	frame = (uint8_t *)fake_memory_at(&fixture->memory, segment.gpa, segment.len) + HEADER;
	wire_frame(frame, 100, seed);
	want_interrupt(fixture, TX);
	fake_driver_offer(&fixture->driver, TX, &segment, 1);
	virtio_kick(fixture->dev, TX);
	assert_int_equal(recv(fixture->host, got, sizeof(got), 0), 100);
	assert_memory_equal(got, frame, 100);
}

/* The next frame of ours in the receive ring; the interface's own chatter is passed over. */
static bool take_ours(struct fixture *fixture, gpa_t buffers, uint16_t first, const uint8_t *frame)
{
	uint32_t written;
	uint16_t head;

	while (fake_driver_used(&fixture->driver, RX, &head, &written)) {
		const uint8_t *got = fake_memory_at(
			&fixture->memory, buffers + (uint64_t)(head - first) * 2048, 2048);

		if (written == HEADER + 100 && memcmp(got + HEADER, frame, 100) == 0)
			return true;
	}
	return false;
}

static void receive_one(struct fixture *fixture, uint8_t seed)
{
	gpa_t buffers = fake_memory_alloc(&fixture->memory, 8 * 2048);
	uint16_t first = fixture->driver.rings[RX].next_desc;
	uint8_t frame[100];

	for (gpa_t i = 0; i < 8; i++) {
		struct fake_segment segment = {buffers + i * 2048, 2048, true};

		fake_driver_offer(&fixture->driver, RX, &segment, 1);
	}
	want_interrupt(fixture, RX);
	virtio_kick(fixture->dev, RX);
	wire_frame(frame, sizeof(frame), seed);
	assert_int_equal(send(fixture->host, frame, sizeof(frame), 0), sizeof(frame));
	while (!take_ours(fixture, buffers, first, frame)) {
		want_interrupt(fixture, RX);
		wait_for_interrupt(fixture, RX);
	}
}

static void frames_pass_through_the_kernel(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	send_one(&fixture, 1);
	wait_for_interrupt(&fixture, TX);
	assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
	receive_one(&fixture, 2);
	tear_down(&fixture);
}

static void the_transports_eventfd_is_signalled_without_us(void **state)
{
	struct fixture fixture;
	struct pollfd fd = {.events = POLLIN};

	(void)state;
	set_up(&fixture);
	fd.fd = eventfd(0, EFD_CLOEXEC);
	fixture.driver.transport.call_fd = fd.fd;
	virtio_call_moved(fixture.dev, TX);
	send_one(&fixture, 1);
	assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
	assert_int_equal(fixture.driver.transport.queue_interrupts[TX], 0);
	tear_down(&fixture);
	close(fd.fd);
}

/* A stop that is no reset: the rings go on where the kernel left them. */
static void rings_go_on_after_a_stop(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	for (uint8_t i = 0; i < 5; i++) {
		send_one(&fixture, i);
		wait_for_interrupt(&fixture, TX);
		assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
		assert_false(fake_driver_used(&fixture.driver, TX, NULL, NULL));
		virtio_call_moved(fixture.dev, TX); /* stops and starts the device */
	}
	receive_one(&fixture, 9);
	tear_down(&fixture);
}

static void a_reset_begins_anew(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	for (uint8_t i = 0; i < 20; i++) {
		send_one(&fixture, i);
		fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, FEATURES);
		fixture.driver.transport.queue_interrupts[TX] = 0;
	}
	send_one(&fixture, 3);
	wait_for_interrupt(&fixture, TX);
	tear_down(&fixture);
}

static void a_pair_that_is_half_enabled_is_left_alone(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	fake_driver_start_queues(&fixture.driver, fixture.dev, &fixture.memory, FEATURES, 1);
	assert_false(fake_driver_needs_reset(&fixture.driver));
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, FEATURES);
	send_one(&fixture, 3);
	tear_down(&fixture);
}

static void a_ring_that_the_kernel_finds_broken_breaks_the_device(void **state)
{
	struct fixture fixture;
	struct pollfd fd = {.events = POLLIN};
	struct fake_segment nowhere = {.gpa = FAKE_HOLE, .len = 100};

	(void)state;
	set_up(&fixture);
	fd.fd = fixture.loop.epoll_fd;
	fake_driver_offer(&fixture.driver, TX, &nowhere, 1);
	virtio_kick(fixture.dev, TX);
	while (!fake_driver_needs_reset(&fixture.driver)) {
		assert_int_equal(poll(&fd, 1, DEADLINE_MS), 1);
		loop_stop(&fixture.loop);
		assert_int_equal(loop_run(&fixture.loop), 0);
	}
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, FEATURES);
	send_one(&fixture, 3);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_pass_through_the_kernel),
		cmocka_unit_test(the_transports_eventfd_is_signalled_without_us),
		cmocka_unit_test(rings_go_on_after_a_stop),
		cmocka_unit_test(a_reset_begins_anew),
		cmocka_unit_test(a_pair_that_is_half_enabled_is_left_alone),
		cmocka_unit_test(a_ring_that_the_kernel_finds_broken_breaks_the_device),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
