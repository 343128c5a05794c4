/* Tests of the emulated 82540EM (devices/e1000*.c): a driver's half of it, and one that misbehaves.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/e1000_core.h"
#include "tests/fake/fake_nic.h"
#include "tests/fake/wire.h"
#include "tests/fake/wires.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	RAM_SIZE = 1 << 20,
	TX_RING = 0x1000,
	RX_RING = 0x2000,
	DATA = 0x10000,
	BUFFERS = 0x80000, /* of 2048 bytes, one for each receive descriptor */
	RING_ENTRIES = 64,
	INTERRUPTS = ICR_TXDW | ICR_LSC | ICR_RXT0,
	COMMAND_EOP = 1,
	COMMAND_IFCS = 2,
	COMMAND_TSE = 4,
	COMMAND_RS = 8,
	COMMAND_DEXT = 0x20,
	COMMAND_VLE = 0x40,
};

static const uint8_t own_mac[6] = {0x52, 0x54, 0, 1, 2, 3};
static uint8_t big[NIC_FRAME_MAX];

struct fixture {
	struct loop loop;
	struct guest_memory ram;
	struct bus ports, mmio;
	struct pci_bus pci;
	struct fake_irq irq;
	struct fake_nic nic;
	struct e1000 *card;
	uint8_t *bytes; /* RAM */
	uint32_t tx_tail, rx_next;
};

static uint32_t get(struct fixture *f, uint32_t offset)
{
	return (uint32_t)f->card->registers.ops->read(&f->card->registers, offset, 4);
}

static void set(struct fixture *f, uint32_t offset, uint32_t value)
{
	f->card->registers.ops->write(&f->card->registers, offset, value, 4);
}

static void serve(struct fixture *f)
{
	loop_stop(&f->loop);
	assert_int_equal(loop_run(&f->loop), 0);
}

static void init_rings(struct fixture *f)
{
	set(f, E1000_TDBAL, TX_RING);
	set(f, E1000_TDLEN, RING_ENTRIES * 16);
	set(f, E1000_TCTL, TCTL_EN);
	for (uint32_t i = 0; i < RING_ENTRIES; i++) {
		memset(f->bytes + RX_RING + i * 16, 0, 16);
		store_le64(f->bytes + RX_RING + i * 16, BUFFERS + i * 2048);
	}
	set(f, E1000_RDBAL, RX_RING);
	set(f, E1000_RDLEN, RING_ENTRIES * 16);
	set(f, E1000_RCTL, RCTL_EN | RCTL_BAM);
	set(f, E1000_RDT, RING_ENTRIES - 1);
	set(f, E1000_IMS, INTERRUPTS);
	f->tx_tail = f->rx_next = 0;
	serve(f);
}

static void set_up(struct fixture *f)
{
	struct pci_bus_config config = {
		.ports = &f->ports,
		.mmio = &f->mmio,
		.ecam_base = 0xe8000000,
		.address_port = 0xcf8,
		.io = {0x1000, 0x1000},
		.mem32 = {0xc0000000, 0x100000},
		.mem64 = {0x200000000, 0x100000},
	};

	memset(f, 0, sizeof(*f));
	assert_int_equal(loop_init(&f->loop), 0);
	assert_int_equal(memory_add(&f->ram, 0, RAM_SIZE), 0);
	f->bytes = memory_range(&f->ram, 0, RAM_SIZE, MEMORY_WRITE);
	bus_init(&f->ports, NULL);
	bus_init(&f->mmio, &f->ram);
	for (unsigned int i = 0; i < PCI_INTX_LINES; i++)
		config.intx[i] = fake_irq_line(&f->irq);
	assert_int_equal(pci_bus_init(&f->pci, &config), 0);
	fake_nic_init(&f->nic);
	assert_int_equal(e1000_create_on(&f->nic.nic, "net0", own_mac, &f->loop, &f->ram, &f->card),
			 0);
	assert_int_equal(pci_add(&f->pci, e1000_pci(f->card)), 0);
	pci_config_store(e1000_pci(f->card), PCI_COMMAND,
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	init_rings(f);
}

static void tear_down(struct fixture *f)
{
	e1000_free(f->card);
	assert_true(f->nic.closed);
	fake_nic_free(&f->nic);
	pci_bus_destroy(&f->pci);
	bus_destroy(&f->mmio);
	bus_destroy(&f->ports);
	memory_free(&f->ram);
	loop_destroy(&f->loop);
}

/* Serial parts. */

static uint32_t eecd_bit(struct fixture *f, uint32_t in)
{
	uint32_t select = 1 << 6 | 1 << 1 | in << 2;

	set(f, E1000_EECD, select);
	set(f, E1000_EECD, select | 1);
	set(f, E1000_EECD, select);
	return get(f, E1000_EECD) >> 3 & 1;
}

static uint16_t eeprom_word(struct fixture *f, unsigned int address)
{
	uint16_t value = 0;

	set(f, E1000_EECD, 1 << 6);
	assert_true(get(f, E1000_EECD) & 1 << 7);
	for (int bit = 8; bit >= 0; bit--)
		eecd_bit(f, (6u << 6 | address) >> bit & 1);
	for (int bit = 0; bit < 16; bit++)
		value = (uint16_t)((uint32_t)value << 1 | eecd_bit(f, 0));
	set(f, E1000_EECD, 0);
	return value;
}

static void the_eeprom_holds_the_mac_and_a_right_checksum(void **state)
{
	struct fixture f;
	uint16_t sum = 0;

	(void)state;
	set_up(&f);
	for (unsigned int i = 0; i < 64; i++) {
		uint16_t word = eeprom_word(&f, i);

		sum = (uint16_t)(sum + word);
		if (i < 3)
			assert_int_equal(word, load_le16(own_mac + 2 * i));
		set(&f, E1000_EERD, i << 8 | 1);
		assert_int_equal(get(&f, E1000_EERD) & 0x10, 0x10);
		assert_int_equal(get(&f, E1000_EERD) >> 16, word);
	}
	assert_int_equal(sum, 0xbaba);
	assert_int_equal(get(&f, E1000_RA), load_le32(own_mac));
	assert_int_equal(get(&f, E1000_RA + 4), 0x80000000u | load_le16(own_mac + 4));
	tear_down(&f);
}

static uint32_t mdic(struct fixture *f, unsigned int phy, unsigned int number, uint32_t command)
{
	set(f, E1000_MDIC, phy << 21 | number << 16 | command);
	assert_true(get(f, E1000_MDIC) & 1 << 28);
	return get(f, E1000_MDIC);
}

static void the_phy_says_who_it_is_and_how_the_link_is(void **state)
{
	const uint32_t read = 2 << 26, write = 1 << 26;
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(mdic(&f, 1, 2, read) & 0xffff, 0x0141);
	assert_int_equal(mdic(&f, 1, 3, read) & 0xffff, 0x0c20);
	assert_true(mdic(&f, 1, 1, read) & 1 << 2);
	assert_true(get(&f, E1000_STATUS) & STATUS_LU);
	assert_true(mdic(&f, 2, 2, read) & 1 << 30); /* no PHY there */
	assert_true(mdic(&f, 1, 2, 0) & 1 << 30);    /* no such operation */
	mdic(&f, 1, 2, write | 0xffff);		     /* read only */
	assert_int_equal(mdic(&f, 1, 2, read) & 0xffff, 0x0141);
	mdic(&f, 1, 4, write | 0x0001);
	assert_int_equal(mdic(&f, 1, 4, read) & 0xffff, 0x0001);
	mdic(&f, 1, 0, write | 0x8000);
	assert_int_equal(mdic(&f, 1, 4, read) & 0xffff, 0x0de1);
	nic_link_down(&f.nic.nic);
	assert_true(get(&f, E1000_ICR) & ICR_LSC);
	assert_false(mdic(&f, 1, 1, read) & 1 << 2);
	assert_false(get(&f, E1000_STATUS) & STATUS_LU);
	tear_down(&f);
}

/* Sending. */

static void put_tx(struct fixture *f, uint64_t address, uint64_t rest)
{
	store_le64(f->bytes + TX_RING + f->tx_tail * 16, address);
	store_le64(f->bytes + TX_RING + f->tx_tail * 16 + 8, rest);
	f->tx_tail = (f->tx_tail + 1) % RING_ENTRIES;
}

static uint64_t legacy(uint32_t len, uint32_t command)
{
	return len | (uint64_t)command << 24;
}

static uint64_t data(uint32_t len, uint32_t command, uint32_t options)
{
	return len | 1u << 20 | (uint64_t)(command | COMMAND_DEXT) << 24 | (uint64_t)options << 40;
}

static void put_context(struct fixture *f, const struct e1000_tx_context *context)
{
	uint32_t command = COMMAND_DEXT | (context->tcp ? 1 : 0) | (context->ipv4 ? 2 : 0);

	put_tx(f,
	       (uint64_t)context->ip_start | (uint64_t)context->ip_offset << 8 |
		       (uint64_t)context->ip_end << 16 | (uint64_t)context->data_start << 32 |
		       (uint64_t)context->data_offset << 40 | (uint64_t)context->data_end << 48,
	       context->payload | (uint64_t)command << 24 | (uint64_t)context->header << 40 |
		       (uint64_t)context->mss << 48);
}

static void send_all(struct fixture *f)
{
	set(f, E1000_TDT, f->tx_tail);
	serve(f);
}

static bool is_done(struct fixture *f, unsigned int index)
{
	return f->bytes[TX_RING + index * 16 + 12] & 1;
}

static void a_frame_in_two_pieces_goes_out_and_is_reported(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(f.bytes + DATA, 300, 1);
	put_tx(&f, DATA, legacy(100, COMMAND_RS));
	put_tx(&f, DATA + 100, legacy(200, COMMAND_EOP | COMMAND_IFCS));
	put_tx(&f, DATA, data(60, COMMAND_EOP | COMMAND_RS, 0));
	send_all(&f);
	assert_int_equal(f.nic.nsent, 2);
	assert_int_equal(f.nic.sent[0].len, 300);
	assert_memory_equal(f.nic.sent[0].bytes, f.bytes + DATA, 300);
	assert_int_equal(f.nic.sent[1].len, 60);
	assert_true(is_done(&f, 0));
	assert_false(is_done(&f, 1)); /* did not ask */
	assert_true(is_done(&f, 2));
	assert_int_equal(get(&f, E1000_TDH), 3);
	assert_true(f.irq.high);
	assert_int_equal(get(&f, E1000_ICR) & ICR_TXDW, ICR_TXDW);
	assert_false(f.irq.high);
	assert_int_equal(get(&f, 0x4080), 2);
	assert_int_equal(get(&f, 0x4080), 0);
	tear_down(&f);
}

static void put_be16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint32_t get_be16(const uint8_t *from)
{
	return (uint32_t)from[0] << 8 | from[1];
}

/* An IPv4 frame with TCP or UDP as a driver leaves it: the pseudo header's sum in the checksum. */
static size_t put_ip_frame(uint8_t *frame, bool tcp, size_t payload, bool with_length)
{
	size_t data_header = tcp ? 20 : 8, check = tcp ? 16 : 6;
	uint8_t *ip = frame + 14, *at = ip + 20;
	uint32_t sum;

	wire_frame(frame, 14 + 20 + data_header + payload, 3);
	memset(ip, 0, 20 + data_header);
	put_be16(frame + 12, 0x0800);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint32_t)(20 + data_header + payload));
	put_be16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = tcp ? 6 : 17;
	memcpy(ip + 12, "\12\0\0\2\12\0\0\1", 8);
	if (tcp) {
		put_be16(at + 4, 0xffff); /* sequence number, about to carry */
		put_be16(at + 6, 0xff00);
		at[12] = 0x50;
		at[13] = 0x19; /* ACK, PSH and FIN */
	} else {
		put_be16(at + 4, (uint32_t)(8 + payload));
	}
	sum = e1000_sum(ip + 12, 8) + (uint32_t)ip[9];
	if (with_length)
		sum += (uint32_t)(data_header + payload);
	put_be16(at + check, (sum & 0xffff) + (sum >> 16));
	return 14 + 20 + data_header + payload;
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
			struct fixture f;
			struct e1000_tx_context context = {.ip_start = 14,
							   .ip_offset = 24,
							   .ip_end = 33,
							   .data_start = 34,
							   .data_offset = tcp ? 50 : 40};
			size_t len;

			set_up(&f);
			len = put_ip_frame(f.bytes + DATA, tcp, payload, true);
			put_context(&f, &context);
			put_tx(&f, DATA, data((uint32_t)len, COMMAND_EOP, 3));
			send_all(&f);
			assert_int_equal(f.nic.nsent, 1);
			assert_int_equal(f.nic.sent[0].len, len);
			assert_right_checksums(f.nic.sent[0].bytes, len);
			tear_down(&f);
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
	struct fixture f;
	size_t len;

	(void)state;
	set_up(&f);
	len = put_ip_frame(f.bytes + DATA, true, 4500, false);
	put_context(&f, &context);
	put_tx(&f, DATA, data(54, COMMAND_TSE, 3));
	put_tx(&f, DATA + 54, data((uint32_t)len - 54, COMMAND_TSE | COMMAND_EOP | COMMAND_RS, 0));
	send_all(&f);
	assert_int_equal(f.nic.nsent, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct fake_frame *frame = &f.nic.sent[i];
		size_t payload = i < 4 ? 1000 : 500;

		assert_int_equal(frame->len, 54 + payload);
		assert_int_equal(get_be16(frame->bytes + 16), 40 + payload);
		assert_int_equal(get_be16(frame->bytes + 18), 0x1234 + i);
		assert_int_equal(get_be16(frame->bytes + 38) << 16 | get_be16(frame->bytes + 40),
				 0xffffff00u + i * 1000);
		assert_int_equal(frame->bytes[47], i < 4 ? 0x10 : 0x19);
		assert_memory_equal(frame->bytes + 54, f.bytes + DATA + 54 + i * 1000, payload);
		assert_right_checksums(frame->bytes, frame->len);
	}
	assert_true(is_done(&f, 2));
	tear_down(&f);
}

static void vlan_tags_are_put_on_and_taken_off(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	set(&f, E1000_CTRL, get(&f, E1000_CTRL) | (uint32_t)CTRL_VME);
	wire_frame(f.bytes + DATA, 100, 1);
	put_tx(&f, DATA, legacy(100, COMMAND_EOP | COMMAND_VLE) | 0x0123ull << 48);
	send_all(&f);
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
	tear_down(&f);
}

static void a_full_host_makes_frames_wait(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(f.bytes + DATA, 100, 1);
	for (int i = 0; i < 5; i++)
		put_tx(&f, DATA, legacy(100, COMMAND_EOP | COMMAND_RS));
	f.nic.room = 2;
	send_all(&f);
	assert_int_equal(f.nic.nsent, 2);
	assert_int_equal(get(&f, E1000_TDH), 2);
	send_all(&f);
	assert_int_equal(f.nic.nsent, 2);
	f.nic.room = 100;
	f.nic.nic.client->writable(f.nic.nic.client, 0);
	assert_int_equal(f.nic.nsent, 5);
	assert_true(is_done(&f, 4));
	tear_down(&f);
}

static void one_turn_is_bounded_and_the_rest_follows(void **state)
{
	static const struct e1000_tx_context tiny = {.ip_start = 14,
						     .data_start = 34,
						     .header = 54,
						     .mss = 1,
						     .tcp = true,
						     .ipv4 = true};
	struct fixture f;
	size_t len;

	(void)state;
	set_up(&f);
	len = put_ip_frame(f.bytes + DATA, true, 300, false);
	put_context(&f, &tiny);
	put_tx(&f, DATA, data((uint32_t)len, COMMAND_TSE | COMMAND_EOP | COMMAND_RS, 0));
	send_all(&f);
	assert_int_equal(f.nic.nsent, E1000_FRAMES_PER_TURN);
	assert_false(is_done(&f, 1));
	while (f.nic.nsent < 300)
		serve(&f);
	assert_true(is_done(&f, 1));
	assert_int_equal(get(&f, E1000_TDH), 2);
	tear_down(&f);
}

/* Receiving. */

static void a_frame_comes_with_a_check_sequence_and_an_interrupt(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(big, 1500, 1);
	fake_nic_feed(&f.nic, big, 1500);
	fake_nic_feed(&f.nic, big, 20); /* shorter than any on a wire */
	fake_nic_deliver(&f.nic);
	assert_memory_equal(f.bytes + BUFFERS, big, 1500);
	assert_int_equal(load_le16(f.bytes + RX_RING + 8), 1504);
	assert_int_equal(f.bytes[RX_RING + 12], 1 | 1 << 1 | 1 << 2);
	assert_int_equal(f.bytes[RX_RING + 13], 0);
	assert_int_equal(load_le16(f.bytes + RX_RING + 24), 64);
	assert_int_equal(get(&f, E1000_RDH), 2);
	assert_true(f.irq.high);
	assert_true(get(&f, E1000_ICR) & ICR_RXT0);
	assert_int_equal(get(&f, 0x4074), 2);
	tear_down(&f);
}

static void a_long_frame_takes_several_descriptors_if_it_may(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(big, 5000, 1);
	fake_nic_feed(&f.nic, big, 5000); /* not allowed yet */
	fake_nic_deliver(&f.nic);
	assert_int_equal(get(&f, E1000_RDH), 0);
	set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_LPE);
	fake_nic_feed(&f.nic, big, 5000);
	fake_nic_deliver(&f.nic);
	assert_int_equal(get(&f, E1000_RDH), 3);
	assert_memory_equal(f.bytes + BUFFERS, big, 5000);
	assert_int_equal(f.bytes[RX_RING + 12] & 3, 1);
	assert_int_equal(f.bytes[RX_RING + 28] & 3, 1);
	assert_int_equal(f.bytes[RX_RING + 44] & 3, 3);
	assert_int_equal(load_le16(f.bytes + RX_RING + 40), 5004 - 2 * 2048);
	tear_down(&f);
}

static void received_checksums_are_looked_at_on_request(void **state)
{
	struct fixture f;
	uint8_t frame[200];
	size_t len;

	(void)state;
	set_up(&f);
	set(&f, E1000_RXCSUM, RXCSUM_IPOFL | RXCSUM_TUOFL);
	len = put_ip_frame(frame, true, 50, true);
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
	tear_down(&f);
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
		struct fixture f;

		set_up(&f);
		set(&f, E1000_RCTL, RCTL_EN | filters[i].rctl);
		set(&f, E1000_RA + 8 * 5, 0x09005452);
		set(&f, E1000_RA + 8 * 5 + 4, 0x80000909);
		set(&f, E1000_MTA + 4 * (0x123 >> 5), 1u << (0x123 & 31));
		wire_frame(big, 60, 1);
		memcpy(big, filters[i].mac, 6);
		fake_nic_feed(&f.nic, big, 60);
		fake_nic_deliver(&f.nic);
		if (get(&f, E1000_RDH) != filters[i].passes)
			fail_msg("%s: %s", filters[i].what, filters[i].passes ? "lost" : "passed");
		tear_down(&f);
	}
}

static void vlans_are_filtered_where_wanted(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_VFE);
	set(&f, E1000_VFTA + 4 * (0x123 >> 5), 1u << (0x123 & 31));
	wire_frame(big, 60, 1);
	memcpy(big + 12, "\x81\x00\x01\x24", 4);
	fake_nic_feed(&f.nic, big, 60);
	fake_nic_deliver(&f.nic);
	assert_int_equal(get(&f, E1000_RDH), 0);
	memcpy(big + 12, "\x81\x00\x01\x23", 4);
	fake_nic_feed(&f.nic, big, 60);
	fake_nic_deliver(&f.nic);
	assert_int_equal(get(&f, E1000_RDH), 1);
	tear_down(&f);
}

static void a_ring_without_descriptors_pauses_the_host_and_loses_nothing(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(big, 5000, 1);
	set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_LPE);
	set(&f, E1000_RDT, 2);
	for (unsigned int i = 0; i < 3; i++)
		fake_nic_feed(&f.nic, big, i == 1 ? 3000 : 100);
	fake_nic_deliver(&f.nic);
	assert_true(f.nic.paused[0]);
	assert_int_equal(get(&f, E1000_RDH), 1); /* the second needs two, and there is one */
	set(&f, E1000_RDT, 3);
	serve(&f);
	assert_int_equal(get(&f, E1000_RDH), 3);
	assert_true(f.nic.paused[0]);
	set(&f, E1000_RDT, 10);
	serve(&f);
	fake_nic_deliver(&f.nic);
	assert_int_equal(get(&f, E1000_RDH), 4);
	assert_false(f.nic.paused[0]);
	tear_down(&f);
}

/* Interrupts. */

static void causes_interrupt_as_far_as_the_mask_lets_them(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	set(&f, E1000_IMC, UINT32_MAX);
	set(&f, E1000_ICS, ICR_LSC | ICR_MDAC);
	assert_false(f.irq.high);
	set(&f, E1000_IMS, ICR_MDAC);
	assert_true(f.irq.high);
	set(&f, E1000_IMC, ICR_MDAC);
	assert_false(f.irq.high);
	assert_int_equal(get(&f, E1000_ICR), ICR_LSC | ICR_MDAC);
	assert_int_equal(get(&f, E1000_ICR), 0);
	tear_down(&f);
}

static void interrupts_are_no_closer_than_the_driver_wants_them(void **state)
{
	struct fixture f;
	struct pollfd fd = {.events = POLLIN};

	(void)state;
	set_up(&f);
	fd.fd = f.card->throttle.source.fd;
	set(&f, E1000_ITR, 4000); /* about a millisecond */
	set(&f, E1000_ICS, ICR_RXT0);
	assert_true(f.irq.high);
	get(&f, E1000_ICR);
	set(&f, E1000_ICS, ICR_RXT0);
	assert_false(f.irq.high);
	assert_int_equal(poll(&fd, 1, 20000), 1);
	serve(&f);
	assert_true(f.irq.high);
	assert_int_equal(f.irq.rises, 2);
	tear_down(&f);
}

/* Life. */

static void a_reset_forgets_rings_and_frames_and_keeps_the_address(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(f.bytes + DATA, 100, 1);
	put_tx(&f, DATA, legacy(50, 0)); /* half a frame */
	put_tx(&f, DATA, legacy(100, COMMAND_EOP));
	f.nic.room = 0;
	send_all(&f);
	set(&f, E1000_RA, 0);
	set(&f, E1000_CTRL, CTRL_RST);
	assert_int_equal(get(&f, E1000_TDLEN), 0);
	assert_int_equal(get(&f, E1000_RA), load_le32(own_mac));
	assert_true(f.nic.paused[0]);
	f.nic.room = 100;
	f.nic.nic.client->writable(f.nic.nic.client, 0);
	assert_int_equal(f.nic.nsent, 0);
	init_rings(&f);
	put_tx(&f, DATA, legacy(100, COMMAND_EOP));
	send_all(&f);
	assert_int_equal(f.nic.nsent, 1);
	assert_int_equal(f.nic.sent[0].len, 100);
	tear_down(&f);
}

static void the_machines_reset_is_power_on(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	set(&f, E1000_ICS, ICR_RXT0);
	pci_bus_reset(&f.pci);
	assert_false(f.irq.high);
	assert_int_equal(get(&f, E1000_IMS), 0);
	assert_int_equal(get(&f, E1000_RCTL), 0);
	tear_down(&f);
}

static void registers_are_reached_through_the_ports_as_well(void **state)
{
	struct fixture f;
	struct io_region *ports;

	(void)state;
	set_up(&f);
	ports = &f.card->ports;
	ports->ops->write(ports, 0, E1000_RA, 4);
	assert_int_equal(ports->ops->read(ports, 4, 4), load_le32(own_mac));
	ports->ops->write(ports, 0, 0xffffffff, 4);
	assert_int_equal(ports->ops->read(ports, 0, 4), 0x1fffc);
	assert_int_equal(ports->ops->read(ports, 4, 4), 0);
	ports->ops->write(ports, 4, 0x12345678, 4);
	ports->ops->write(ports, 0, 1, 1);
	tear_down(&f);
}

static void a_register_written_in_parts_stays_as_it_is(void **state)
{
	struct fixture f;
	struct io_region *registers;

	(void)state;
	set_up(&f);
	registers = &f.card->registers;
	set(&f, E1000_TIPG, 0x11223344);
	registers->ops->write(registers, E1000_TIPG, 0xff, 1);
	registers->ops->write(registers, E1000_TIPG + 2, 0xffff, 2);
	registers->ops->write(registers, E1000_TIPG + 1, 0xffffffff, 4);
	assert_int_equal(get(&f, E1000_TIPG), 0x11223344);
	assert_int_equal(registers->ops->read(registers, E1000_TIPG + 1, 1) & 0xff, 0x33);
	assert_int_equal(registers->ops->read(registers, E1000_REGISTERS_SIZE - 8, 8), 0);
	tear_down(&f);
}

static void without_bus_mastering_memory_is_left_alone(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	pci_config_store(e1000_pci(f.card), PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	wire_frame(f.bytes + DATA, 100, 1);
	put_tx(&f, DATA, legacy(100, COMMAND_EOP | COMMAND_RS));
	send_all(&f);
	assert_int_equal(f.nic.nsent, 0);
	fake_nic_feed(&f.nic, f.bytes + DATA, 100);
	f.nic.nic.client->readable(f.nic.nic.client, 0);
	assert_int_equal(f.bytes[RX_RING + 12], 0);
	assert_true(f.nic.paused[0]);
	tear_down(&f);
}

/* Hostile drivers. */

static const struct {
	const char *what;
	uint32_t offset, value;
} bad_rings[] = {
	{"a transmit tail beyond the end", E1000_TDT, RING_ENTRIES},
	{"a transmit tail far beyond it", E1000_TDT, 0xffff},
	{"a transmit head beyond the end", E1000_TDH, 0xffff},
	{"a transmit ring of no length", E1000_TDLEN, 0},
	{"a transmit ring at the end of RAM", E1000_TDBAL, RAM_SIZE - 16},
	{"a transmit ring outside of RAM", E1000_TDBAL, 0xd0000000},
	{"a transmit ring at the end of all addresses", E1000_TDBAH, 0xffffffff},
	{"a transmit ring on the card itself", E1000_TDBAL, 0xc0000000},
	{"a receive tail beyond the end", E1000_RDT, RING_ENTRIES},
	{"a receive head beyond the end", E1000_RDH, 0xffff},
	{"a receive ring of no length", E1000_RDLEN, 0},
	{"a receive ring of all the length there is", E1000_RDLEN, 0xffffffff},
	{"a receive ring outside of RAM", E1000_RDBAL, 0xd0000000},
	{"a receive ring at the end of all addresses", E1000_RDBAH, 0xffffffff},
};

static void rings_that_make_no_sense_cost_the_guest_its_network_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_rings); i++) {
		struct fixture f;

		set_up(&f);
		wire_frame(f.bytes + DATA, 100, 1);
		for (int n = 0; n < 10; n++) {
			put_tx(&f, DATA, legacy(100, COMMAND_EOP | COMMAND_RS));
			fake_nic_feed(&f.nic, f.bytes + DATA, 100);
		}
		set(&f, E1000_TDT, f.tx_tail);
		set(&f, bad_rings[i].offset, bad_rings[i].value);
		serve(&f);
		for (int n = 0; n < 10; n++)
			f.nic.nic.client->readable(f.nic.nic.client, 0);
		/* And a reset cures it. */
		set(&f, E1000_CTRL, CTRL_RST);
		init_rings(&f);
		put_tx(&f, DATA, legacy(77, COMMAND_EOP));
		send_all(&f);
		assert_int_equal(f.nic.sent[f.nic.nsent - 1].len, 77);
		tear_down(&f);
	}
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
		struct fixture f;

		set_up(&f);
		wire_frame(f.bytes + DATA, 100, 1);
		put_tx(&f, bad_frames[i].address, bad_frames[i].rest | (uint64_t)COMMAND_RS << 24);
		put_tx(&f, DATA, legacy(77, COMMAND_EOP | COMMAND_RS));
		send_all(&f);
		assert_int_equal(f.nic.nsent, 1);
		assert_int_equal(f.nic.sent[0].len, 77);
		assert_true(is_done(&f, 0) && is_done(&f, 1));
		tear_down(&f);
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
		struct fixture f;

		set_up(&f);
		wire_frame(f.bytes + DATA, 200, 1);
		put_context(&f, &bad_contexts[i]);
		put_tx(&f, DATA, data(200, COMMAND_TSE | COMMAND_EOP | COMMAND_RS, 3));
		send_all(&f);
		assert_int_equal(f.nic.nsent, 0);
		assert_true(is_done(&f, 1));
		tear_down(&f);
	}
}

static void checksums_outside_of_the_frame_are_not_written(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 256; n++) {
		struct fixture f;
		struct e1000_tx_context context = {.ip_start = (uint8_t)n,
						   .ip_offset = (uint8_t)(n * 7),
						   .ip_end = (uint16_t)(n * 257),
						   .data_start = (uint8_t)(255 - n),
						   .data_offset = (uint8_t)n};

		set_up(&f);
		wire_frame(f.bytes + DATA, 60, 1);
		put_context(&f, &context);
		put_tx(&f, DATA, data(60, COMMAND_EOP, 3));
		put_tx(&f, DATA,
		       legacy(60, COMMAND_EOP | 4) | (uint64_t)n << 16 | (uint64_t)n << 40);
		send_all(&f);
		assert_int_equal(f.nic.nsent, 2);
		assert_int_equal(f.nic.sent[0].len, 60);
		tear_down(&f);
	}
}

static void a_ring_full_of_descriptors_that_do_nothing_is_taken_in_turns(void **state)
{
	const uint32_t entries = 0xfff80 / 16;
	struct fixture f;

	(void)state;
	set_up(&f);
	set(&f, E1000_TDBAL, 0);
	set(&f, E1000_TDLEN, 0xfff80);
	set(&f, E1000_TDH, 0);
	for (uint32_t i = 0; i < entries; i++)
		store_le64(f.bytes + i * 16 + 8, (uint64_t)COMMAND_DEXT << 24);
	set(&f, E1000_TDT, entries - 1);
	serve(&f);
	assert_int_equal(get(&f, E1000_TDH), E1000_STEPS_PER_TURN);
	serve(&f);
	assert_int_equal(get(&f, E1000_TDH), 2 * E1000_STEPS_PER_TURN);
	tear_down(&f);
}

static void receive_buffers_outside_of_ram_are_passed_over(void **state)
{
	static const uint64_t addresses[] = {0xd0000000, RAM_SIZE - 10, UINT64_MAX, 0xc0000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct fixture f;

		set_up(&f);
		store_le64(f.bytes + RX_RING, addresses[i]);
		wire_frame(big, 100, 1);
		fake_nic_feed(&f.nic, big, 100);
		fake_nic_feed(&f.nic, big, 100);
		fake_nic_deliver(&f.nic);
		assert_int_equal(get(&f, E1000_RDH), 2);
		assert_int_equal(f.bytes[RX_RING + 12], 0);
		assert_memory_equal(f.bytes + BUFFERS + 2048, big, 100);
		tear_down(&f);
	}
}

static void a_frame_that_no_ring_can_hold_is_dropped(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	set(&f, E1000_RDLEN, 128);
	set(&f, E1000_RDH, 0);
	set(&f, E1000_RDT, 7);
	set(&f, E1000_RCTL, RCTL_EN | RCTL_BAM | RCTL_LPE | 3 << 16); /* 8 buffers of 256 */
	wire_frame(big, 9000, 1);
	fake_nic_feed(&f.nic, big, 9000);
	fake_nic_feed(&f.nic, big, 60);
	fake_nic_deliver(&f.nic);
	assert_int_equal(get(&f, E1000_RDH), 1);
	assert_int_equal(get(&f, 0x4010), 1);
	tear_down(&f);
}

static void ten_thousand_resets_with_frames_in_flight_leave_it_whole(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(f.bytes + DATA, 100, 1);
	for (int i = 0; i < 10000; i++) {
		f.nic.received = f.nic.ncoming = 0;
		f.nic.room = 0;
		fake_nic_feed(&f.nic, f.bytes + DATA, 100);
		put_tx(&f, DATA, legacy(100, COMMAND_EOP));
		set(&f, E1000_TDT, f.tx_tail);
		if (i % 3)
			serve(&f);
		set(&f, E1000_CTRL, CTRL_RST);
		init_rings(&f);
	}
	f.nic.room = 1;
	put_tx(&f, DATA, legacy(100, COMMAND_EOP));
	send_all(&f);
	assert_int_equal(f.nic.nsent, 1);
	tear_down(&f);
}

/* Anything at all, in any order: registers, rings and frames of a generator's making. */
static void a_driver_gone_mad_hurts_nobody(void **state)
{
	static const uint32_t favourites[] = {E1000_TDT,   E1000_RDT,	E1000_TDH,  E1000_RDH,
					      E1000_TDLEN, E1000_RDLEN, E1000_RCTL, E1000_TCTL,
					      E1000_CTRL,  E1000_EECD,	E1000_MDIC, E1000_RXCSUM};
	uint64_t random = 88172645463325252ull;
	struct fixture f;

	(void)state;
	set_up(&f);
	wire_frame(big, sizeof(big), 1);
	for (int i = 0; i < 100000; i++) {
		uint32_t offset, value;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		value = (uint32_t)(random >> 32);
		offset = i % 2 ? favourites[random % ARRAY_SIZE(favourites)]
			       : (uint32_t)random & (E1000_REGISTERS_SIZE - 4);
		if (i % 3 == 0)
			store_le64(f.bytes + TX_RING + (random >> 8 & 0x3f8), random);
		if (i % 5 == 0)
			store_le64(f.bytes + RX_RING + (random >> 8 & 0x3f8), random % RAM_SIZE);
		set(&f, offset, i % 7 ? value & 0x3f : value);
		get(&f, offset);
		if (i % 11 == 0)
			set(&f, i % 2 ? E1000_TDBAL : E1000_RDBAL, i % 2 ? TX_RING : RX_RING);
		if (i % 16 == 0) {
			for (unsigned int n = 0; n < f.nic.nsent; n++)
				free((void *)(uintptr_t)f.nic.sent[n].bytes);
			f.nic.nsent = f.nic.received = f.nic.ncoming = 0;
			f.nic.room = value % 200;
			fake_nic_feed(&f.nic, big, random % sizeof(big));
			f.nic.nic.client->readable(f.nic.nic.client, 0);
			f.nic.nic.client->writable(f.nic.nic.client, 0);
			serve(&f);
		}
	}
	set(&f, E1000_CTRL, CTRL_RST);
	init_rings(&f);
	f.nic.room = 1;
	f.nic.ncoming = f.nic.received;
	put_tx(&f, DATA, legacy(100, COMMAND_EOP));
	send_all(&f);
	assert_int_equal(f.nic.sent[f.nic.nsent - 1].len, 100);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_eeprom_holds_the_mac_and_a_right_checksum),
		cmocka_unit_test(the_phy_says_who_it_is_and_how_the_link_is),
		cmocka_unit_test(a_frame_in_two_pieces_goes_out_and_is_reported),
		cmocka_unit_test(checksums_are_put_where_the_context_says),
		cmocka_unit_test(a_large_frame_is_cut_into_segments),
		cmocka_unit_test(vlan_tags_are_put_on_and_taken_off),
		cmocka_unit_test(a_full_host_makes_frames_wait),
		cmocka_unit_test(one_turn_is_bounded_and_the_rest_follows),
		cmocka_unit_test(a_frame_comes_with_a_check_sequence_and_an_interrupt),
		cmocka_unit_test(a_long_frame_takes_several_descriptors_if_it_may),
		cmocka_unit_test(received_checksums_are_looked_at_on_request),
		cmocka_unit_test(only_frames_that_pass_the_filters_arrive),
		cmocka_unit_test(vlans_are_filtered_where_wanted),
		cmocka_unit_test(a_ring_without_descriptors_pauses_the_host_and_loses_nothing),
		cmocka_unit_test(causes_interrupt_as_far_as_the_mask_lets_them),
		cmocka_unit_test(interrupts_are_no_closer_than_the_driver_wants_them),
		cmocka_unit_test(a_reset_forgets_rings_and_frames_and_keeps_the_address),
		cmocka_unit_test(the_machines_reset_is_power_on),
		cmocka_unit_test(registers_are_reached_through_the_ports_as_well),
		cmocka_unit_test(a_register_written_in_parts_stays_as_it_is),
		cmocka_unit_test(without_bus_mastering_memory_is_left_alone),
		cmocka_unit_test(rings_that_make_no_sense_cost_the_guest_its_network_only),
		cmocka_unit_test(what_is_no_frame_is_dropped_and_the_next_one_goes_out),
		cmocka_unit_test(contexts_that_do_not_fit_the_frame_segment_nothing),
		cmocka_unit_test(checksums_outside_of_the_frame_are_not_written),
		cmocka_unit_test(a_ring_full_of_descriptors_that_do_nothing_is_taken_in_turns),
		cmocka_unit_test(receive_buffers_outside_of_ram_are_passed_over),
		cmocka_unit_test(a_frame_that_no_ring_can_hold_is_dropped),
		cmocka_unit_test(ten_thousand_resets_with_frames_in_flight_leave_it_whole),
		cmocka_unit_test(a_driver_gone_mad_hurts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
