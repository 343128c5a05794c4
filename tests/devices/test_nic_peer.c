/* Tests of devices/backend/nic_peer.c: the neighbour that answers ARP and ping. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "tests/fake/wire.h"
#include "vmm/util.h"

static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

static void set_up(struct wire *wire)
{
	struct nic *nic;

	wire_init(wire);
	assert_int_equal(nic_open_peer(&wire->loop, &nic), 0);
	wire_connect(wire, nic);
}

static const uint8_t arp_request[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0,    0x12, 0x34, 0x56, 8,    6, 0,
	1,    8,    0,	  6,	4,    0,    1,	  0x52, 0x54, 0,    0x12, 0x34, 0x56, /* from */
	10,   0,    0,	  2,	0,    0,    0,	  0,	0,    0,		      /* to */
	10,   0,    0,	  1};

/* One's complement sum (RFC 1071). */
static uint16_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t ping(uint8_t *frame, size_t payload, uint8_t seed)
{
	static const uint8_t header[34] = {0x02, 0x70, 0x65, 0x65, 0x72, 0x01, 0x52, 0x54, 0,
					   0x12, 0x34, 0x56, 8,	   0,	 0x45, 0,    0,	   0,
					   0,	 0,    0,    0,	   64,	 1,    0,    0,	   10,
					   0,	 0,    2,    10,   0,	 0,    1};
	uint16_t sum;

	memcpy(frame, header, sizeof(header));
	memset(frame + 34, 0, 8);
	frame[34] = 8;
	for (size_t i = 0; i < payload; i++)
		frame[42 + i] = (uint8_t)(seed + i);
	sum = checksum(frame + 34, 8 + payload);
	frame[36] = (uint8_t)(sum >> 8);
	frame[37] = (uint8_t)sum;
	return 42 + payload;
}

static void who_has_is_answered(void **state)
{
	struct wire wire;
	uint8_t got[100];

	(void)state;
	set_up(&wire);
	assert_int_equal(wire_send(&wire, arp_request, sizeof(arp_request)), 0);
	wire_wait(&wire);
	assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), sizeof(arp_request));
	assert_memory_equal(got, guest_mac, 6);
	assert_int_equal(got[21], 2);
	assert_memory_equal(got + 22, got + 6, 6);     /* its MAC, in both headers */
	assert_memory_equal(got + 28, "\12\0\0\1", 4); /* the address that was asked for */
	assert_memory_equal(got + 32, arp_request + 22, 10);
	assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), -EAGAIN);
	wire_free(&wire);
}

static void a_probe_for_ones_own_address_stays_unanswered(void **state)
{
	struct wire wire;
	uint8_t frame[42], got[100];

	(void)state;
	set_up(&wire);
	memcpy(frame, arp_request, sizeof(frame));
	memcpy(frame + 38, frame + 28, 4);
	assert_int_equal(wire_send(&wire, frame, sizeof(frame)), 0);
	memcpy(frame, arp_request, sizeof(frame));
	memset(frame + 28, 0, 4);
	assert_int_equal(wire_send(&wire, frame, sizeof(frame)), 0);
	assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), -EAGAIN);
	wire_free(&wire);
}

static void ping_comes_back_with_a_right_checksum(void **state)
{
	static const size_t payloads[] = {0, 1, 56, 1472, 8000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++) {
		struct wire wire;
		uint8_t frame[9000], got[9000];
		size_t len = ping(frame, payloads[i], (uint8_t)(250 + i));

		set_up(&wire);
		assert_int_equal(wire_send(&wire, frame, len), 0);
		wire_wait(&wire);
		assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), len);
		assert_memory_equal(got, guest_mac, 6);
		assert_memory_equal(got + 26, frame + 30, 4);
		assert_memory_equal(got + 30, frame + 26, 4);
		assert_int_equal(got[34], 0);
		assert_int_equal(checksum(got + 34, len - 34), 0);
		assert_memory_equal(got + 38, frame + 38, len - 38);
		wire_free(&wire);
	}
}

/* Frames that only look like something to answer. */
static void nonsense_is_left_unanswered(void **state)
{
	struct wire wire;
	uint8_t frame[9000], got[100];
	size_t len;

	(void)state;
	set_up(&wire);
	for (len = 0; len < sizeof(arp_request); len++)
		assert_int_equal(wire_send(&wire, arp_request, len), 0);
	for (len = ping(frame, 0, 0) - 1; len > 0; len--)
		assert_int_equal(wire_send(&wire, frame, len), 0);
	len = ping(frame, 0, 0);
	frame[14] = 0x44; /* an IP header too short for itself */
	assert_int_equal(wire_send(&wire, frame, len), 0);
	frame[14] = 0x4f; /* and one beyond the frame */
	assert_int_equal(wire_send(&wire, frame, len), 0);
	frame[14] = 0x45;
	frame[20] = 0x20; /* a fragment */
	assert_int_equal(wire_send(&wire, frame, len), 0);
	assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), -EAGAIN);
	memset(frame, 0xff, sizeof(frame));
	assert_int_equal(wire_send(&wire, frame, sizeof(frame)), 0);
	wire_free(&wire);
}

static void what_it_has_no_room_for_is_refused(void **state)
{
	static uint8_t frame[NIC_FRAME_MAX];
	struct wire wire;

	(void)state;
	set_up(&wire);
	ping(frame, 20, 0);
	assert_int_equal(wire_send(&wire, frame, 9018), 0);
	assert_int_equal(wire_send(&wire, frame, 9019), -EMSGSIZE);
	assert_int_equal(wire_send(&wire, frame, NIC_FRAME_MAX), -EMSGSIZE);
	wire_free(&wire);
}

static void a_guest_that_takes_no_answers_has_to_wait(void **state)
{
	struct wire wire;
	uint8_t frame[100], got[100];
	size_t len = ping(frame, 20, 0);
	unsigned int sent = 0;
	int err;

	(void)state;
	set_up(&wire);
	while ((err = wire_send(&wire, frame, len)) == 0)
		sent++;
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(wire.writable, 0);
	assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), len);
	wire_wait(&wire);
	assert_int_equal(wire.writable, 1);
	assert_int_equal(wire_send(&wire, frame, len), 0);
	for (unsigned int i = 0; i < sent; i++)
		assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), len);
	assert_int_equal(wire_recv(&wire, got, sizeof(got), NULL), -EAGAIN);
	wire_free(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_is_answered),
		cmocka_unit_test(a_probe_for_ones_own_address_stays_unanswered),
		cmocka_unit_test(ping_comes_back_with_a_right_checksum),
		cmocka_unit_test(nonsense_is_left_unanswered),
		cmocka_unit_test(what_it_has_no_room_for_is_refused),
		cmocka_unit_test(a_guest_that_takes_no_answers_has_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
