/* Tests of virtio/net.c, net_rx.c, net_tx.c and net_control.c against a fake driver and a fake nic.
 */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/driver.h"
#include "tests/fake/fake_nic.h"
#include "tests/fake/wire.h"
#include "virtio/net.h"
#include "virtio/net_queue.h"
#include "virtio/registers.h"
#include "vmm/util.h"

#define BIT(n) (UINT64_C(1) << (n))
#define TSO_FEATURES \
	(BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4))

enum { RX = 0, TX = 1, HEADER = sizeof(struct virtio_net_hdr_v1), STATUS_OFFSET = 6 };

static const uint8_t own_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

struct fixture {
	struct loop loop;
	struct fake_memory memory;
	struct fake_nic nic;
	struct fake_driver driver;
	struct virtio_device *dev;
};

static void create(struct fixture *fixture, unsigned int queues)
{
	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(loop_init(&fixture->loop), 0);
	fake_memory_init(&fixture->memory);
	fake_nic_init(&fixture->nic);
	fixture->nic.nic.queues = queues;
	fixture->nic.nic.offloads = NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4 | NIC_OFFLOAD_TSO6 |
				    NIC_OFFLOAD_TSO_ECN | NIC_OFFLOAD_USO;
	assert_int_equal(virtio_net_create_on(&fixture->nic.nic, "net0", own_mac, &fixture->loop,
					      &fixture->memory.mem, &fixture->dev),
			 0);
}

static void set_up(struct fixture *fixture, uint64_t features)
{
	create(fixture, 1);
	fake_driver_start(&fixture->driver, fixture->dev, &fixture->memory, features);
}

static void tear_down(struct fixture *fixture)
{
	virtio_net_free(fixture->dev);
	assert_true(fixture->nic.closed);
	fake_nic_free(&fixture->nic);
	fake_memory_free(&fixture->memory);
	loop_destroy(&fixture->loop);
}

static void *at(struct fixture *fixture, gpa_t gpa, uint64_t size)
{
	return fake_memory_at(&fixture->memory, gpa, size);
}

static uint64_t config_read(struct fixture *fixture, unsigned int offset, unsigned int size)
{
	return virtio_config_read(fixture->dev, offset, size);
}

/* Whether the device has kicked that queue itself, to go on later. */
static bool kicks_again(struct fixture *fixture, unsigned int queue)
{
	struct pollfd fd = {.fd = virtio_kick_fd(fixture->dev, queue), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* Features and configuration. */

static void the_configuration_says_mac_link_pairs_and_mtu(void **state)
{
	struct fixture fixture;
	uint8_t mac[6];

	(void)state;
	create(&fixture, 4);
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)config_read(&fixture, i, 1);
	assert_memory_equal(mac, own_mac, 6);
	assert_int_equal(config_read(&fixture, STATUS_OFFSET, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(config_read(&fixture, 8, 2), 4);
	assert_true(fixture.dev->features & BIT(VIRTIO_NET_F_MQ));
	assert_false(fixture.dev->features & BIT(VIRTIO_NET_F_MTU));
	tear_down(&fixture);
}

static void offloads_are_offered_as_the_host_has_them(void **state)
{
	const uint64_t both = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM);
	const uint64_t segments = BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |
				  BIT(54) | BIT(55) | BIT(56);
	struct fixture fixture;
	struct virtio_device *dev;
	struct fake_nic plain;

	(void)state;
	create(&fixture, 1);
	assert_int_equal(fixture.dev->features & (both | segments), both | segments);
	fake_nic_init(&plain);
	plain.nic.mtu = 9000;
	assert_int_equal(virtio_net_create_on(&plain.nic, "net1", own_mac, &fixture.loop,
					      &fixture.memory.mem, &dev),
			 0);
	assert_int_equal(dev->features & (both | segments), 0);
	assert_true(dev->features & BIT(VIRTIO_NET_F_MTU));
	assert_int_equal(virtio_config_read(dev, 10, 2), 9000);
	virtio_net_free(dev);
	tear_down(&fixture);
}

static void what_the_driver_takes_is_what_the_host_is_told(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	assert_int_equal(fixture.nic.offloads, NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4);
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, 0);
	assert_int_equal(fixture.nic.offloads, 0);
	/* Half of UDP segmentation is none: the host has one switch for both. */
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory,
			  BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(54));
	assert_int_equal(fixture.nic.offloads, NIC_OFFLOAD_CSUM);
	tear_down(&fixture);
}

static const uint64_t lonely_features[] = {BIT(VIRTIO_NET_F_GUEST_TSO4),
					   BIT(VIRTIO_NET_F_GUEST_TSO6),
					   BIT(VIRTIO_NET_F_GUEST_CSUM) |
						   BIT(VIRTIO_NET_F_GUEST_ECN),
					   BIT(VIRTIO_NET_F_HOST_TSO4),
					   BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_ECN),
					   BIT(VIRTIO_NET_F_CTRL_RX),
					   BIT(VIRTIO_NET_F_MQ),
					   BIT(VIRTIO_NET_F_CTRL_MAC_ADDR),
					   BIT(56),
					   BIT(54)};

static void features_without_those_they_need_are_refused(void **state)
{
	struct fixture fixture;

	(void)state;
	create(&fixture, 2);
	for (size_t i = 0; i < ARRAY_SIZE(lonely_features); i++)
		assert_false(fixture.dev->ops->features_ok(
			fixture.dev, lonely_features[i] | BIT(VIRTIO_F_VERSION_1)));
	assert_true(fixture.dev->ops->features_ok(fixture.dev, fixture.dev->features));
	tear_down(&fixture);
}

/* Sending. */

/* A frame of len bytes behind its header, in guest memory. */
static gpa_t put_frame(struct fixture *fixture, size_t len, uint8_t seed)
{
	gpa_t gpa = fake_memory_alloc(&fixture->memory, HEADER + len);

	wire_frame((uint8_t *)at(fixture, gpa, HEADER + len) + HEADER, len, seed);
	return gpa;
}

static void assert_sent(struct fixture *fixture, unsigned int n, size_t len, uint8_t seed)
{
	uint8_t *expected = malloc(len);

	wire_frame(expected, len, seed);
	assert_true(n < fixture->nic.nsent);
	assert_int_equal(fixture->nic.sent[n].len, len);
	assert_memory_equal(fixture->nic.sent[n].bytes, expected, len);
	free(expected);
}

static void a_frame_goes_out_with_its_header(void **state)
{
	struct fixture fixture;
	struct virtio_net_hdr_v1 *header;
	struct fake_segment segment = {.len = HEADER + 100};
	uint32_t written;
	uint16_t head, used;

	(void)state;
	set_up(&fixture, BIT(VIRTIO_NET_F_CSUM));
	segment.gpa = put_frame(&fixture, 100, 1);
	header = at(&fixture, segment.gpa, HEADER);
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = htole16(34);
	head = fake_driver_offer(&fixture.driver, TX, &segment, 1);
	fake_driver_kick(&fixture.driver, TX);
	assert_sent(&fixture, 0, 100, 1);
	assert_memory_equal(&fixture.nic.sent[0].header, header, HEADER);
	assert_true(fake_driver_used(&fixture.driver, TX, &used, &written));
	assert_int_equal(used, head);
	assert_int_equal(written, 0);
	tear_down(&fixture);
}

/* However the driver cuts it: the header in pieces, together with the frame, byte by byte. */
static void how_a_frame_is_cut_does_not_matter(void **state)
{
	static const uint32_t cuts[][8] = {{HEADER, 100},
					   {HEADER + 100},
					   {1, HEADER - 1, 100},
					   {5, 20, 50, 37},
					   {HEADER + 13, 1, 86}};
	struct fixture fixture;
	unsigned int n;

	(void)state;
	set_up(&fixture, BIT(VIRTIO_RING_F_INDIRECT_DESC));
	for (n = 0; n < ARRAY_SIZE(cuts); n++) {
		struct fake_segment segments[8];
		gpa_t gpa = put_frame(&fixture, 100, (uint8_t)n);
		unsigned int i = 0;

		for (; i < 8 && cuts[n][i]; i++) {
			segments[i] = (struct fake_segment){gpa, cuts[n][i], false};
			gpa += cuts[n][i];
		}
		fake_driver_offer(&fixture.driver, TX, segments, i);
		fake_driver_kick(&fixture.driver, TX);
		assert_sent(&fixture, n, 100, (uint8_t)n);
	}
	for (int indirect = 0; indirect < 2; indirect++, n++) {
		struct fake_segment segments[HEADER + 100];
		gpa_t gpa = put_frame(&fixture, 100, (uint8_t)n);
		struct fake_ring *ring = &fixture.driver.rings[TX];

		for (unsigned int i = 0; i < HEADER + 100; i++)
			segments[i] = (struct fake_segment){gpa + i, 1, false};
		fake_ring_offer(ring, indirect ? fake_ring_indirect(ring, &fixture.memory, segments,
								    HEADER + 100)
					       : fake_ring_chain(ring, segments, HEADER + 100));
		fake_driver_kick(&fixture.driver, TX);
		assert_sent(&fixture, n, 100, (uint8_t)n);
	}
	tear_down(&fixture);
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
		struct fixture fixture;
		struct fake_segment segments[3], good = {.len = HEADER + 60};
		unsigned int i;

		set_up(&fixture, 0);
		for (i = 0; i < 3 && (i == 0 || unsendable[n].len[i]); i++)
			segments[i] = (struct fake_segment){0x1000, unsendable[n].len[i],
							    unsendable[n].write};
		fake_driver_offer(&fixture.driver, TX, segments, i);
		good.gpa = put_frame(&fixture, 60, 9);
		fake_driver_offer(&fixture.driver, TX, &good, 1);
		fake_driver_kick(&fixture.driver, TX);
		assert_int_equal(fixture.nic.nsent, 1);
		assert_sent(&fixture, 0, 60, 9);
		assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
		assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
		assert_false(fake_driver_needs_reset(&fixture.driver));
		tear_down(&fixture);
	}
}

static void a_frame_in_more_pieces_than_the_host_takes_is_dropped(void **state)
{
	struct fixture fixture;
	struct fake_ring *ring;
	struct fake_segment segments[1024];
	gpa_t gpa;

	(void)state;
	set_up(&fixture, BIT(VIRTIO_RING_F_INDIRECT_DESC));
	ring = &fixture.driver.rings[TX];
	gpa = put_frame(&fixture, 1024, 1);
	for (unsigned int i = 0; i < 1024; i++)
		segments[i] = (struct fake_segment){gpa + i, 1, false};
	segments[0].len = HEADER + 1; /* 1024 pieces of frame, and the header */
	fake_ring_offer(ring, fake_ring_indirect(ring, &fixture.memory, segments, 1024));
	fake_driver_kick(&fixture.driver, TX);
	assert_int_equal(fixture.nic.nsent, 0);
	assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
	tear_down(&fixture);
}

static void frames_that_the_host_refuses_are_dropped(void **state)
{
	static const int errors[] = {-EINVAL, -EIO, -ENOMEM, -ENOTCONN};
	struct fixture fixture;
	struct fake_segment segment = {.len = HEADER + 60};

	(void)state;
	set_up(&fixture, 0);
	segment.gpa = put_frame(&fixture, 60, 1);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fixture.nic.refuse = errors[i];
		fake_driver_offer(&fixture.driver, TX, &segment, 1);
		fake_driver_kick(&fixture.driver, TX);
		assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
	}
	fixture.nic.refuse = 0;
	fake_driver_offer(&fixture.driver, TX, &segment, 1);
	fake_driver_kick(&fixture.driver, TX);
	assert_int_equal(fixture.nic.nsent, 1);
	tear_down(&fixture);
}

static void offer_frames(struct fixture *fixture, unsigned int n)
{
	struct fake_segment segment = {.len = HEADER + 60, .gpa = put_frame(fixture, 60, 1)};

	for (unsigned int i = 0; i < n; i++)
		fake_driver_offer(&fixture->driver, TX, &segment, 1);
}

static void a_full_host_makes_frames_wait_and_none_is_sent_twice(void **state)
{
	struct fixture fixture;
	struct nic_client *client;

	(void)state;
	set_up(&fixture, 0);
	client = fixture.nic.nic.client;
	fixture.nic.room = 3;
	offer_frames(&fixture, 10);
	fake_driver_kick(&fixture.driver, TX);
	fake_driver_kick(&fixture.driver, TX);
	assert_int_equal(fixture.nic.nsent, 3);
	for (int i = 0; i < 3; i++)
		assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
	assert_false(fake_driver_used(&fixture.driver, TX, NULL, NULL));
	assert_false(kicks_again(&fixture, TX)); /* it waits, it does not spin */
	fixture.nic.room = 100;
	client->writable(client, 0);
	assert_int_equal(fixture.nic.nsent, 10);
	client->writable(client, 0);
	assert_int_equal(fixture.nic.nsent, 10);
	tear_down(&fixture);
}

static void one_batch_is_one_interrupt_and_a_turn_is_bounded(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, 0);
	offer_frames(&fixture, 100);
	fake_driver_kick(&fixture.driver, TX);
	assert_int_equal(fixture.nic.nsent, NET_FRAMES_PER_TURN);
	assert_int_equal(fixture.driver.transport.queue_interrupts[TX], 1);
	assert_true(kicks_again(&fixture, TX));
	fake_driver_kick(&fixture.driver, TX);
	assert_int_equal(fixture.nic.nsent, 100);
	assert_int_equal(fixture.driver.transport.queue_interrupts[TX], 2);
	tear_down(&fixture);
}

static void a_reset_forgets_a_waiting_frame(void **state)
{
	struct fixture fixture;
	struct nic_client *client;

	(void)state;
	set_up(&fixture, 0);
	client = fixture.nic.nic.client;
	fixture.nic.room = 0;
	offer_frames(&fixture, 2);
	fake_driver_kick(&fixture.driver, TX);
	fake_driver_reset(&fixture.driver);
	fixture.nic.room = 100;
	client->writable(client, 0);
	assert_int_equal(fixture.nic.nsent, 0);
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, 0);
	offer_frames(&fixture, 1);
	fake_driver_kick(&fixture.driver, TX);
	assert_int_equal(fixture.nic.nsent, 1);
	tear_down(&fixture);
}

/* Receiving. */

struct buffer {
	uint16_t head;
	gpa_t gpa;
	uint32_t len;
};

static struct buffer offer_buffer(struct fixture *fixture, uint32_t len)
{
	struct fake_segment segment = {
		.gpa = fake_memory_alloc(&fixture->memory, len), .len = len, .write = true};
	struct buffer buffer = {.gpa = segment.gpa, .len = len};

	buffer.head = fake_driver_offer(&fixture->driver, RX, &segment, 1);
	return buffer;
}

/* The next frame as the driver puts it together from n buffers; its length. */
static size_t take_frame(struct fixture *fixture, const struct buffer *buffers, uint8_t *frame,
			 unsigned int *nused)
{
	size_t len = 0;
	unsigned int n = 1;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t written, skip = i == 0 ? HEADER : 0;
		uint16_t head;

		assert_true(fake_driver_used(&fixture->driver, RX, &head, &written));
		assert_int_equal(head, buffers[i].head);
		assert_true(written <= buffers[i].len && written >= skip);
		if (i == 0) {
			struct virtio_net_hdr_v1 *header =
				at(fixture, buffers[i].gpa, sizeof(*header));

			n = le16toh(header->num_buffers);
			assert_true(n >= 1);
		}
		if (written > skip)
			memcpy(frame + len, (uint8_t *)at(fixture, buffers[i].gpa, written) + skip,
			       written - skip);
		len += written - skip;
	}
	*nused = n;
	return len;
}

static uint8_t big[NIC_FRAME_MAX], got[2 * NIC_FRAME_MAX];

static void a_frame_comes_with_a_header_of_one_buffer(void **state)
{
	static const uint64_t features[] = {0, TSO_FEATURES};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct fixture fixture;
		struct buffer buffers[2];
		unsigned int n;

		set_up(&fixture, features[i]);
		buffers[0] = offer_buffer(&fixture, 2048);
		buffers[1] = offer_buffer(&fixture, 2048);
		wire_frame(big, 1500, 5);
		fake_nic_feed(&fixture.nic, big, 1500);
		assert_true(fixture.nic.paused[0]); /* until there are buffers */
		fake_driver_kick(&fixture.driver, RX);
		assert_int_equal(take_frame(&fixture, buffers, got, &n), 1500);
		assert_int_equal(n, 1);
		assert_memory_equal(got, big, 1500);
		assert_int_equal(fixture.driver.transport.queue_interrupts[RX], 1);
		tear_down(&fixture);
	}
}

static void a_large_frame_is_spread_over_merged_buffers(void **state)
{
	struct fixture fixture;
	struct buffer buffers[60];
	unsigned int n;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = offer_buffer(&fixture, 1536);
	wire_frame(big, sizeof(big), 7);
	fake_nic_feed(&fixture.nic, big, sizeof(big));
	fake_nic_feed(&fixture.nic, big, 60);
	fake_driver_kick(&fixture.driver, RX);
	fake_nic_deliver(&fixture.nic);
	assert_int_equal(take_frame(&fixture, buffers, got, &n), sizeof(big));
	assert_int_equal(n, (sizeof(big) + HEADER + 1535) / 1536);
	assert_memory_equal(got, big, sizeof(big));
	/* The rest was held for it and serves the next. */
	assert_int_equal(take_frame(&fixture, buffers + n, got, &n), 60);
	assert_memory_equal(got, big, 60);
	tear_down(&fixture);
}

/* Frames of all sizes through a ring that the driver refills as it goes, for long enough that all
 * of our own rings come round several times. */
static void frames_of_all_sizes_pass_a_ring_that_is_refilled(void **state)
{
	struct fixture fixture;
	struct buffer ring[128];
	struct fake_segment segments[3];
	unsigned int first = 0, random = 12345;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	for (size_t i = 0; i < ARRAY_SIZE(ring); i++)
		ring[i] = offer_buffer(&fixture, 1200);
	fake_driver_kick(&fixture.driver, RX);
	for (unsigned int round = 0; round < 3000; round++) {
		struct buffer in_turn[ARRAY_SIZE(ring)];
		size_t len;
		unsigned int n;

		random = random * 1103515245 + 12345;
		len = 60 + (random >> 8) % (round % 4 ? 1500 : 60000);
		wire_frame(big, len, (uint8_t)round);
		fixture.nic.received = fixture.nic.ncoming = 0;
		fake_nic_feed(&fixture.nic, big, len);
		fake_nic_deliver(&fixture.nic);
		for (size_t i = 0; i < ARRAY_SIZE(ring); i++)
			in_turn[i] = ring[(first + i) % ARRAY_SIZE(ring)];
		assert_int_equal(take_frame(&fixture, in_turn, got, &n), len);
		assert_memory_equal(got, big, len);
		for (; n > 0; n--, first++) {
			struct buffer *buffer = &ring[first % ARRAY_SIZE(ring)];
			uint32_t cut = 1 + first % 1000;

			/* In one, two or three pieces. */
			segments[0] = (struct fake_segment){buffer->gpa, cut, true};
			segments[1] = (struct fake_segment){buffer->gpa + cut, 100, true};
			segments[2] = (struct fake_segment){buffer->gpa + cut + 100,
							    buffer->len - cut - 100, true};
			buffer->head = fake_ring_chain(&fixture.driver.rings[RX], segments,
						       cut % 2 ? 3 : 2);
			if (cut % 2 == 0) {
				fixture.driver.rings[RX]
					.desc[fixture.driver.rings[RX].desc[buffer->head].next]
					.len = buffer->len - cut;
			}
			fake_ring_offer(&fixture.driver.rings[RX], buffer->head);
		}
		fake_driver_kick(&fixture.driver, RX);
	}
	tear_down(&fixture);
}

static void a_ring_without_buffers_pauses_the_host_and_loses_nothing(void **state)
{
	struct fixture fixture;
	struct buffer buffers[4];
	unsigned int n, reads;

	(void)state;
	set_up(&fixture, 0);
	buffers[0] = offer_buffer(&fixture, 2048);
	buffers[1] = offer_buffer(&fixture, 2048);
	fake_driver_kick(&fixture.driver, RX);
	wire_frame(big, 300, 1);
	for (unsigned int i = 0; i < 4; i++)
		fake_nic_feed(&fixture.nic, big, 100 + i);
	fake_nic_deliver(&fixture.nic); /* the flood */
	assert_true(fixture.nic.paused[0]);
	assert_false(kicks_again(&fixture, RX));
	assert_int_equal(fixture.nic.received, 2);
	reads = fixture.nic.reads;
	fixture.nic.nic.client->readable(fixture.nic.nic.client, 0); /* was fetched already */
	assert_int_equal(fixture.nic.reads, reads);
	buffers[2] = offer_buffer(&fixture, 2048);
	buffers[3] = offer_buffer(&fixture, 2048);
	fake_driver_kick(&fixture.driver, RX);
	fake_nic_deliver(&fixture.nic);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(take_frame(&fixture, buffers + i, got, &n), 100 + i);
		assert_memory_equal(got, big, 100 + i);
	}
	tear_down(&fixture);
}

static void a_frame_beyond_the_buffers_there_are_waits_for_more(void **state)
{
	struct fixture fixture;
	struct buffer buffers[20];
	unsigned int n;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	for (unsigned int i = 0; i < 3; i++)
		buffers[i] = offer_buffer(&fixture, 1000);
	wire_frame(big, 9000, 3);
	fake_nic_feed(&fixture.nic, big, 9000);
	fake_nic_feed(&fixture.nic, big, 90);
	fake_driver_kick(&fixture.driver, RX);
	assert_false(fake_driver_used(&fixture.driver, RX, NULL, NULL));
	assert_true(fixture.nic.paused[0]);
	for (unsigned int i = 3; i < 8; i++)
		buffers[i] = offer_buffer(&fixture, 1000);
	fake_driver_kick(&fixture.driver, RX);
	assert_false(fake_driver_used(&fixture.driver, RX, NULL, NULL));
	for (unsigned int i = 8; i < 12; i++)
		buffers[i] = offer_buffer(&fixture, 1000);
	fake_driver_kick(&fixture.driver, RX);
	fake_nic_deliver(&fixture.nic);
	assert_int_equal(take_frame(&fixture, buffers, got, &n), 9000);
	assert_int_equal(n, 10);
	assert_memory_equal(got, big, 9000);
	assert_int_equal(take_frame(&fixture, buffers + 10, got, &n), 90);
	tear_down(&fixture);
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
		struct fixture fixture;
		struct fake_ring *ring;
		struct fake_segment segments[1024];
		gpa_t gpa;

		set_up(&fixture, TSO_FEATURES | BIT(VIRTIO_RING_F_INDIRECT_DESC));
		ring = &fixture.driver.rings[RX];
		gpa = fake_memory_alloc(&fixture.memory, 2048);
		for (unsigned int i = 0; i < rings[n].pieces; i++)
			segments[i] = (struct fake_segment){gpa + i, rings[n].len, true};
		gpa = fake_memory_alloc(&fixture.memory, 1024 * sizeof(struct vring_desc));
		for (unsigned int i = 0; i < 256; i++) {
			/* All chains share one table. */
			if (i == 0)
				fake_ring_indirect(ring, &fixture.memory, segments,
						   rings[n].pieces);
			ring->desc[i] = ring->desc[0];
			fake_ring_offer(ring, (uint16_t)i);
		}
		wire_frame(big, sizeof(big), 3);
		fake_nic_feed(&fixture.nic, big, sizeof(big));
		fake_nic_feed(&fixture.nic, big, 14);
		fake_driver_kick(&fixture.driver, RX);
		fake_nic_deliver(&fixture.nic);
		assert_int_equal(fixture.nic.received, 2);
		assert_true(fake_driver_used(&fixture.driver, RX, NULL, NULL));
		assert_false(fake_driver_needs_reset(&fixture.driver));
		tear_down(&fixture);
	}
}

static void without_merging_a_frame_larger_than_its_buffer_is_dropped(void **state)
{
	struct fixture fixture;
	struct buffer buffers[2];
	unsigned int n;

	(void)state;
	set_up(&fixture, 0);
	buffers[0] = offer_buffer(&fixture, 500);
	buffers[1] = offer_buffer(&fixture, 2000);
	wire_frame(big, 1500, 3);
	fake_nic_feed(&fixture.nic, big, 1500);
	fake_nic_feed(&fixture.nic, big, 488);
	fake_driver_kick(&fixture.driver, RX);
	fake_nic_deliver(&fixture.nic);
	assert_int_equal(take_frame(&fixture, buffers, got, &n), 488);
	assert_memory_equal(got, big, 488);
	tear_down(&fixture);
}

static void what_is_shorter_than_a_frame_never_reaches_the_driver(void **state)
{
	struct fixture fixture;
	struct buffer buffer;
	unsigned int n;

	(void)state;
	set_up(&fixture, 0);
	buffer = offer_buffer(&fixture, 2000);
	wire_frame(big, 60, 3);
	for (size_t len = 0; len < NIC_FRAME_MIN; len++)
		fake_nic_feed(&fixture.nic, big, len);
	fake_nic_feed(&fixture.nic, big, 60);
	fake_driver_kick(&fixture.driver, RX);
	fake_nic_deliver(&fixture.nic);
	assert_int_equal(take_frame(&fixture, &buffer, got, &n), 60);
	tear_down(&fixture);
}

static void a_receive_buffer_without_room_for_a_header_breaks_the_device(void **state)
{
	static const uint32_t lengths[] = {0, 1, HEADER - 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct fixture fixture;
		struct fake_segment segment = {.gpa = 0x1000, .len = lengths[i], .write = true};
		struct buffer buffer;
		unsigned int n;

		set_up(&fixture, TSO_FEATURES);
		wire_frame(big, 60, 3);
		fake_nic_feed(&fixture.nic, big, 60);
		fake_driver_offer(&fixture.driver, RX, &segment, 1);
		fake_driver_kick(&fixture.driver, RX);
		assert_true(fake_driver_needs_reset(&fixture.driver));
		assert_true(fixture.nic.paused[0]);
		/* And after a reset it goes on. */
		fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, TSO_FEATURES);
		buffer = offer_buffer(&fixture, 2000);
		fake_driver_kick(&fixture.driver, RX);
		assert_int_equal(take_frame(&fixture, &buffer, got, &n), 60);
		tear_down(&fixture);
	}
}

/* A chain may have a part for the device to read; a receive queue has no use for it. */
static void readable_parts_of_a_receive_buffer_are_passed_over(void **state)
{
	struct fixture fixture;
	struct fake_segment segments[3] = {{0x1000, 50, false}, {0, 20, true}, {0, 100, true}};
	unsigned int n;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	wire_frame(big, 150, 3);
	fake_nic_feed(&fixture.nic, big, 150);
	for (unsigned int i = 0; i < 2; i++) {
		gpa_t gpa = fake_memory_alloc(&fixture.memory, 120);

		segments[1].gpa = gpa;
		segments[2].gpa = gpa + 20;
		fake_driver_offer(&fixture.driver, RX, segments, 3);
	}
	fake_driver_kick(&fixture.driver, RX);
	assert_true(fake_driver_used(&fixture.driver, RX, NULL, &n));
	assert_int_equal(n, 120);
	assert_memory_equal(at(&fixture, segments[1].gpa - 128 + HEADER, 108), big, 108);
	assert_true(fake_driver_used(&fixture.driver, RX, NULL, &n));
	assert_int_equal(n, 150 - 108);
	assert_memory_equal(at(&fixture, segments[1].gpa, 42), big + 108, 42);
	tear_down(&fixture);
}

static void receiving_is_bounded_by_turns_too(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up(&fixture, 0);
	for (unsigned int i = 0; i < 200; i++)
		offer_buffer(&fixture, 200);
	wire_frame(big, 60, 3);
	for (unsigned int i = 0; i < 100; i++)
		fake_nic_feed(&fixture.nic, big, 60);
	fake_driver_kick(&fixture.driver, RX);
	assert_int_equal(fixture.nic.received, NET_FRAMES_PER_TURN);
	assert_int_equal(fixture.driver.transport.queue_interrupts[RX], 1);
	assert_true(kicks_again(&fixture, RX));
	fake_driver_kick(&fixture.driver, RX);
	assert_int_equal(fixture.nic.received, 100);
	tear_down(&fixture);
}

/* Held buffers, a frame that waits for more: after a reset the device touches none of it. */
static void a_reset_lets_go_of_all_guest_memory(void **state)
{
	struct fixture fixture;
	struct buffer buffer;
	uint8_t *bytes;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	buffer = offer_buffer(&fixture, 1000);
	wire_frame(big, 5000, 3);
	fake_nic_feed(&fixture.nic, big, 5000);
	fake_driver_kick(&fixture.driver, RX);
	fake_driver_reset(&fixture.driver);
	assert_true(fixture.nic.paused[0]);
	bytes = at(&fixture, buffer.gpa, buffer.len);
	memset(bytes, 0x55, buffer.len);
	fake_nic_feed(&fixture.nic, big, 100);
	fixture.nic.nic.client->readable(fixture.nic.nic.client, 0);
	fake_driver_kick(&fixture.driver, RX);
	for (uint32_t i = 0; i < buffer.len; i++)
		assert_int_equal(bytes[i], 0x55);
	tear_down(&fixture);
}

static void ten_thousand_resets_with_frames_in_flight_leave_it_whole(void **state)
{
	struct fixture fixture;
	struct buffer buffer;
	unsigned int n;
	gpa_t start;

	(void)state;
	set_up(&fixture, TSO_FEATURES);
	start = fixture.memory.next;
	for (unsigned int i = 0; i < 10000; i++) {
		fixture.memory.next = start;
		fixture.nic.received = fixture.nic.ncoming = 0;
		fixture.nic.room = 0;
		buffer = offer_buffer(&fixture, 1000);
		fake_nic_feed(&fixture.nic, big, 2000);
		fake_driver_kick(&fixture.driver, RX);
		offer_frames(&fixture, 1);
		fake_driver_kick(&fixture.driver, TX);
		fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, TSO_FEATURES);
	}
	fixture.nic.received = fixture.nic.ncoming = 0;
	buffer = offer_buffer(&fixture, 1000);
	wire_frame(big, 70, 1);
	fake_nic_feed(&fixture.nic, big, 70);
	fake_driver_kick(&fixture.driver, RX);
	assert_int_equal(take_frame(&fixture, &buffer, got, &n), 70);
	tear_down(&fixture);
}

/* The driver resets one queue alone: the others go on where they were. */
static void a_queue_reset_gives_held_buffers_back(void **state)
{
	struct fixture fixture;
	struct buffer buffers[2];
	unsigned int n;

	(void)state;
	set_up(&fixture, BIT(VIRTIO_F_RING_RESET) | TSO_FEATURES);
	buffers[0] = offer_buffer(&fixture, 1000);
	buffers[1] = offer_buffer(&fixture, 1000);
	fake_driver_kick(&fixture.driver, RX); /* both are held now */
	virtio_queue_change(fixture.dev, TX, VIRTIO_QUEUE_RESET);
	wire_frame(big, 70, 1);
	fake_nic_feed(&fixture.nic, big, 70);
	fake_nic_deliver(&fixture.nic);
	assert_int_equal(take_frame(&fixture, buffers, got, &n), 70);
	tear_down(&fixture);
}

/* The link. */

static void a_host_that_goes_takes_the_link_down(void **state)
{
	struct fixture fixture;
	struct fake_segment segment = {.len = HEADER + 60};

	(void)state;
	set_up(&fixture, BIT(VIRTIO_NET_F_STATUS));
	nic_link_down(&fixture.nic.nic);
	assert_int_equal(config_read(&fixture, STATUS_OFFSET, 2), 0);
	assert_int_equal(fixture.driver.transport.config_interrupts, 1);
	fixture.nic.refuse = -ENOTCONN;
	segment.gpa = put_frame(&fixture, 60, 1);
	fake_driver_offer(&fixture.driver, TX, &segment, 1);
	fake_driver_kick(&fixture.driver, TX);
	assert_true(fake_driver_used(&fixture.driver, TX, NULL, NULL));
	offer_buffer(&fixture, 2000);
	fake_driver_kick(&fixture.driver, RX);
	assert_false(kicks_again(&fixture, RX));
	tear_down(&fixture);
}

/* The control queue. */

#define CONTROL_FEATURES                                                                           \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
	 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT(VIRTIO_NET_F_MQ) | TSO_FEATURES)

static int command(struct fixture *fixture, const void *bytes, uint32_t len)
{
	unsigned int queue = fixture->dev->nqueues - 1;
	gpa_t gpa = fake_memory_alloc(&fixture->memory, len + 1);
	struct fake_segment segments[2] = {{gpa, len, false}, {gpa + len, 1, true}};
	uint8_t *ack = at(fixture, gpa + len, 1);
	uint32_t written;

	if (len)
		memcpy(at(fixture, gpa, len), bytes, len);
	*ack = 0xee;
	fake_driver_offer(&fixture->driver, queue, segments, 2);
	fake_driver_kick(&fixture->driver, queue);
	assert_true(fake_driver_used(&fixture->driver, queue, NULL, &written));
	assert_int_equal(written, 1);
	return *ack;
}

static void set_up_control(struct fixture *fixture)
{
	create(fixture, 4);
	fake_driver_start(&fixture->driver, fixture->dev, &fixture->memory, CONTROL_FEATURES);
}

static void queue_pairs_come_and_go(void **state)
{
	struct fixture fixture;
	struct fake_segment segment = {.len = HEADER + 60};

	(void)state;
	set_up_control(&fixture);
	assert_int_equal(fixture.nic.nqueues, 1);
	segment.gpa = put_frame(&fixture, 60, 1);
	/* Before it is in use, a pair is not served. */
	fake_driver_offer(&fixture.driver, 5, &segment, 1);
	fake_driver_kick(&fixture.driver, 5);
	assert_int_equal(fixture.nic.nsent, 0);
	assert_int_equal(command(&fixture, "\4\0\3\0", 4), VIRTIO_NET_OK);
	assert_int_equal(fixture.nic.nqueues, 3);
	assert_true(kicks_again(&fixture, 5)); /* what waited there is looked at */
	fake_driver_kick(&fixture.driver, 5);
	assert_int_equal(fixture.nic.nsent, 1);
	assert_int_equal(fixture.nic.sent[0].queue, 2);
	fake_driver_kick(&fixture.driver, 4);
	assert_int_equal(command(&fixture, "\4\0\1\0", 4), VIRTIO_NET_OK);
	assert_int_equal(fixture.nic.nqueues, 1);
	assert_true(fixture.nic.paused[2]);
	fake_driver_offer(&fixture.driver, 5, &segment, 1);
	fake_driver_kick(&fixture.driver, 5);
	assert_int_equal(fixture.nic.nsent, 1);
	/* A reset begins with one again. */
	assert_int_equal(command(&fixture, "\4\0\4\0", 4), VIRTIO_NET_OK);
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory, CONTROL_FEATURES);
	assert_int_equal(fixture.nic.nqueues, 1);
	tear_down(&fixture);
}

static void a_driver_that_knows_one_pair_has_its_control_queue_third(void **state)
{
	struct fixture fixture;
	struct fake_segment segments[2] = {{0, 3, false}, {0, 1, true}};
	uint8_t *bytes;

	(void)state;
	create(&fixture, 4);
	fake_driver_start(&fixture.driver, fixture.dev, &fixture.memory,
			  BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX));
	segments[0].gpa = fake_memory_alloc(&fixture.memory, 4);
	segments[1].gpa = segments[0].gpa + 3;
	bytes = at(&fixture, segments[0].gpa, 4);
	memcpy(bytes, "\0\0\1\xee", 4);
	fake_driver_offer(&fixture.driver, 2, segments, 2);
	fake_driver_kick(&fixture.driver, 2);
	assert_int_equal(bytes[3], VIRTIO_NET_OK);
	tear_down(&fixture);
}

static void the_driver_may_set_its_mac_until_a_reset(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up_control(&fixture);
	assert_int_equal(command(&fixture, "\1\1\x02\x11\x22\x33\x44\x55", 8), VIRTIO_NET_OK);
	assert_int_equal(config_read(&fixture, 0, 1), 0x02);
	assert_int_equal(config_read(&fixture, 5, 1), 0x55);
	fake_driver_reset(&fixture.driver);
	assert_int_equal(config_read(&fixture, 5, 1), own_mac[5]);
	tear_down(&fixture);
}

static void guest_offloads_change_while_it_runs(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up_control(&fixture);
	assert_int_equal(fixture.nic.offloads, NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4);
	assert_int_equal(command(&fixture, "\5\0\2\0\0\0\0\0\0\0", 10), VIRTIO_NET_OK);
	assert_int_equal(fixture.nic.offloads, NIC_OFFLOAD_CSUM);
	assert_int_equal(command(&fixture, "\5\0\0\0\0\0\0\0\0\0", 10), VIRTIO_NET_OK);
	assert_int_equal(fixture.nic.offloads, 0);
	/* No more than was negotiated: bit 8 was not. */
	assert_int_equal(command(&fixture, "\5\0\2\1\0\0\0\0\0\0", 10), VIRTIO_NET_ERR);
	tear_down(&fixture);
}

static const struct {
	const char *what;
	const char *bytes;
	uint32_t len;
	uint8_t ack;
} commands[] = {
	{"promiscuous on", "\0\0\1", 3, VIRTIO_NET_OK},
	{"all multicast off", "\0\1\0", 3, VIRTIO_NET_OK},
	{"no broadcast", "\0\5\1", 3, VIRTIO_NET_OK},
	{"an unknown receive mode", "\0\6\1", 3, VIRTIO_NET_ERR},
	{"a receive mode neither on nor off", "\0\0\2", 3, VIRTIO_NET_ERR},
	{"a receive mode without its byte", "\0\0", 2, VIRTIO_NET_ERR},
	{"nothing", "", 0, VIRTIO_NET_ERR},
	{"half a header", "\0", 1, VIRTIO_NET_ERR},
	{"two empty tables", "\1\0\0\0\0\0\0\0\0\0", 10, VIRTIO_NET_OK},
	{"two tables", "\1\0\1\0\0\0abcdef\2\0\0\0ABCDEFabcdef", 28, VIRTIO_NET_OK},
	{"one table", "\1\0\0\0\0\0", 6, VIRTIO_NET_ERR},
	{"a table that is longer than it is", "\1\0\2\0\0\0abcdef\0\0\0\0", 16, VIRTIO_NET_ERR},
	{"a table of 2^32 - 1 addresses", "\1\0\xff\xff\xff\xff", 6, VIRTIO_NET_ERR},
	{"a count that overflows", "\1\0\xab\xaa\xaa\x2a", 6, VIRTIO_NET_ERR},
	{"a multicast address of its own", "\1\1\1\0\0\0\0\0", 8, VIRTIO_NET_ERR},
	{"five bytes of an address", "\1\1\2\0\0\0\0", 7, VIRTIO_NET_ERR},
	{"an unknown address command", "\1\2\2\0\0\0\0\0", 8, VIRTIO_NET_ERR},
	{"no queue pairs", "\4\0\0\0", 4, VIRTIO_NET_ERR},
	{"more queue pairs than there are", "\4\0\5\0", 4, VIRTIO_NET_ERR},
	{"65535 queue pairs", "\4\0\xff\xff", 4, VIRTIO_NET_ERR},
	{"half a number of queue pairs", "\4\0\1", 3, VIRTIO_NET_ERR},
	{"receive-side scaling", "\4\1\0\0", 4, VIRTIO_NET_ERR},
	{"seven bytes of offloads", "\5\0\0\0\0\0\0\0\0", 9, VIRTIO_NET_ERR},
	{"offloads that are none", "\5\0\xff\xff\xff\xff\xff\xff\xff\xff", 10, VIRTIO_NET_ERR},
	{"filters by VLAN", "\2\0\1\0", 4, VIRTIO_NET_ERR},
	{"an unknown class", "\xff\0\0\0", 4, VIRTIO_NET_ERR},
};

static void each_command_is_answered_as_it_deserves(void **state)
{
	struct fixture fixture;

	(void)state;
	set_up_control(&fixture);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int ack = command(&fixture, commands[i].bytes, commands[i].len);

		if (ack != commands[i].ack)
			fail_msg("%s: answered %d", commands[i].what, ack);
	}
	assert_false(fake_driver_needs_reset(&fixture.driver));
	tear_down(&fixture);
}

static void a_command_without_room_for_its_answer_breaks_the_device(void **state)
{
	struct fixture fixture;
	struct fake_segment segment = {0x1000, 3, false};

	(void)state;
	set_up_control(&fixture);
	fake_driver_offer(&fixture.driver, 8, &segment, 1);
	fake_driver_kick(&fixture.driver, 8);
	assert_true(fake_driver_needs_reset(&fixture.driver));
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_says_mac_link_pairs_and_mtu),
		cmocka_unit_test(offloads_are_offered_as_the_host_has_them),
		cmocka_unit_test(what_the_driver_takes_is_what_the_host_is_told),
		cmocka_unit_test(features_without_those_they_need_are_refused),
		cmocka_unit_test(a_frame_goes_out_with_its_header),
		cmocka_unit_test(how_a_frame_is_cut_does_not_matter),
		cmocka_unit_test(what_is_no_frame_is_dropped_and_the_next_one_goes_out),
		cmocka_unit_test(a_frame_in_more_pieces_than_the_host_takes_is_dropped),
		cmocka_unit_test(frames_that_the_host_refuses_are_dropped),
		cmocka_unit_test(a_full_host_makes_frames_wait_and_none_is_sent_twice),
		cmocka_unit_test(one_batch_is_one_interrupt_and_a_turn_is_bounded),
		cmocka_unit_test(a_reset_forgets_a_waiting_frame),
		cmocka_unit_test(a_frame_comes_with_a_header_of_one_buffer),
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
		cmocka_unit_test(a_host_that_goes_takes_the_link_down),
		cmocka_unit_test(queue_pairs_come_and_go),
		cmocka_unit_test(a_driver_that_knows_one_pair_has_its_control_queue_third),
		cmocka_unit_test(the_driver_may_set_its_mac_until_a_reset),
		cmocka_unit_test(guest_offloads_change_while_it_runs),
		cmocka_unit_test(each_command_is_answered_as_it_deserves),
		cmocka_unit_test(a_command_without_room_for_its_answer_breaks_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
