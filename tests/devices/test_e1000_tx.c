/* Tests of devices/e1000_tx.c and e1000_frame.c: descriptors, well formed or not, to frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fake/e1000_card.h"
#include "tests/fake/wire.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static void a_frame_in_two_pieces_goes_out_and_is_reported(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(f.bytes + DATA, 300, 1);
	fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_RS));
	fake_e1000_put(&f, DATA + 100, fake_e1000_legacy(200, COMMAND_EOP | COMMAND_IFCS));
	fake_e1000_put(&f, DATA, fake_e1000_data(60, COMMAND_EOP | COMMAND_RS, 0));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 2);
	assert_int_equal(f.nic.sent[0].len, 300);
	assert_memory_equal(f.nic.sent[0].bytes, f.bytes + DATA, 300);
	assert_int_equal(f.nic.sent[1].len, 60);
	assert_true(fake_e1000_is_done(&f, 0));
	assert_false(fake_e1000_is_done(&f, 1)); /* did not ask */
	assert_true(fake_e1000_is_done(&f, 2));
	assert_int_equal(fake_e1000_get(&f, E1000_TDH), 3);
	assert_true(f.irq.high);
	assert_int_equal(fake_e1000_get(&f, E1000_ICR) & ICR_TXDW, ICR_TXDW);
	assert_false(f.irq.high);
	assert_int_equal(fake_e1000_get(&f, 0x4080), 2);
	assert_int_equal(fake_e1000_get(&f, 0x4080), 0);
	fake_e1000_free(&f);
}

static void assert_right_checksums(const uint8_t *frame, size_t len)
{
	uint8_t status = 0, errors = 0;

	e1000_check_received(frame, len, RXCSUM_IPOFL | RXCSUM_TUOFL, &status, &errors);
	assert_int_equal(status, 1 << 5 | 1 << 6); /* both were looked at */
	assert_int_equal(errors, 0);
}

static void checksums_are_put_where_the_context_says(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		for (size_t payload = 0; payload < 5; payload++) {
			struct fake_e1000 f;
			struct e1000_tx_context context = {.ip_start = 14,
							   .ip_offset = 24,
							   .ip_end = 33,
							   .data_start = 34,
							   .data_offset = tcp ? 50 : 40};
			size_t len;

			fake_e1000_init(&f);
			len = fake_ip_frame(f.bytes + DATA, tcp, payload, true);
			fake_e1000_put_context(&f, &context);
			fake_e1000_put(&f, DATA, fake_e1000_data((uint32_t)len, COMMAND_EOP, 3));
			fake_e1000_send(&f);
			assert_int_equal(f.nic.nsent, 1);
			assert_int_equal(f.nic.sent[0].len, len);
			assert_right_checksums(f.nic.sent[0].bytes, len);
			fake_e1000_free(&f);
		}
	}
}

static void a_large_frame_is_cut_into_segments(void **state)
{
	static const struct e1000_tx_context context = {.ip_start = 14,
							.ip_offset = 24,
							.ip_end = 33,
							.data_start = 34,
							.data_offset = 50,
							.header = 54,
							.payload = 4500,
							.mss = 1000,
							.tcp = true,
							.ipv4 = true};
	struct fake_e1000 f;
	size_t len;

	(void)state;
	fake_e1000_init(&f);
	len = fake_ip_frame(f.bytes + DATA, true, 4500, false);
	fake_e1000_put_context(&f, &context);
	fake_e1000_put(&f, DATA, fake_e1000_data(54, COMMAND_TSE, 3));
	fake_e1000_put(
		&f, DATA + 54,
		fake_e1000_data((uint32_t)len - 54, COMMAND_TSE | COMMAND_EOP | COMMAND_RS, 0));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct fake_frame *frame = &f.nic.sent[i];
		size_t payload = i < 4 ? 1000 : 500;

		assert_int_equal(frame->len, 54 + payload);
		assert_int_equal(fake_get_be16(frame->bytes + 16), 40 + payload);
		assert_int_equal(fake_get_be16(frame->bytes + 18), 0x1234 + i);
		assert_int_equal(fake_get_be16(frame->bytes + 38) << 16 |
					 fake_get_be16(frame->bytes + 40),
				 0xffffff00u + i * 1000);
		assert_int_equal(frame->bytes[47], i < 4 ? 0x10 : 0x19);
		assert_memory_equal(frame->bytes + 54, f.bytes + DATA + 54 + i * 1000, payload);
		assert_right_checksums(frame->bytes, frame->len);
	}
	assert_true(fake_e1000_is_done(&f, 2));
	fake_e1000_free(&f);
}

static void vlan_tags_are_put_on_and_taken_off(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_CTRL, fake_e1000_get(&f, E1000_CTRL) | (uint32_t)CTRL_VME);
	wire_frame(f.bytes + DATA, 100, 1);
	fake_e1000_put(&f, DATA,
		       fake_e1000_legacy(100, COMMAND_EOP | COMMAND_VLE) | 0x0123ull << 48);
	fake_e1000_send(&f);
	assert_int_equal(f.nic.sent[0].len, 104);
	assert_memory_equal(f.nic.sent[0].bytes, f.bytes + DATA, 12);
	assert_memory_equal(f.nic.sent[0].bytes + 12, "\x81\x00\x01\x23", 4);
	assert_memory_equal(f.nic.sent[0].bytes + 16, f.bytes + DATA + 12, 88);
	/* And back. */
	fake_nic_feed(&f.nic, f.nic.sent[0].bytes, 104);
	fake_nic_deliver(&f.nic);
	assert_memory_equal(f.bytes + BUFFERS, f.bytes + DATA, 100);
	assert_int_equal(load_le16(f.bytes + RX_RING + 8), 104); /* 100 and the check sequence */
	assert_true(f.bytes[RX_RING + 12] & 1 << 3);
	assert_int_equal(load_le16(f.bytes + RX_RING + 14), 0x0123);
	fake_e1000_free(&f);
}

static void a_full_host_makes_frames_wait(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(f.bytes + DATA, 100, 1);
	for (int i = 0; i < 5; i++)
		fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP | COMMAND_RS));
	f.nic.room = 2;
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 2);
	assert_int_equal(fake_e1000_get(&f, E1000_TDH), 2);
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 2);
	f.nic.room = 100;
	f.nic.nic.client->writable(f.nic.nic.client, 0);
	assert_int_equal(f.nic.nsent, 5);
	assert_true(fake_e1000_is_done(&f, 4));
	fake_e1000_free(&f);
}

static void one_turn_is_bounded_and_the_rest_follows(void **state)
{
	static const struct e1000_tx_context tiny = {.ip_start = 14,
						     .data_start = 34,
						     .header = 54,
						     .mss = 1,
						     .tcp = true,
						     .ipv4 = true};
	struct fake_e1000 f;
	size_t len;

	(void)state;
	fake_e1000_init(&f);
	len = fake_ip_frame(f.bytes + DATA, true, 300, false);
	fake_e1000_put_context(&f, &tiny);
	fake_e1000_put(&f, DATA,
		       fake_e1000_data((uint32_t)len, COMMAND_TSE | COMMAND_EOP | COMMAND_RS, 0));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, E1000_FRAMES_PER_TURN);
	assert_false(fake_e1000_is_done(&f, 1));
	while (f.nic.nsent < 300)
		fake_e1000_serve(&f);
	assert_true(fake_e1000_is_done(&f, 1));
	assert_int_equal(fake_e1000_get(&f, E1000_TDH), 2);
	fake_e1000_free(&f);
}

static const struct {
	const char *what;
	uint64_t address, rest;
} bad_frames[] = {
	{"no bytes", DATA, 0 | (uint64_t)COMMAND_EOP << 24},
	{"fewer than an Ethernet header", DATA, 13 | (uint64_t)COMMAND_EOP << 24},
	{"bytes outside of RAM", 0xd0000000, 100 | (uint64_t)COMMAND_EOP << 24},
	{"bytes that end outside of RAM", RAM_SIZE - 50, 100 | (uint64_t)COMMAND_EOP << 24},
	{"bytes at the end of all addresses", UINT64_MAX, 100 | (uint64_t)COMMAND_EOP << 24},
	{"a million bytes", 0, 0xfffff | 1u << 20 | (uint64_t)(COMMAND_EOP | COMMAND_DEXT) << 24},
	{"an unknown type", DATA, 100 | 2u << 20 | (uint64_t)(COMMAND_EOP | COMMAND_DEXT) << 24},
	{"segments without a context", DATA,
	 100 | 1u << 20 | (uint64_t)(COMMAND_EOP | COMMAND_TSE | COMMAND_DEXT) << 24},
};

static void what_is_no_frame_is_dropped_and_the_next_one_goes_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_frames); i++) {
		struct fake_e1000 f;

		fake_e1000_init(&f);
		wire_frame(f.bytes + DATA, 100, 1);
		fake_e1000_put(&f, bad_frames[i].address,
			       bad_frames[i].rest | (uint64_t)COMMAND_RS << 24);
		fake_e1000_put(&f, DATA, fake_e1000_legacy(77, COMMAND_EOP | COMMAND_RS));
		fake_e1000_send(&f);
		assert_int_equal(f.nic.nsent, 1);
		assert_int_equal(f.nic.sent[0].len, 77);
		assert_true(fake_e1000_is_done(&f, 0) && fake_e1000_is_done(&f, 1));
		fake_e1000_free(&f);
	}
}

static const struct e1000_tx_context bad_contexts[] = {
	{.header = 54, .mss = 0, .ip_start = 14, .data_start = 34, .tcp = true, .ipv4 = true},
	{.header = 255, .mss = 1, .ip_start = 14, .data_start = 34, .tcp = true, .ipv4 = true},
	{.header = 53, .mss = 1, .ip_start = 14, .data_start = 34, .tcp = true, .ipv4 = true},
	{.header = 54, .mss = 1, .ip_start = 255, .data_start = 34, .tcp = true, .ipv4 = true},
	{.header = 54, .mss = 1, .ip_start = 14, .data_start = 255, .tcp = true, .ipv4 = true},
	{.header = 54, .mss = 1, .ip_start = 14, .data_start = 34, .tcp = true, .ipv4 = false},
	{.header = 0, .mss = 1, .ip_start = 0, .data_start = 0, .tcp = false, .ipv4 = false},
};

static void contexts_that_do_not_fit_the_frame_segment_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_contexts); i++) {
		struct fake_e1000 f;

		fake_e1000_init(&f);
		wire_frame(f.bytes + DATA, 200, 1);
		fake_e1000_put_context(&f, &bad_contexts[i]);
		fake_e1000_put(&f, DATA,
			       fake_e1000_data(200, COMMAND_TSE | COMMAND_EOP | COMMAND_RS, 3));
		fake_e1000_send(&f);
		assert_int_equal(f.nic.nsent, 0);
		assert_true(fake_e1000_is_done(&f, 1));
		fake_e1000_free(&f);
	}
}

static void checksums_outside_of_the_frame_are_not_written(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 256; n++) {
		struct fake_e1000 f;
		struct e1000_tx_context context = {.ip_start = (uint8_t)n,
						   .ip_offset = (uint8_t)(n * 7),
						   .ip_end = (uint16_t)(n * 257),
						   .data_start = (uint8_t)(255 - n),
						   .data_offset = (uint8_t)n};

		fake_e1000_init(&f);
		wire_frame(f.bytes + DATA, 60, 1);
		fake_e1000_put_context(&f, &context);
		fake_e1000_put(&f, DATA, fake_e1000_data(60, COMMAND_EOP, 3));
		fake_e1000_put(&f, DATA,
			       fake_e1000_legacy(60, COMMAND_EOP | 4) | (uint64_t)n << 16 |
				       (uint64_t)n << 40);
		fake_e1000_send(&f);
		assert_int_equal(f.nic.nsent, 2);
		assert_int_equal(f.nic.sent[0].len, 60);
		fake_e1000_free(&f);
	}
}

static void a_ring_full_of_descriptors_that_do_nothing_is_taken_in_turns(void **state)
{
	const uint32_t entries = 0xfff80 / 16;
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_TDBAL, 0);
	fake_e1000_set(&f, E1000_TDLEN, 0xfff80);
	fake_e1000_set(&f, E1000_TDH, 0);
	for (uint32_t i = 0; i < entries; i++)
		store_le64(f.bytes + i * 16 + 8, (uint64_t)COMMAND_DEXT << 24);
	fake_e1000_set(&f, E1000_TDT, entries - 1);
	fake_e1000_serve(&f);
	assert_int_equal(fake_e1000_get(&f, E1000_TDH), E1000_STEPS_PER_TURN);
	fake_e1000_serve(&f);
	assert_int_equal(fake_e1000_get(&f, E1000_TDH), 2 * E1000_STEPS_PER_TURN);
	fake_e1000_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_in_two_pieces_goes_out_and_is_reported),
		cmocka_unit_test(checksums_are_put_where_the_context_says),
		cmocka_unit_test(a_large_frame_is_cut_into_segments),
		cmocka_unit_test(vlan_tags_are_put_on_and_taken_off),
		cmocka_unit_test(a_full_host_makes_frames_wait),
		cmocka_unit_test(one_turn_is_bounded_and_the_rest_follows),
		cmocka_unit_test(what_is_no_frame_is_dropped_and_the_next_one_goes_out),
		cmocka_unit_test(contexts_that_do_not_fit_the_frame_segment_nothing),
		cmocka_unit_test(checksums_outside_of_the_frame_are_not_written),
		cmocka_unit_test(a_ring_full_of_descriptors_that_do_nothing_is_taken_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
