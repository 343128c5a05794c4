/* Tests of virtio/net_tx.c: frames from a driver, well formed or not, to a fake nic. */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/net_card.h"
#include "tests/fake/wire.h"
#include "virtio/net_queue.h"
#include "vmm/util.h"

static void assert_sent(struct net_card *card, unsigned int n, size_t len, uint8_t seed)
{
	uint8_t *expected = malloc(len);

	wire_frame(expected, len, seed);
	assert_true(n < card->nic.nsent);
	assert_int_equal(card->nic.sent[n].len, len);
	assert_memory_equal(card->nic.sent[n].bytes, expected, len);
	free(expected);
}

static void a_frame_goes_out_with_its_header(void **state)
{
	struct net_card card;
	struct virtio_net_hdr_v1 *header;
	struct fake_segment segment = {.len = HEADER + 100};
	uint32_t written;
	uint16_t head, used;

	(void)state;
	net_card_start(&card, BIT(VIRTIO_NET_F_CSUM));
	segment.gpa = net_card_put_frame(&card, 100, 1);
	header = net_card_at(&card, segment.gpa, HEADER);
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = htole16(34);
	head = fake_driver_offer(&card.driver, TX, &segment, 1);
	fake_driver_kick(&card.driver, TX);
	assert_sent(&card, 0, 100, 1);
	assert_memory_equal(&card.nic.sent[0].header, header, HEADER);
	assert_true(fake_driver_used(&card.driver, TX, &used, &written));
	assert_int_equal(used, head);
	assert_int_equal(written, 0);
	net_card_free(&card);
}

/* However the driver cuts it: the header in pieces, together with the frame, byte by byte. */
static void how_a_frame_is_cut_does_not_matter(void **state)
{
	static const uint32_t cuts[][8] = {{HEADER, 100},
					   {HEADER + 100},
					   {1, HEADER - 1, 100},
					   {5, 20, 50, 37},
					   {HEADER + 13, 1, 86}};
	struct net_card card;
	unsigned int n;

	(void)state;
	net_card_start(&card, BIT(VIRTIO_RING_F_INDIRECT_DESC));
	for (n = 0; n < ARRAY_SIZE(cuts); n++) {
		struct fake_segment segments[8];
		gpa_t gpa = net_card_put_frame(&card, 100, (uint8_t)n);
		unsigned int i = 0;

		for (; i < 8 && cuts[n][i]; i++) {
			segments[i] = (struct fake_segment){gpa, cuts[n][i], false};
			gpa += cuts[n][i];
		}
		fake_driver_offer(&card.driver, TX, segments, i);
		fake_driver_kick(&card.driver, TX);
		assert_sent(&card, n, 100, (uint8_t)n);
	}
	for (int indirect = 0; indirect < 2; indirect++, n++) {
		struct fake_segment segments[HEADER + 100];
		gpa_t gpa = net_card_put_frame(&card, 100, (uint8_t)n);
		struct fake_ring *ring = &card.driver.rings[TX];

		for (unsigned int i = 0; i < HEADER + 100; i++)
			segments[i] = (struct fake_segment){gpa + i, 1, false};
		fake_ring_offer(ring, indirect ? fake_ring_indirect(ring, &card.memory, segments,
								    HEADER + 100)
					       : fake_ring_chain(ring, segments, HEADER + 100));
		fake_driver_kick(&card.driver, TX);
		assert_sent(&card, n, 100, (uint8_t)n);
	}
	net_card_free(&card);
}

static const struct {
	const char *what;
	uint32_t len[3];
	bool write;
} unsendable[] = {
	{"an empty chain", {0}, false},
	{"half a header", {6}, false},
	{"a header alone", {HEADER}, false},
	{"a frame without room for its addresses", {HEADER, 13}, false},
	{"a frame beyond 64 KiB", {HEADER, NIC_FRAME_MAX, 1}, false},
	{"a frame of 1 MiB", {HEADER, 1 << 20}, false},
	{"buffers to write instead", {HEADER, 100}, true},
};

static void what_is_no_frame_is_dropped_and_the_next_one_goes_out(void **state)
{
	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(unsendable); n++) {
		struct net_card card;
		struct fake_segment segments[3], good = {.len = HEADER + 60};
		unsigned int i;

		net_card_start(&card, 0);
		for (i = 0; i < 3 && (i == 0 || unsendable[n].len[i]); i++)
			segments[i] = (struct fake_segment){0x1000, unsendable[n].len[i],
							    unsendable[n].write};
		fake_driver_offer(&card.driver, TX, segments, i);
		good.gpa = net_card_put_frame(&card, 60, 9);
		fake_driver_offer(&card.driver, TX, &good, 1);
		fake_driver_kick(&card.driver, TX);
		assert_int_equal(card.nic.nsent, 1);
		assert_sent(&card, 0, 60, 9);
		assert_true(fake_driver_used(&card.driver, TX, NULL, NULL));
		assert_true(fake_driver_used(&card.driver, TX, NULL, NULL));
		assert_false(fake_driver_needs_reset(&card.driver));
		net_card_free(&card);
	}
}

static void a_frame_in_more_pieces_than_the_host_takes_is_dropped(void **state)
{
	struct net_card card;
	struct fake_ring *ring;
	struct fake_segment segments[1024];
	gpa_t gpa;

	(void)state;
	net_card_start(&card, BIT(VIRTIO_RING_F_INDIRECT_DESC));
	ring = &card.driver.rings[TX];
	gpa = net_card_put_frame(&card, 1024, 1);
	for (unsigned int i = 0; i < 1024; i++)
		segments[i] = (struct fake_segment){gpa + i, 1, false};
	segments[0].len = HEADER + 1; /* 1024 pieces of frame, and the header */
	fake_ring_offer(ring, fake_ring_indirect(ring, &card.memory, segments, 1024));
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, 0);
	assert_true(fake_driver_used(&card.driver, TX, NULL, NULL));
	net_card_free(&card);
}

static void frames_that_the_host_refuses_are_dropped(void **state)
{
	static const int errors[] = {-EINVAL, -EIO, -ENOMEM, -ENOTCONN};
	struct net_card card;
	struct fake_segment segment = {.len = HEADER + 60};

	(void)state;
	net_card_start(&card, 0);
	segment.gpa = net_card_put_frame(&card, 60, 1);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		card.nic.refuse = errors[i];
		fake_driver_offer(&card.driver, TX, &segment, 1);
		fake_driver_kick(&card.driver, TX);
		assert_true(fake_driver_used(&card.driver, TX, NULL, NULL));
	}
	card.nic.refuse = 0;
	fake_driver_offer(&card.driver, TX, &segment, 1);
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, 1);
	net_card_free(&card);
}

/* Whose address a frame bears is between the guest and the host's network, which has the means. */
static void a_frame_that_bears_anothers_address_goes_out_as_it_is(void **state)
{
	struct net_card card;
	struct fake_segment segment = {.len = HEADER + 60};
	uint8_t *frame;

	(void)state;
	net_card_start(&card, 0);
	segment.gpa = net_card_put_frame(&card, 60, 1);
	frame = (uint8_t *)net_card_at(&card, segment.gpa, segment.len) + HEADER;
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x99", 6);
	fake_driver_offer(&card.driver, TX, &segment, 1);
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, 1);
	assert_memory_equal(card.nic.sent[0].bytes, frame, 60);
	net_card_free(&card);
}

static void a_full_host_makes_frames_wait_and_none_is_sent_twice(void **state)
{
	struct net_card card;
	struct nic_client *client;

	(void)state;
	net_card_start(&card, 0);
	client = card.nic.nic.client;
	card.nic.room = 3;
	net_card_offer_frames(&card, 10);
	fake_driver_kick(&card.driver, TX);
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, 3);
	for (int i = 0; i < 3; i++)
		assert_true(fake_driver_used(&card.driver, TX, NULL, NULL));
	assert_false(fake_driver_used(&card.driver, TX, NULL, NULL));
	assert_false(net_card_kicks_again(&card, TX)); /* it waits, it does not spin */
	card.nic.room = 100;
	client->writable(client, 0);
	assert_int_equal(card.nic.nsent, 10);
	client->writable(client, 0);
	assert_int_equal(card.nic.nsent, 10);
	net_card_free(&card);
}

static void one_batch_is_one_interrupt_and_a_turn_is_bounded(void **state)
{
	struct net_card card;

	(void)state;
	net_card_start(&card, 0);
	net_card_offer_frames(&card, 100);
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, NET_FRAMES_PER_TURN);
	assert_int_equal(card.driver.transport.queue_interrupts[TX], 1);
	assert_true(net_card_kicks_again(&card, TX));
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, 100);
	assert_int_equal(card.driver.transport.queue_interrupts[TX], 2);
	net_card_free(&card);
}

static void a_reset_forgets_a_waiting_frame(void **state)
{
	struct net_card card;
	struct nic_client *client;

	(void)state;
	net_card_start(&card, 0);
	client = card.nic.nic.client;
	card.nic.room = 0;
	net_card_offer_frames(&card, 2);
	fake_driver_kick(&card.driver, TX);
	fake_driver_reset(&card.driver);
	card.nic.room = 100;
	client->writable(client, 0);
	assert_int_equal(card.nic.nsent, 0);
	fake_driver_start(&card.driver, card.dev, &card.memory, 0);
	net_card_offer_frames(&card, 1);
	fake_driver_kick(&card.driver, TX);
	assert_int_equal(card.nic.nsent, 1);
	net_card_free(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_goes_out_with_its_header),
		cmocka_unit_test(how_a_frame_is_cut_does_not_matter),
		cmocka_unit_test(what_is_no_frame_is_dropped_and_the_next_one_goes_out),
		cmocka_unit_test(a_frame_in_more_pieces_than_the_host_takes_is_dropped),
		cmocka_unit_test(frames_that_the_host_refuses_are_dropped),
		cmocka_unit_test(a_frame_that_bears_anothers_address_goes_out_as_it_is),
		cmocka_unit_test(a_full_host_makes_frames_wait_and_none_is_sent_twice),
		cmocka_unit_test(one_batch_is_one_interrupt_and_a_turn_is_bounded),
		cmocka_unit_test(a_reset_forgets_a_waiting_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
