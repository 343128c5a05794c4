/* net_card.c: see net_card.h. */
#include "tests/fake/net_card.h"

#include <endian.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/wire.h"
#include "virtio/net.h"
#include "virtio/registers.h"

const uint8_t net_card_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

void net_card_create(struct net_card *card, unsigned int queues)
{
	memset(card, 0, sizeof(*card));
	assert_int_equal(loop_init(&card->loop), 0);
	fake_memory_init(&card->memory);
	fake_nic_init(&card->nic);
	card->nic.nic.queues = queues;
	card->nic.nic.offloads = NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4 | NIC_OFFLOAD_TSO6 |
				 NIC_OFFLOAD_TSO_ECN | NIC_OFFLOAD_USO;
	assert_int_equal(virtio_net_create_on(&card->nic.nic, "net0", net_card_mac, &card->loop,
					      &card->memory.mem, &card->dev),
			 0);
}

void net_card_start(struct net_card *card, uint64_t features)
{
	net_card_create(card, 1);
	fake_driver_start(&card->driver, card->dev, &card->memory, features);
}

void net_card_free(struct net_card *card)
{
	virtio_net_free(card->dev);
	assert_true(card->nic.closed);
	fake_nic_free(&card->nic);
	fake_memory_free(&card->memory);
	loop_destroy(&card->loop);
}

void *net_card_at(struct net_card *card, gpa_t gpa, uint64_t size)
{
	return fake_memory_at(&card->memory, gpa, size);
}

uint64_t net_card_config(struct net_card *card, unsigned int offset, unsigned int size)
{
	return virtio_config_read(card->dev, offset, size);
}

/* Whether the device has kicked that queue itself, to go on later. */
bool net_card_kicks_again(struct net_card *card, unsigned int queue)
{
	struct pollfd fd = {.fd = virtio_kick_fd(card->dev, queue), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* A frame of len bytes behind its header, in guest memory. */
gpa_t net_card_put_frame(struct net_card *card, size_t len, uint8_t seed)
{
	gpa_t gpa = fake_memory_alloc(&card->memory, HEADER + len);

	wire_frame((uint8_t *)net_card_at(card, gpa, HEADER + len) + HEADER, len, seed);
	return gpa;
}

void net_card_offer_frames(struct net_card *card, unsigned int n)
{
	struct fake_segment segment = {.len = HEADER + 60, .gpa = net_card_put_frame(card, 60, 1)};

	for (unsigned int i = 0; i < n; i++)
		fake_driver_offer(&card->driver, TX, &segment, 1);
}

struct net_buffer net_card_offer_buffer(struct net_card *card, uint32_t len)
{
	struct fake_segment segment = {
		.gpa = fake_memory_alloc(&card->memory, len), .len = len, .write = true};
	struct net_buffer buffer = {.gpa = segment.gpa, .len = len};

	buffer.head = fake_driver_offer(&card->driver, RX, &segment, 1);
	return buffer;
}

/* The next frame as the driver puts it together from n buffers; its length. */
size_t net_card_take_frame(struct net_card *card, const struct net_buffer *buffers, uint8_t *frame,
			   unsigned int *nused)
{
	size_t len = 0;
	unsigned int n = 1;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t written, skip = i == 0 ? HEADER : 0;
		uint16_t head;

		assert_true(fake_driver_used(&card->driver, RX, &head, &written));
		assert_int_equal(head, buffers[i].head);
		assert_true(written <= buffers[i].len && written >= skip);
		if (i == 0) {
			struct virtio_net_hdr_v1 *header =
				net_card_at(card, buffers[i].gpa, sizeof(*header));

			n = le16toh(header->num_buffers);
			assert_true(n >= 1);
		}
		if (written > skip)
			memcpy(frame + len,
			       (uint8_t *)net_card_at(card, buffers[i].gpa, written) + skip,
			       written - skip);
		len += written - skip;
	}
	*nused = n;
	return len;
}
