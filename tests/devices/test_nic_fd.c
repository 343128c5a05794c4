/* Tests of devices/backend/nic_fd.c: what a descriptor is, and sockets with message boundaries. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "tests/fake/wire.h"

struct fixture {
	struct wire wire;
	int far; /* the other end of the socket */
};

static void set_up(struct fixture *fixture, int type)
{
	struct nic *nic;
	int fds[2];

	wire_init(&fixture->wire);
	assert_int_equal(socketpair(AF_UNIX, type, 0, fds), 0);
	fixture->far = fds[1];
	assert_int_equal(nic_open_fd(fds[0], &fixture->wire.loop, &nic), 0);
	wire_connect(&fixture->wire, nic);
}

static void tear_down(struct fixture *fixture)
{
	wire_free(&fixture->wire);
	if (fixture->far >= 0)
		close(fixture->far);
}

static void a_message_is_a_frame(void **state)
{
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture fixture;
		struct virtio_net_hdr_v1 header, zeroes = {0};
		uint8_t sent[200], got[300];

		set_up(&fixture, types[i]);
		wire_frame(sent, sizeof(sent), 1);
		assert_int_equal(wire_send(&fixture.wire, sent, sizeof(sent)), 0);
		assert_int_equal(recv(fixture.far, got, sizeof(got), 0), sizeof(sent));
		assert_memory_equal(got, sent, sizeof(sent));

		wire_frame(sent, sizeof(sent), 2);
		assert_int_equal(send(fixture.far, sent, sizeof(sent), 0), sizeof(sent));
		wire_wait(&fixture.wire);
		assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), &header), sizeof(sent));
		assert_memory_equal(got, sent, sizeof(sent));
		assert_memory_equal(&header, &zeroes, sizeof(header));
		assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -EAGAIN);
		tear_down(&fixture);
	}
}

static void a_full_socket_asks_to_wait_and_calls_back(void **state)
{
	struct fixture fixture;
	uint8_t frame[1000];
	int sent = 0, err;

	(void)state;
	set_up(&fixture, SOCK_SEQPACKET);
	nic_pause(fixture.wire.nic, 0, true);
	wire_frame(frame, sizeof(frame), 1);
	while ((err = wire_send(&fixture.wire, frame, sizeof(frame))) == 0)
		sent++;
	assert_int_equal(err, -EAGAIN);
	assert_true(sent > 0);
	while (recv(fixture.far, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		sent--;
	assert_int_equal(sent, 0);
	wire_wait(&fixture.wire);
	assert_int_equal(fixture.wire.writable, 1);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), 0);
	tear_down(&fixture);
}

static void a_paused_card_leaves_frames_where_they_are(void **state)
{
	struct fixture fixture;
	uint8_t frame[100];

	(void)state;
	set_up(&fixture, SOCK_DGRAM);
	nic_pause(fixture.wire.nic, 0, true);
	wire_frame(frame, sizeof(frame), 1);
	assert_int_equal(send(fixture.far, frame, sizeof(frame), 0), sizeof(frame));
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 0);
	nic_pause(fixture.wire.nic, 0, false);
	wire_wait(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 1);
	tear_down(&fixture);
}

static void the_end_of_the_other_side_takes_the_link_down(void **state)
{
	struct fixture fixture;
	uint8_t frame[100];

	(void)state;
	set_up(&fixture, SOCK_SEQPACKET);
	close(fixture.far);
	fixture.far = -1;
	wire_wait(&fixture.wire);
	assert_int_equal(wire_recv(&fixture.wire, frame, sizeof(frame), NULL), -ENOTCONN);
	assert_false(fixture.wire.nic->link_up);
	assert_int_equal(fixture.wire.link_changes, 1);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), -ENOTCONN);
	/* Nothing is awaited of it any more: the loop does not spin, not even when unpaused. */
	nic_pause(fixture.wire.nic, 0, false);
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 1);
	tear_down(&fixture);
}

static void a_hangup_does_not_wake_a_paused_card(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, SOCK_SEQPACKET);
	nic_pause(fixture.wire.nic, 0, true);
	close(fixture.far);
	fixture.far = -1;
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable + fixture.wire.writable, 0);
	tear_down(&fixture);
}

static void a_stream_socket_gets_the_stream_protocol(void **state)
{
	struct fixture fixture;
	uint8_t frame[60], got[100];
	static const uint8_t prefix[4] = {0, 0, 0, 60};

	(void)state;
	set_up(&fixture, SOCK_STREAM);
	wire_frame(frame, sizeof(frame), 1);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), 0);
	assert_int_equal(recv(fixture.far, got, sizeof(got), 0), 4 + sizeof(frame));
	assert_memory_equal(got, prefix, 4);
	assert_memory_equal(got + 4, frame, sizeof(frame));
	tear_down(&fixture);
}

static void a_descriptor_of_another_kind_is_refused(void **state)
{
	struct wire wire;
	struct nic *nic;
	int fd;

	(void)state;
	wire_init(&wire);
	fd = open("/dev/null", O_RDWR);
	assert_int_equal(nic_open_fd(fd, &wire.loop, &nic), -EINVAL);
	close(fd);
	assert_int_equal(nic_open_fd(fd, &wire.loop, &nic), -EBADF);
	wire_free(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_a_frame),
		cmocka_unit_test(a_full_socket_asks_to_wait_and_calls_back),
		cmocka_unit_test(a_paused_card_leaves_frames_where_they_are),
		cmocka_unit_test(the_end_of_the_other_side_takes_the_link_down),
		cmocka_unit_test(a_hangup_does_not_wake_a_paused_card),
		cmocka_unit_test(a_stream_socket_gets_the_stream_protocol),
		cmocka_unit_test(a_descriptor_of_another_kind_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
