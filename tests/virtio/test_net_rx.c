/* Tests of virtio/net_rx.c: frames from a fake nic into buffers of all kinds. */
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/net_card.h"
#include "tests/fake/wire.h"
#include "virtio/net_queue.h"
#include "virtio/registers.h"
#include "vmm/util.h"

static uint8_t big[NIC_FRAME_MAX], got[2 * NIC_FRAME_MAX];

static void a_frame_comes_with_a_header_of_one_buffer(void **state)
{
	static const uint64_t features[] = {0, TSO_FEATURES};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct net_card card;
		struct net_buffer buffers[2];
		unsigned int n;

		net_card_start(&card, features[i]);
		buffers[0] = net_card_offer_buffer(&card, 2048);
		buffers[1] = net_card_offer_buffer(&card, 2048);
		wire_frame(big, 1500, 5);
		fake_nic_feed(&card.nic, big, 1500);
		assert_true(card.nic.paused[0]); /* until there are buffers */
		fake_driver_kick(&card.driver, RX);
		assert_int_equal(net_card_take_frame(&card, buffers, got, &n), 1500);
		assert_int_equal(n, 1);
		assert_memory_equal(got, big, 1500);
		assert_int_equal(card.driver.transport.queue_interrupts[RX], 1);
		net_card_free(&card);
	}
}

/* 5.1.6.3.1: who did not ask for checksums to be left out is told nothing of them. */
static void flags_are_for_a_driver_that_knows_them(void **state)
{
	static const uint64_t features[] = {0, BIT(VIRTIO_NET_F_GUEST_CSUM)};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
		const struct virtio_net_hdr_v1 *header;
		struct net_buffer buffer;
		struct net_card card;

		net_card_start(&card, features[i]);
		buffer = net_card_offer_buffer(&card, 2048);
		wire_frame(big, 60, 5);
		fake_nic_feed(&card.nic, big, 60);
		card.nic.coming[0].header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
		fake_driver_kick(&card.driver, RX);
		assert_true(fake_driver_used(&card.driver, RX, NULL, NULL));
		header = net_card_at(&card, buffer.gpa, HEADER);
		assert_int_equal(header->flags, i ? VIRTIO_NET_HDR_F_DATA_VALID : 0);
		net_card_free(&card);
	}
}

static void a_large_frame_is_spread_over_merged_buffers(void **state)
{
	struct net_card card;
	struct net_buffer buffers[60];
	unsigned int n;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = net_card_offer_buffer(&card, 1536);
	wire_frame(big, sizeof(big), 7);
	fake_nic_feed(&card.nic, big, sizeof(big));
	fake_nic_feed(&card.nic, big, 60);
	fake_driver_kick(&card.driver, RX);
	fake_nic_deliver(&card.nic);
	assert_int_equal(net_card_take_frame(&card, buffers, got, &n), sizeof(big));
	assert_int_equal(n, (sizeof(big) + HEADER + 1535) / 1536);
	assert_memory_equal(got, big, sizeof(big));
	/* The rest was held for it and serves the next. */
	assert_int_equal(net_card_take_frame(&card, buffers + n, got, &n), 60);
	assert_memory_equal(got, big, 60);
	net_card_free(&card);
}

/* Frames of all sizes through a ring that the driver refills as it goes, for long enough that all
 * of our own rings come round several times. */
static void frames_of_all_sizes_pass_a_ring_that_is_refilled(void **state)
{
	struct net_card card;
	struct net_buffer ring[128];
	struct fake_segment segments[3];
	unsigned int first = 0, random = 12345;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(ring); i++)
		ring[i] = net_card_offer_buffer(&card, 1200);
	fake_driver_kick(&card.driver, RX);
	for (unsigned int round = 0; round < 3000; round++) {
		struct net_buffer in_turn[ARRAY_SIZE(ring)];
		size_t len;
		unsigned int n;

		random = random * 1103515245 + 12345;
		len = 60 + (random >> 8) % (round % 4 ? 1500 : 60000);
		wire_frame(big, len, (uint8_t)round);
		card.nic.received = card.nic.ncoming = 0;
		fake_nic_feed(&card.nic, big, len);
		fake_nic_deliver(&card.nic);
		for (size_t i = 0; i < ARRAY_SIZE(ring); i++)
			in_turn[i] = ring[(first + i) % ARRAY_SIZE(ring)];
		assert_int_equal(net_card_take_frame(&card, in_turn, got, &n), len);
		assert_memory_equal(got, big, len);
		for (; n > 0; n--, first++) {
			struct net_buffer *buffer = &ring[first % ARRAY_SIZE(ring)];
			uint32_t cut = 1 + first % 1000;

			/* In one, two or three pieces. */
			segments[0] = (struct fake_segment){buffer->gpa, cut, true};
			segments[1] = (struct fake_segment){buffer->gpa + cut, 100, true};
			segments[2] = (struct fake_segment){buffer->gpa + cut + 100,
							    buffer->len - cut - 100, true};
			buffer->head =
				fake_ring_chain(&card.driver.rings[RX], segments, cut % 2 ? 3 : 2);
			if (cut % 2 == 0) {
				card.driver.rings[RX]
					.desc[card.driver.rings[RX].desc[buffer->head].next]
					.len = buffer->len - cut;
			}
			fake_ring_offer(&card.driver.rings[RX], buffer->head);
		}
		fake_driver_kick(&card.driver, RX);
	}
	net_card_free(&card);
}

static void a_ring_without_buffers_pauses_the_host_and_loses_nothing(void **state)
{
	struct net_card card;
	struct net_buffer buffers[4];
	unsigned int n, reads;

	(void)state;
	net_card_start(&card, 0);
	buffers[0] = net_card_offer_buffer(&card, 2048);
	buffers[1] = net_card_offer_buffer(&card, 2048);
	fake_driver_kick(&card.driver, RX);
	wire_frame(big, 300, 1);
	for (unsigned int i = 0; i < 4; i++)
		fake_nic_feed(&card.nic, big, 100 + i);
	fake_nic_deliver(&card.nic); /* the flood */
	assert_true(card.nic.paused[0]);
	assert_false(net_card_kicks_again(&card, RX));
	assert_int_equal(card.nic.received, 2);
	reads = card.nic.reads;
	card.nic.nic.client->readable(card.nic.nic.client, 0); /* was fetched already */
	assert_int_equal(card.nic.reads, reads);
	buffers[2] = net_card_offer_buffer(&card, 2048);
	buffers[3] = net_card_offer_buffer(&card, 2048);
	fake_driver_kick(&card.driver, RX);
	fake_nic_deliver(&card.nic);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(net_card_take_frame(&card, buffers + i, got, &n), 100 + i);
		assert_memory_equal(got, big, 100 + i);
	}
	net_card_free(&card);
}

static void a_frame_beyond_the_buffers_there_are_waits_for_more(void **state)
{
	struct net_card card;
	struct net_buffer buffers[20];
	unsigned int n;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	for (unsigned int i = 0; i < 3; i++)
		buffers[i] = net_card_offer_buffer(&card, 1000);
	wire_frame(big, 9000, 3);
	fake_nic_feed(&card.nic, big, 9000);
	fake_nic_feed(&card.nic, big, 90);
	fake_driver_kick(&card.driver, RX);
	assert_false(fake_driver_used(&card.driver, RX, NULL, NULL));
	assert_true(card.nic.paused[0]);
	for (unsigned int i = 3; i < 8; i++)
		buffers[i] = net_card_offer_buffer(&card, 1000);
	fake_driver_kick(&card.driver, RX);
	assert_false(fake_driver_used(&card.driver, RX, NULL, NULL));
	for (unsigned int i = 8; i < 12; i++)
		buffers[i] = net_card_offer_buffer(&card, 1000);
	fake_driver_kick(&card.driver, RX);
	fake_nic_deliver(&card.nic);
	assert_int_equal(net_card_take_frame(&card, buffers, got, &n), 9000);
	assert_int_equal(n, 10);
	assert_memory_equal(got, big, 9000);
	assert_int_equal(net_card_take_frame(&card, buffers + 10, got, &n), 90);
	net_card_free(&card);
}

/* All of a ring's buffers together are too small: waiting would be for ever. */
static void a_frame_that_can_never_fit_is_dropped(void **state)
{
	static const struct {
		unsigned int pieces; /* of each of the 256 buffers */
		uint32_t len;	     /* of each piece */
	} rings[] = {{1, 30}, {20, 1}, {1020, 1}};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(rings); n++) {
		struct net_card card;
		struct fake_ring *ring;
		struct fake_segment segments[1024];
		gpa_t gpa;

		net_card_start(&card, TSO_FEATURES | BIT(VIRTIO_RING_F_INDIRECT_DESC));
		ring = &card.driver.rings[RX];
		gpa = fake_memory_alloc(&card.memory, 2048);
		for (unsigned int i = 0; i < rings[n].pieces; i++)
			segments[i] = (struct fake_segment){gpa + i, rings[n].len, true};
		gpa = fake_memory_alloc(&card.memory, 1024 * sizeof(struct vring_desc));
		for (unsigned int i = 0; i < 256; i++) {
			/* All chains share one table. */
			if (i == 0)
				fake_ring_indirect(ring, &card.memory, segments, rings[n].pieces);
			ring->desc[i] = ring->desc[0];
			fake_ring_offer(ring, (uint16_t)i);
		}
		wire_frame(big, sizeof(big), 3);
		fake_nic_feed(&card.nic, big, sizeof(big));
		fake_nic_feed(&card.nic, big, 14);
		fake_driver_kick(&card.driver, RX);
		fake_nic_deliver(&card.nic);
		assert_int_equal(card.nic.received, 2);
		assert_true(fake_driver_used(&card.driver, RX, NULL, NULL));
		assert_false(fake_driver_needs_reset(&card.driver));
		net_card_free(&card);
	}
}

static void without_merging_a_frame_larger_than_its_buffer_is_dropped(void **state)
{
	struct net_card card;
	struct net_buffer buffers[2];
	unsigned int n;

	(void)state;
	net_card_start(&card, 0);
	buffers[0] = net_card_offer_buffer(&card, 500);
	buffers[1] = net_card_offer_buffer(&card, 2000);
	wire_frame(big, 1500, 3);
	fake_nic_feed(&card.nic, big, 1500);
	fake_nic_feed(&card.nic, big, 488);
	fake_driver_kick(&card.driver, RX);
	fake_nic_deliver(&card.nic);
	assert_int_equal(net_card_take_frame(&card, buffers, got, &n), 488);
	assert_memory_equal(got, big, 488);
	net_card_free(&card);
}

static void what_is_shorter_than_a_frame_never_reaches_the_driver(void **state)
{
	struct net_card card;
	struct net_buffer buffer;
	unsigned int n;

	(void)state;
	net_card_start(&card, 0);
	buffer = net_card_offer_buffer(&card, 2000);
	wire_frame(big, 60, 3);
	for (size_t len = 0; len < NIC_FRAME_MIN; len++)
		fake_nic_feed(&card.nic, big, len);
	fake_nic_feed(&card.nic, big, 60);
	fake_driver_kick(&card.driver, RX);
	fake_nic_deliver(&card.nic);
	assert_int_equal(net_card_take_frame(&card, &buffer, got, &n), 60);
	net_card_free(&card);
}

static void a_receive_buffer_without_room_for_a_header_breaks_the_device(void **state)
{
	static const uint32_t lengths[] = {0, 1, HEADER - 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct net_card card;
		struct fake_segment segment = {.gpa = 0x1000, .len = lengths[i], .write = true};
		struct net_buffer buffer;
		unsigned int n;

		net_card_start(&card, TSO_FEATURES);
		wire_frame(big, 60, 3);
		fake_nic_feed(&card.nic, big, 60);
		fake_driver_offer(&card.driver, RX, &segment, 1);
		fake_driver_kick(&card.driver, RX);
		assert_true(fake_driver_needs_reset(&card.driver));
		assert_true(card.nic.paused[0]);
		/* And after a reset it goes on. */
		fake_driver_start(&card.driver, card.dev, &card.memory, TSO_FEATURES);
		buffer = net_card_offer_buffer(&card, 2000);
		fake_driver_kick(&card.driver, RX);
		assert_int_equal(net_card_take_frame(&card, &buffer, got, &n), 60);
		net_card_free(&card);
	}
}

/* A chain may have a part for the device to read; a receive queue has no use for it. */
static void readable_parts_of_a_receive_buffer_are_passed_over(void **state)
{
	struct net_card card;
	struct fake_segment segments[3] = {{0x1000, 50, false}, {0, 20, true}, {0, 100, true}};
	unsigned int n;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	wire_frame(big, 150, 3);
	fake_nic_feed(&card.nic, big, 150);
	for (unsigned int i = 0; i < 2; i++) {
		gpa_t gpa = fake_memory_alloc(&card.memory, 120);

		segments[1].gpa = gpa;
		segments[2].gpa = gpa + 20;
		fake_driver_offer(&card.driver, RX, segments, 3);
	}
	fake_driver_kick(&card.driver, RX);
	assert_true(fake_driver_used(&card.driver, RX, NULL, &n));
	assert_int_equal(n, 120);
	assert_memory_equal(net_card_at(&card, segments[1].gpa - 128 + HEADER, 108), big, 108);
	assert_true(fake_driver_used(&card.driver, RX, NULL, &n));
	assert_int_equal(n, 150 - 108);
	assert_memory_equal(net_card_at(&card, segments[1].gpa, 42), big + 108, 42);
	net_card_free(&card);
}

static void receiving_is_bounded_by_turns_too(void **state)
{
	struct net_card card;

	(void)state;
	net_card_start(&card, 0);
	for (unsigned int i = 0; i < 200; i++)
		net_card_offer_buffer(&card, 200);
	wire_frame(big, 60, 3);
	for (unsigned int i = 0; i < 100; i++)
		fake_nic_feed(&card.nic, big, 60);
	fake_driver_kick(&card.driver, RX);
	assert_int_equal(card.nic.received, NET_FRAMES_PER_TURN);
	assert_int_equal(card.driver.transport.queue_interrupts[RX], 1);
	assert_true(net_card_kicks_again(&card, RX));
	fake_driver_kick(&card.driver, RX);
	assert_int_equal(card.nic.received, 100);
	net_card_free(&card);
}

/* Held buffers, a frame that waits for more: after a reset the device touches none of it. */
static void a_reset_lets_go_of_all_guest_memory(void **state)
{
	struct net_card card;
	struct net_buffer buffer;
	uint8_t *bytes;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	buffer = net_card_offer_buffer(&card, 1000);
	wire_frame(big, 5000, 3);
	fake_nic_feed(&card.nic, big, 5000);
	fake_driver_kick(&card.driver, RX);
	fake_driver_reset(&card.driver);
	assert_true(card.nic.paused[0]);
	bytes = net_card_at(&card, buffer.gpa, buffer.len);
	memset(bytes, 0x55, buffer.len);
	fake_nic_feed(&card.nic, big, 100);
	card.nic.nic.client->readable(card.nic.nic.client, 0);
	fake_driver_kick(&card.driver, RX);
	for (uint32_t i = 0; i < buffer.len; i++)
		assert_int_equal(bytes[i], 0x55);
	net_card_free(&card);
}

static void ten_thousand_resets_with_frames_in_flight_leave_it_whole(void **state)
{
	struct net_card card;
	struct net_buffer buffer;
	unsigned int n;
	gpa_t start;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	start = card.memory.next;
	for (unsigned int i = 0; i < 10000; i++) {
		card.memory.next = start;
		card.nic.received = card.nic.ncoming = 0;
		card.nic.room = 0;
		buffer = net_card_offer_buffer(&card, 1000);
		fake_nic_feed(&card.nic, big, 2000);
		fake_driver_kick(&card.driver, RX);
		net_card_offer_frames(&card, 1);
		fake_driver_kick(&card.driver, TX);
		fake_driver_start(&card.driver, card.dev, &card.memory, TSO_FEATURES);
	}
	card.nic.received = card.nic.ncoming = 0;
	buffer = net_card_offer_buffer(&card, 1000);
	wire_frame(big, 70, 1);
	fake_nic_feed(&card.nic, big, 70);
	fake_driver_kick(&card.driver, RX);
	assert_int_equal(net_card_take_frame(&card, &buffer, got, &n), 70);
	net_card_free(&card);
}

/* The driver resets one queue alone: the others go on where they were. */
static void a_queue_reset_gives_held_buffers_back(void **state)
{
	struct net_card card;
	struct net_buffer buffers[2];
	unsigned int n;

	(void)state;
	net_card_start(&card, BIT(VIRTIO_F_RING_RESET) | TSO_FEATURES);
	buffers[0] = net_card_offer_buffer(&card, 1000);
	buffers[1] = net_card_offer_buffer(&card, 1000);
	fake_driver_kick(&card.driver, RX); /* both are held now */
	virtio_queue_change(card.dev, TX, VIRTIO_QUEUE_RESET);
	wire_frame(big, 70, 1);
	fake_nic_feed(&card.nic, big, 70);
	fake_nic_deliver(&card.nic);
	assert_int_equal(net_card_take_frame(&card, buffers, got, &n), 70);
	net_card_free(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_with_a_header_of_one_buffer),
		cmocka_unit_test(flags_are_for_a_driver_that_knows_them),
		cmocka_unit_test(a_large_frame_is_spread_over_merged_buffers),
		cmocka_unit_test(frames_of_all_sizes_pass_a_ring_that_is_refilled),
		cmocka_unit_test(a_ring_without_buffers_pauses_the_host_and_loses_nothing),
		cmocka_unit_test(a_frame_beyond_the_buffers_there_are_waits_for_more),
		cmocka_unit_test(a_frame_that_can_never_fit_is_dropped),
		cmocka_unit_test(without_merging_a_frame_larger_than_its_buffer_is_dropped),
		cmocka_unit_test(what_is_shorter_than_a_frame_never_reaches_the_driver),
		cmocka_unit_test(a_receive_buffer_without_room_for_a_header_breaks_the_device),
		cmocka_unit_test(readable_parts_of_a_receive_buffer_are_passed_over),
		cmocka_unit_test(receiving_is_bounded_by_turns_too),
		cmocka_unit_test(a_reset_lets_go_of_all_guest_memory),
		cmocka_unit_test(ten_thousand_resets_with_frames_in_flight_leave_it_whole),
		cmocka_unit_test(a_queue_reset_gives_held_buffers_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
