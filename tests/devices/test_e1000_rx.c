/* Tests of devices/e1000_rx.c: frames through filters into descriptors of all kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/e1000_card.h"
#include "tests/fake/wire.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static uint8_t big[NIC_FRAME_MAX];

static void a_frame_comes_with_a_check_sequence_and_an_interrupt(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(big, 1500, 1);
	fake_nic_feed(&f.nic, big, 1500);
	fake_nic_feed(&f.nic, big, 20); /* shorter than any on a wire */
	fake_nic_deliver(&f.nic);
	assert_memory_equal(f.bytes + BUFFERS, big, 1500);
	assert_int_equal(load_le16(f.bytes + RX_RING + 8), 1504);
	assert_int_equal(f.bytes[RX_RING + 12], 1 | 1 << 1 | 1 << 2);
	assert_int_equal(f.bytes[RX_RING + 13], 0);
	assert_int_equal(load_le16(f.bytes + RX_RING + 24), 64);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 2);
	assert_true(f.irq.high);
	assert_true(fake_e1000_get(&f, E1000_ICR) & ICR_RXT0);
	assert_int_equal(fake_e1000_get(&f, 0x4074), 2);
	fake_e1000_free(&f);
}

static void a_long_frame_takes_several_descriptors_if_it_may(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(big, 5000, 1);
	fake_nic_feed(&f.nic, big, 5000); /* not allowed yet */
	fake_nic_deliver(&f.nic);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 0);
	fake_e1000_set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_LPE);
	fake_nic_feed(&f.nic, big, 5000);
	fake_nic_deliver(&f.nic);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 3);
	assert_memory_equal(f.bytes + BUFFERS, big, 5000);
	assert_int_equal(f.bytes[RX_RING + 12] & 3, 1);
	assert_int_equal(f.bytes[RX_RING + 28] & 3, 1);
	assert_int_equal(f.bytes[RX_RING + 44] & 3, 3);
	assert_int_equal(load_le16(f.bytes + RX_RING + 40), 5004 - 2 * 2048);
	fake_e1000_free(&f);
}

static void received_checksums_are_looked_at_on_request(void **state)
{
	struct fake_e1000 f;
	uint8_t frame[200];
	size_t len;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
	len = fake_ip_frame(frame, true, 50, true);
	e1000_insert_checksum(frame, len, 14, 24, 33);
	e1000_insert_checksum(frame, len, 34, 50, 0);
	fake_nic_feed(&f.nic, frame, len);
	fake_nic_deliver(&f.nic);
	assert_int_equal(f.bytes[RX_RING + 12], 1 | 1 << 1 | 1 << 5 | 1 << 6);
	assert_int_equal(f.bytes[RX_RING + 13], 0);
	frame[60] ^= 1;
	fake_nic_feed(&f.nic, frame, len);
	fake_nic_deliver(&f.nic);
	assert_int_equal(f.bytes[RX_RING + 16 + 13], 1 << 5);
	frame[22] ^= 1;
	fake_nic_feed(&f.nic, frame, len);
	fake_nic_deliver(&f.nic);
	assert_int_equal(f.bytes[RX_RING + 32 + 13], 1 << 5 | 1 << 6);
	fake_e1000_free(&f);
}

/* What a host on the network may send: lengths that the frame does not have are not looked behind.
 */
static void lies_about_lengths_leave_a_frame_unlooked_at(void **state)
{
	static const struct {
		const char *what;
		unsigned int at;
		uint8_t high, low;
	} lies[] = {
		{"a packet of no length", 16, 0, 0},
		{"a packet shorter than its header", 16, 0, 19},
		{"a packet one byte longer than the frame and its check sequence", 16, 0, 95},
		{"a packet of 65535 bytes", 16, 0xff, 0xff},
		{"a header of no length", 14, 0x40, 0},
		{"a header of 16 bytes", 14, 0x44, 0},
		{"another version", 14, 0x65, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct fake_e1000 f;
		uint8_t frame[200];
		size_t len = fake_ip_frame(frame, true, 50, true);

		fake_e1000_init(&f);
		fake_e1000_set(&f, E1000_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
		frame[lies[i].at] = lies[i].high;
		frame[lies[i].at + 1] = lies[i].low;
		fake_nic_feed(&f.nic, frame, len);
		fake_nic_deliver(&f.nic);
		if (f.bytes[RX_RING + 12] != (1 | 1 << 1 | 1 << 2) || f.bytes[RX_RING + 13] != 0)
			fail_msg("%s", lies[i].what);
		fake_e1000_free(&f);
	}
}

static const struct {
	const char *what;
	uint8_t mac[6];
	uint32_t rctl;
	bool passes;
} filters[] = {
	{"its own address", {0x52, 0x54, 0, 1, 2, 3}, 0, true},
	{"another's", {0x52, 0x54, 0, 1, 2, 4}, 0, false},
	{"another's, promiscuous", {0x52, 0x54, 0, 1, 2, 4}, RCTL_UPE, true},
	{"a second one of its own", {0x52, 0x54, 0, 9, 9, 9}, 0, true},
	{"broadcast", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, RCTL_BAM, true},
	{"broadcast, not wanted", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0, false},
	{"multicast", {1, 0, 0x5e, 0, 0, 1}, 0, false},
	{"multicast, all", {1, 0, 0x5e, 0, 0, 1}, RCTL_MPE, true},
	{"multicast, by hash", {1, 0, 0x5e, 0, 0x30, 0x12}, 0, true}, /* 0x123 */
	{"multicast, by another hash", {1, 0, 0x5e, 0, 0x30, 0x12}, 1 << 12, false},
};

static void only_frames_that_pass_the_filters_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct fake_e1000 f;

		fake_e1000_init(&f);
		fake_e1000_set(&f, E1000_RCTL, RCTL_EN | filters[i].rctl);
		fake_e1000_set(&f, E1000_RA + 8 * 5, 0x09005452);
		fake_e1000_set(&f, E1000_RA + 8 * 5 + 4, 0x80000909);
		fake_e1000_set(&f, E1000_MTA + 4 * (0x123 >> 5), 1u << (0x123 & 31));
		wire_frame(big, 60, 1);
		memcpy(big, filters[i].mac, 6);
		fake_nic_feed(&f.nic, big, 60);
		fake_nic_deliver(&f.nic);
		if (fake_e1000_get(&f, E1000_RDH) != filters[i].passes)
			fail_msg("%s: %s", filters[i].what, filters[i].passes ? "lost" : "passed");
		fake_e1000_free(&f);
	}
}

static void vlans_are_filtered_where_wanted(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_VFE);
	fake_e1000_set(&f, E1000_VFTA + 4 * (0x123 >> 5), 1u << (0x123 & 31));
	wire_frame(big, 60, 1);
	memcpy(big + 12, "\x81\x00\x01\x24", 4);
	fake_nic_feed(&f.nic, big, 60);
	fake_nic_deliver(&f.nic);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 0);
	memcpy(big + 12, "\x81\x00\x01\x23", 4);
	fake_nic_feed(&f.nic, big, 60);
	fake_nic_deliver(&f.nic);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 1);
	fake_e1000_free(&f);
}

static void a_ring_without_descriptors_pauses_the_host_and_loses_nothing(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(big, 5000, 1);
	fake_e1000_set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_LPE);
	fake_e1000_set(&f, E1000_RDT, 2);
	for (unsigned int i = 0; i < 3; i++)
		fake_nic_feed(&f.nic, big, i == 1 ? 3000 : 100);
	fake_nic_deliver(&f.nic);
	assert_true(f.nic.paused[0]);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH),
			 1); /* the second needs two, and there is one */
	fake_e1000_set(&f, E1000_RDT, 3);
	fake_e1000_serve(&f);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 3);
	assert_true(f.nic.paused[0]);
	fake_e1000_set(&f, E1000_RDT, 10);
	fake_e1000_serve(&f);
	fake_nic_deliver(&f.nic);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 4);
	assert_false(f.nic.paused[0]);
	fake_e1000_free(&f);
}

static void receive_buffers_outside_of_ram_are_passed_over(void **state)
{
	static const uint64_t addresses[] = {0xd0000000, RAM_SIZE - 10, UINT64_MAX, 0xc0000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct fake_e1000 f;

		fake_e1000_init(&f);
		store_le64(f.bytes + RX_RING, addresses[i]);
		wire_frame(big, 100, 1);
		fake_nic_feed(&f.nic, big, 100);
		fake_nic_feed(&f.nic, big, 100);
		fake_nic_deliver(&f.nic);
		assert_int_equal(fake_e1000_get(&f, E1000_RDH), 2);
		assert_int_equal(f.bytes[RX_RING + 12], 0);
		assert_memory_equal(f.bytes + BUFFERS + 2048, big, 100);
		fake_e1000_free(&f);
	}
}

static void a_frame_that_no_ring_can_hold_is_dropped(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_RDLEN, 128);
	fake_e1000_set(&f, E1000_RDH, 0);
	fake_e1000_set(&f, E1000_RDT, 7);
	fake_e1000_set(&f, E1000_RCTL,
		       RCTL_EN | RCTL_BAM | RCTL_LPE | 3 << 16); /* 8 buffers of 256 */
	wire_frame(big, 9000, 1);
	fake_nic_feed(&f.nic, big, 9000);
	fake_nic_feed(&f.nic, big, 60);
	fake_nic_deliver(&f.nic);
	assert_int_equal(fake_e1000_get(&f, E1000_RDH), 1);
	assert_int_equal(fake_e1000_get(&f, 0x4010), 1);
	fake_e1000_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_with_a_check_sequence_and_an_interrupt),
		cmocka_unit_test(a_long_frame_takes_several_descriptors_if_it_may),
		cmocka_unit_test(received_checksums_are_looked_at_on_request),
		cmocka_unit_test(lies_about_lengths_leave_a_frame_unlooked_at),
		cmocka_unit_test(only_frames_that_pass_the_filters_arrive),
		cmocka_unit_test(vlans_are_filtered_where_wanted),
		cmocka_unit_test(a_ring_without_descriptors_pauses_the_host_and_loses_nothing),
		cmocka_unit_test(receive_buffers_outside_of_ram_are_passed_over),
		cmocka_unit_test(a_frame_that_no_ring_can_hold_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
