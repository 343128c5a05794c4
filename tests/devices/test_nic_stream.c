/* Tests of devices/backend/nic_stream.c: frames through a byte stream. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "tests/fake/wire.h"
#include "vmm/util.h"

struct fixture {
	struct wire wire;
	int far;
};

static void set_up(struct fixture *fixture)
{
	struct nic *nic;
	int fds[2];

	wire_init(&fixture->wire);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fixture->far = fds[1];
	assert_int_equal(nic_open_stream(fds[0], "the test", &fixture->wire.loop, &nic), 0);
	wire_connect(&fixture->wire, nic);
}

static void tear_down(struct fixture *fixture)
{
	wire_free(&fixture->wire);
	close(fixture->far);
}

static void write_all(int fd, const void *buf, size_t len)
{
	assert_int_equal(send(fd, buf, len, MSG_DONTWAIT), len);
}

/* A frame with its length in front, at to. Returns both their lengths. */
static size_t framed(uint8_t *to, size_t len, uint8_t seed)
{
	uint32_t prefix = htonl((uint32_t)len);

	memcpy(to, &prefix, sizeof(prefix));
	wire_frame(to + sizeof(prefix), len, seed);
	return sizeof(prefix) + len;
}

static void a_frame_that_comes_byte_by_byte_is_one_frame(void **state)
{
	struct fixture fixture;
	uint8_t stream[4 + 90], got[100];

	(void)state;
	set_up(&fixture);
	framed(stream, 90, 3);
	for (size_t i = 0; i < sizeof(stream); i++) {
		assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -EAGAIN);
		write_all(fixture.far, stream + i, 1);
	}
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), 90);
	assert_memory_equal(got, stream + 4, 90);
	tear_down(&fixture);
}

static void many_frames_that_come_at_once_are_told_apart(void **state)
{
	struct fixture fixture;
	uint8_t stream[50 * 150], got[200], expected[200];
	size_t len = 0;

	(void)state;
	set_up(&fixture);
	for (uint8_t i = 0; i < 50; i++)
		len += framed(stream + len, 20u + i, i);
	write_all(fixture.far, stream, len);
	for (uint8_t i = 0; i < 50; i++) {
		wire_frame(expected, 20u + i, i);
		assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), 20 + i);
		assert_memory_equal(got, expected, 20u + i);
	}
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -EAGAIN);
	tear_down(&fixture);
}

/* The socket takes what it has room for; the rest of that frame follows before any other. */
static void a_frame_cut_by_a_full_socket_is_finished_first(void **state)
{
	const size_t size = 65000;
	uint8_t *frame = malloc(size), *got = malloc(size + 4);
	struct fixture fixture;
	unsigned int sent = 0, received = 0;
	int small = 4096, err;

	(void)state;
	set_up(&fixture);
	nic_pause(fixture.wire.nic, 0, true);
	setsockopt(fixture.far, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	do {
		wire_frame(frame, size, (uint8_t)sent);
		err = wire_send(&fixture.wire, frame, size);
		sent += err == 0;
	} while (err == 0);
	assert_int_equal(err, -EAGAIN);
	while (received < sent) {
		size_t have = 0;
		uint32_t prefix = htonl((uint32_t)size);

		while (have < size + 4) {
			ssize_t len = recv(fixture.far, got + have, size + 4 - have, MSG_DONTWAIT);

			if (len > 0) {
				have += (size_t)len;
				continue;
			}
			wire_poll(&fixture.wire); /* the loop sends the rest by itself */
		}
		assert_memory_equal(got, &prefix, 4);
		wire_frame(frame, size, (uint8_t)received++);
		assert_memory_equal(got + 4, frame, size);
	}
	assert_int_equal(fixture.wire.writable, 1);
	free(frame);
	free(got);
	tear_down(&fixture);
}

static void the_largest_frame_passes_both_ways(void **state)
{
	uint8_t *stream = malloc(4 + NIC_FRAME_MAX), *got = malloc(4 + NIC_FRAME_MAX);
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	framed(stream, NIC_FRAME_MAX, 9);
	write_all(fixture.far, stream, 4 + NIC_FRAME_MAX);
	assert_int_equal(wire_recv(&fixture.wire, got, NIC_FRAME_MAX, NULL), NIC_FRAME_MAX);
	assert_memory_equal(got, stream + 4, NIC_FRAME_MAX);
	assert_int_equal(wire_send(&fixture.wire, stream + 4, NIC_FRAME_MAX), 0);
	assert_int_equal(recv(fixture.far, got, 4 + NIC_FRAME_MAX, MSG_WAITALL), 4 + NIC_FRAME_MAX);
	assert_memory_equal(got, stream, 4 + NIC_FRAME_MAX);
	free(stream);
	free(got);
	tear_down(&fixture);
}

/* A VLAN tag can bring a guest there. */
static void a_frame_larger_than_any_is_refused_and_the_next_one_passes(void **state)
{
	static uint8_t frame[NIC_FRAME_MAX + 4], got[64];
	struct fixture fixture;

	(void)state;
	set_up(&fixture);
	assert_int_equal(wire_send(&fixture.wire, frame, NIC_FRAME_MAX + 1), -EMSGSIZE);
	assert_int_equal(wire_send(&fixture.wire, frame, NIC_FRAME_MAX + 4), -EMSGSIZE);
	assert_int_equal(wire_send(&fixture.wire, frame, 60), 0);
	assert_int_equal(recv(fixture.far, got, 64, MSG_WAITALL), 64);
	assert_int_equal(got[3], 60);
	tear_down(&fixture);
}

static void a_receiver_with_less_room_gets_the_beginning_and_the_next_frame_whole(void **state)
{
	struct fixture fixture;
	uint8_t stream[4 + 90 + 4 + 50], got[100];
	size_t len;

	(void)state;
	set_up(&fixture);
	len = framed(stream, 90, 3);
	framed(stream + len, 50, 4);
	write_all(fixture.far, stream, sizeof(stream));
	assert_int_equal(wire_recv(&fixture.wire, got, 40, NULL), 40);
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), 50);
	assert_memory_equal(got, stream + len + 4, 50);
	tear_down(&fixture);
}

static void a_length_that_no_frame_has_ends_the_link(void **state)
{
	static const uint32_t lengths[] = {0, NIC_FRAME_MAX + 1, 0x7fffffff, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct fixture fixture;
		uint32_t prefix = htonl(lengths[i]);
		uint8_t got[100];

		set_up(&fixture);
		write_all(fixture.far, &prefix, sizeof(prefix));
		assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -ENOTCONN);
		assert_false(fixture.wire.nic->link_up);
		assert_int_equal(fixture.wire.link_changes, 1);
		tear_down(&fixture);
	}
}

static void the_end_of_the_stream_ends_the_link_once(void **state)
{
	struct fixture fixture;
	uint8_t got[100];

	(void)state;
	set_up(&fixture);
	shutdown(fixture.far, SHUT_RDWR);
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -ENOTCONN);
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -ENOTCONN);
	assert_int_equal(wire_send(&fixture.wire, got, 60), -ENOTCONN);
	assert_int_equal(fixture.wire.link_changes, 1);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_that_comes_byte_by_byte_is_one_frame),
		cmocka_unit_test(many_frames_that_come_at_once_are_told_apart),
		cmocka_unit_test(a_frame_cut_by_a_full_socket_is_finished_first),
		cmocka_unit_test(the_largest_frame_passes_both_ways),
		cmocka_unit_test(a_frame_larger_than_any_is_refused_and_the_next_one_passes),
		cmocka_unit_test(
			a_receiver_with_less_room_gets_the_beginning_and_the_next_frame_whole),
		cmocka_unit_test(a_length_that_no_frame_has_ends_the_link),
		cmocka_unit_test(the_end_of_the_stream_ends_the_link_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
