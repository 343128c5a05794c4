/* Tests of virtio/net.c and net_features.c: configuration, features, the link. */
#include <errno.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fake/net_card.h"
#include "tests/fake/wire.h"
#include "virtio/net.h"
#include "virtio/registers.h"
#include "vmm/util.h"

/* Features and configuration. */

static void the_configuration_says_mac_link_pairs_and_mtu(void **state)
{
	struct net_card card;
	uint8_t mac[6];

	(void)state;
	net_card_create(&card, 4);
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)net_card_config(&card, i, 1);
	assert_memory_equal(mac, net_card_mac, 6);
	assert_int_equal(net_card_config(&card, STATUS_OFFSET, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(net_card_config(&card, 8, 2), 4);
	assert_true(card.dev->features & BIT(VIRTIO_NET_F_MQ));
	assert_false(card.dev->features & BIT(VIRTIO_NET_F_MTU));
	net_card_free(&card);
}

static void offloads_are_offered_as_the_host_has_them(void **state)
{
	const uint64_t both = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM);
	const uint64_t segments = BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |
				  BIT(54) | BIT(55) | BIT(56);
	struct net_card card;
	struct virtio_device *dev;
	struct fake_nic plain;

	(void)state;
	net_card_create(&card, 1);
	assert_int_equal(card.dev->features & (both | segments), both | segments);
	fake_nic_init(&plain);
	plain.nic.mtu = 9000;
	assert_int_equal(virtio_net_create_on(&plain.nic, "net1", net_card_mac, &card.loop,
					      &card.memory.mem, &dev),
			 0);
	assert_int_equal(dev->features & (both | segments), 0);
	assert_true(dev->features & BIT(VIRTIO_NET_F_MTU));
	assert_int_equal(virtio_config_read(dev, 10, 2), 9000);
	virtio_net_free(dev);
	net_card_free(&card);
}

static void what_the_driver_takes_is_what_the_host_is_told(void **state)
{
	struct net_card card;

	(void)state;
	net_card_start(&card, TSO_FEATURES);
	assert_int_equal(card.nic.offloads, NIC_OFFLOAD_CSUM | NIC_OFFLOAD_TSO4);
	fake_driver_start(&card.driver, card.dev, &card.memory, 0);
	assert_int_equal(card.nic.offloads, 0);
	/* Half of UDP segmentation is none: the host has one switch for both. */
	fake_driver_start(&card.driver, card.dev, &card.memory,
			  BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(54));
	assert_int_equal(card.nic.offloads, NIC_OFFLOAD_CSUM);
	net_card_free(&card);
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
	struct net_card card;

	(void)state;
	net_card_create(&card, 2);
	for (size_t i = 0; i < ARRAY_SIZE(lonely_features); i++)
		assert_false(card.dev->ops->features_ok(card.dev, lonely_features[i] |
									  BIT(VIRTIO_F_VERSION_1)));
	assert_true(card.dev->ops->features_ok(card.dev, card.dev->features));
	net_card_free(&card);
}

/* The link. */

static void a_host_that_goes_takes_the_link_down(void **state)
{
	struct net_card card;
	struct fake_segment segment = {.len = HEADER + 60};

	(void)state;
	net_card_start(&card, BIT(VIRTIO_NET_F_STATUS));
	nic_link_down(&card.nic.nic);
	assert_int_equal(net_card_config(&card, STATUS_OFFSET, 2), 0);
	assert_int_equal(card.driver.transport.config_interrupts, 1);
	card.nic.refuse = -ENOTCONN;
	segment.gpa = net_card_put_frame(&card, 60, 1);
	fake_driver_offer(&card.driver, TX, &segment, 1);
	fake_driver_kick(&card.driver, TX);
	assert_true(fake_driver_used(&card.driver, TX, NULL, NULL));
	net_card_offer_buffer(&card, 2000);
	fake_driver_kick(&card.driver, RX);
	assert_false(net_card_kicks_again(&card, RX));
	net_card_free(&card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_says_mac_link_pairs_and_mtu),
		cmocka_unit_test(offloads_are_offered_as_the_host_has_them),
		cmocka_unit_test(what_the_driver_takes_is_what_the_host_is_told),
		cmocka_unit_test(features_without_those_they_need_are_refused),
		cmocka_unit_test(a_host_that_goes_takes_the_link_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
