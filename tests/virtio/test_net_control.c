/* Tests of virtio/net_control.c, and of what its commands do to the card. */
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/net_card.h"
#include "virtio/registers.h"
#include "vmm/util.h"

#define CONTROL_FEATURES                                                                           \
	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
	 BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT(VIRTIO_NET_F_MQ) | TSO_FEATURES)

static int command(struct net_card *card, const void *bytes, uint32_t len)
{
	unsigned int queue = card->dev->nqueues - 1;
	gpa_t gpa = fake_memory_alloc(&card->memory, len + 1);
	struct fake_segment segments[2] = {{gpa, len, false}, {gpa + len, 1, true}};
	uint8_t *ack = net_card_at(card, gpa + len, 1);
	uint32_t written;

	if (len)
		memcpy(net_card_at(card, gpa, len), bytes, len);
	*ack = 0xee;
	fake_driver_offer(&card->driver, queue, segments, 2);
	fake_driver_kick(&card->driver, queue);
	assert_true(fake_driver_used(&card->driver, queue, NULL, &written));
	assert_int_equal(written, 1);
	return *ack;
}

static void set_up_control(struct net_card *card)
{
	net_card_create(card, 4);
	fake_driver_start(&card->driver, card->dev, &card->memory, CONTROL_FEATURES);
}

static void queue_pairs_come_and_go(void **state)
{
	struct net_card card;
	struct fake_segment segment = {.len = HEADER + 60};

	(void)state;
	set_up_control(&card);
	assert_int_equal(card.nic.nqueues, 1);
	segment.gpa = net_card_put_frame(&card, 60, 1);
	/* Before it is in use, a pair is not served. */
	fake_driver_offer(&card.driver, 5, &segment, 1);
	fake_driver_kick(&card.driver, 5);
	assert_int_equal(card.nic.nsent, 0);
	assert_int_equal(command(&card, "\4\0\3\0", 4), VIRTIO_NET_OK);
	assert_int_equal(card.nic.nqueues, 3);
	assert_true(net_card_kicks_again(&card, 5)); /* what waited there is looked at */
	fake_driver_kick(&card.driver, 5);
	assert_int_equal(card.nic.nsent, 1);
	assert_int_equal(card.nic.sent[0].queue, 2);
	fake_driver_kick(&card.driver, 4);
	assert_int_equal(command(&card, "\4\0\1\0", 4), VIRTIO_NET_OK);
	assert_int_equal(card.nic.nqueues, 1);
	assert_true(card.nic.paused[2]);
	fake_driver_offer(&card.driver, 5, &segment, 1);
	fake_driver_kick(&card.driver, 5);
	assert_int_equal(card.nic.nsent, 1);
	/* A reset begins with one again. */
	assert_int_equal(command(&card, "\4\0\4\0", 4), VIRTIO_NET_OK);
	fake_driver_start(&card.driver, card.dev, &card.memory, CONTROL_FEATURES);
	assert_int_equal(card.nic.nqueues, 1);
	net_card_free(&card);
}

static void a_number_of_pairs_that_the_host_refuses_changes_nothing(void **state)
{
	struct fake_segment segment = {.len = HEADER + 60};
	struct net_card card;

	(void)state;
	set_up_control(&card);
	segment.gpa = net_card_put_frame(&card, 60, 1);
	assert_int_equal(command(&card, "\4\0\3\0", 4), VIRTIO_NET_OK);
	card.nic.refuse_queues = true;
	assert_int_equal(command(&card, "\4\0\1\0", 4), VIRTIO_NET_ERR);
	fake_driver_offer(&card.driver, 5, &segment, 1);
	fake_driver_kick(&card.driver, 5);
	assert_int_equal(card.nic.nsent, 1);
	assert_int_equal(command(&card, "\4\0\4\0", 4), VIRTIO_NET_ERR);
	fake_driver_offer(&card.driver, 7, &segment, 1);
	fake_driver_kick(&card.driver, 7);
	assert_int_equal(card.nic.nsent, 1);
	net_card_free(&card);
}

static void a_driver_that_knows_one_pair_has_its_control_queue_third(void **state)
{
	struct net_card card;
	struct fake_segment segments[2] = {{0, 3, false}, {0, 1, true}};
	uint8_t *bytes;

	(void)state;
	net_card_create(&card, 4);
	fake_driver_start(&card.driver, card.dev, &card.memory,
			  BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX));
	segments[0].gpa = fake_memory_alloc(&card.memory, 4);
	segments[1].gpa = segments[0].gpa + 3;
	bytes = net_card_at(&card, segments[0].gpa, 4);
	memcpy(bytes, "\0\0\1\xee", 4);
	fake_driver_offer(&card.driver, 2, segments, 2);
	fake_driver_kick(&card.driver, 2);
	assert_int_equal(bytes[3], VIRTIO_NET_OK);
	net_card_free(&card);
}

static void the_driver_may_set_its_mac_until_a_reset(void **state)
{
	struct net_card card;

	(void)state;
	set_up_control(&card);
	assert_int_equal(command(&card, "\1\1\x02\x11\x22\x33\x44\x55", 8), VIRTIO_NET_OK);
	assert_int_equal(net_card_config(&card, 0, 1), 0x02);
	assert_int_equal(net_card_config(&card, 5, 1), 0x55);
	fake_driver_reset(&card.driver);
	assert_int_equal(net_card_config(&card, 5, 1), net_card_mac[5]);
	net_card_free(&card);
}

static void guest_offloads_change_while_it_runs(void **state)
{
	struct net_card card;

	(void)state;
	set_up_control(&card);
	assert_int_equal(card.nic.offloads, NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4);
	assert_int_equal(command(&card, "\5\0\2\0\0\0\0\0\0\0", 10), VIRTIO_NET_OK);
	assert_int_equal(card.nic.offloads, NIC_OFFLOAD_CSUM);
	assert_int_equal(command(&card, "\5\0\0\0\0\0\0\0\0\0", 10), VIRTIO_NET_OK);
	assert_int_equal(card.nic.offloads, 0);
	/* No more than was negotiated: bit 8 was not. */
	assert_int_equal(command(&card, "\5\0\2\1\0\0\0\0\0\0", 10), VIRTIO_NET_ERR);
	net_card_free(&card);
}

static void guest_offloads_outlive_the_reset_of_a_queue(void **state)
{
	struct net_card card;

	(void)state;
	net_card_create(&card, 4);
	fake_driver_start(&card.driver, card.dev, &card.memory,
			  CONTROL_FEATURES | BIT(VIRTIO_F_RING_RESET));
	assert_int_equal(card.nic.offloads, NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4);
	assert_int_equal(command(&card, "\5\0\0\0\0\0\0\0\0\0", 10), VIRTIO_NET_OK);
	virtio_queue_change(card.dev, RX, VIRTIO_QUEUE_RESET);
	assert_int_equal(card.nic.offloads, 0);
	fake_driver_start(&card.driver, card.dev, &card.memory, CONTROL_FEATURES);
	assert_int_equal(card.nic.offloads, NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4);
	net_card_free(&card);
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
	struct net_card card;

	(void)state;
	set_up_control(&card);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int ack = command(&card, commands[i].bytes, commands[i].len);

		if (ack != commands[i].ack)
			fail_msg("%s: answered %d", commands[i].what, ack);
	}
	assert_false(fake_driver_needs_reset(&card.driver));
	net_card_free(&card);
}

static void a_command_without_room_for_its_answer_breaks_the_device(void **state)
{
	struct net_card card;
	struct fake_segment segment = {0x1000, 3, false};

	(void)state;
	set_up_control(&card);
	fake_driver_offer(&card.driver, 8, &segment, 1);
	fake_driver_kick(&card.driver, 8);
	assert_true(fake_driver_needs_reset(&card.driver));
	net_card_free(&card);
}

static void a_flood_of_commands_takes_turns_with_the_rest_of_the_loop(void **state)
{
	enum { COMMANDS = 60 };
	struct fake_segment segments[2] = {{0, 3, false}, {0, 1, true}};
	struct net_card card;
	unsigned int done = 0;

	(void)state;
	set_up_control(&card);
	segments[0].gpa = fake_memory_alloc(&card.memory, 4);
	segments[1].gpa = segments[0].gpa + 3;
	memcpy(net_card_at(&card, segments[0].gpa, 4), "\0\0\1\xee", 4);
	for (unsigned int i = 0; i < COMMANDS; i++)
		fake_driver_offer(&card.driver, 8, segments, 2);
	fake_driver_kick(&card.driver, 8);
	while (fake_driver_used(&card.driver, 8, NULL, NULL))
		done++;
	assert_in_range(done, 1, 8);
	while (done < COMMANDS) {
		assert_true(net_card_kicks_again(&card, 8));
		fake_driver_kick(&card.driver, 8);
		while (fake_driver_used(&card.driver, 8, NULL, NULL))
			done++;
	}
	assert_int_equal(done, COMMANDS);
	net_card_free(&card);
}

/* The last queue is behind all pairs, and is nobody's then. */
static void without_its_feature_there_is_no_control_queue(void **state)
{
	struct fake_segment segment = {.len = HEADER + 60};
	struct net_card card;

	(void)state;
	net_card_create(&card, 1);
	fake_driver_start(&card.driver, card.dev, &card.memory, 0);
	segment.gpa = net_card_put_frame(&card, 60, 1);
	fake_driver_offer(&card.driver, 2, &segment, 1);
	fake_driver_kick(&card.driver, 2);
	assert_false(fake_driver_used(&card.driver, 2, NULL, NULL));
	assert_int_equal(card.nic.nsent, 0);
	net_card_free(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_pairs_come_and_go),
		cmocka_unit_test(a_number_of_pairs_that_the_host_refuses_changes_nothing),
		cmocka_unit_test(a_driver_that_knows_one_pair_has_its_control_queue_third),
		cmocka_unit_test(the_driver_may_set_its_mac_until_a_reset),
		cmocka_unit_test(guest_offloads_change_while_it_runs),
		cmocka_unit_test(guest_offloads_outlive_the_reset_of_a_queue),
		cmocka_unit_test(each_command_is_answered_as_it_deserves),
		cmocka_unit_test(a_command_without_room_for_its_answer_breaks_the_device),
		cmocka_unit_test(a_flood_of_commands_takes_turns_with_the_rest_of_the_loop),
		cmocka_unit_test(without_its_feature_there_is_no_control_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
