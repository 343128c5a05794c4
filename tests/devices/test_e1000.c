/* Tests of devices/e1000.c and e1000_registers.c: interrupts, resets, and drivers that misbehave.
 */
#include <poll.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fake/e1000_card.h"
#include "tests/fake/wire.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static uint8_t big[NIC_FRAME_MAX];

static void causes_interrupt_as_far_as_the_mask_lets_them(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_IMC, UINT32_MAX);
	fake_e1000_set(&f, E1000_ICS, ICR_LSC | ICR_MDAC);
	assert_false(f.irq.high);
	fake_e1000_set(&f, E1000_IMS, ICR_MDAC);
	assert_true(f.irq.high);
	fake_e1000_set(&f, E1000_IMC, ICR_MDAC);
	assert_false(f.irq.high);
	assert_int_equal(fake_e1000_get(&f, E1000_ICR), ICR_LSC | ICR_MDAC);
	assert_int_equal(fake_e1000_get(&f, E1000_ICR), 0);
	fake_e1000_free(&f);
}

static void interrupts_are_no_closer_than_the_driver_wants_them(void **state)
{
	struct fake_e1000 f;
	struct pollfd fd = {.events = POLLIN};

	(void)state;
	fake_e1000_init(&f);
	fd.fd = f.card->throttle.source.fd;
	fake_e1000_set(&f, E1000_ITR, 4000); /* about a millisecond */
	fake_e1000_set(&f, E1000_ICS, ICR_RXT0);
	assert_true(f.irq.high);
	fake_e1000_get(&f, E1000_ICR);
	fake_e1000_set(&f, E1000_ICS, ICR_RXT0);
	assert_false(f.irq.high);
	assert_int_equal(poll(&fd, 1, 20000), 1);
	fake_e1000_serve(&f);
	assert_true(f.irq.high);
	assert_int_equal(f.irq.rises, 2);
	fake_e1000_free(&f);
}

/* Life. */

static void a_reset_forgets_rings_and_frames_and_keeps_the_address(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(f.bytes + DATA, 100, 1);
	fake_e1000_put(&f, DATA, fake_e1000_legacy(50, 0)); /* half a frame */
	fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP));
	f.nic.room = 0;
	fake_e1000_send(&f);
	fake_e1000_set(&f, E1000_RA, 0);
	fake_e1000_set(&f, E1000_CTRL, CTRL_RST);
	assert_int_equal(fake_e1000_get(&f, E1000_TDLEN), 0);
	assert_int_equal(fake_e1000_get(&f, E1000_RA), load_le32(fake_e1000_mac));
	assert_true(f.nic.paused[0]);
	f.nic.room = 100;
	f.nic.nic.client->writable(f.nic.nic.client, 0);
	assert_int_equal(f.nic.nsent, 0);
	fake_e1000_rings(&f);
	fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 1);
	assert_int_equal(f.nic.sent[0].len, 100);
	fake_e1000_free(&f);
}

static void the_machines_reset_is_power_on(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	fake_e1000_set(&f, E1000_ICS, ICR_RXT0);
	pci_bus_reset(&f.pci);
	assert_false(f.irq.high);
	assert_int_equal(fake_e1000_get(&f, E1000_IMS), 0);
	assert_int_equal(fake_e1000_get(&f, E1000_RCTL), 0);
	fake_e1000_free(&f);
}

static void registers_are_reached_through_the_ports_as_well(void **state)
{
	struct fake_e1000 f;
	struct io_region *ports;

	(void)state;
	fake_e1000_init(&f);
	ports = &f.card->ports;
	ports->ops->write(ports, 0, E1000_RA, 4);
	assert_int_equal(ports->ops->read(ports, 4, 4), load_le32(fake_e1000_mac));
	ports->ops->write(ports, 0, 0xffffffff, 4);
	assert_int_equal(ports->ops->read(ports, 0, 4), 0x1fffc);
	assert_int_equal(ports->ops->read(ports, 4, 4), 0);
	ports->ops->write(ports, 4, 0x12345678, 4);
	ports->ops->write(ports, 0, 1, 1);
	fake_e1000_free(&f);
}

static void a_register_written_in_parts_stays_as_it_is(void **state)
{
	struct fake_e1000 f;
	struct io_region *registers;

	(void)state;
	fake_e1000_init(&f);
	registers = &f.card->registers;
	fake_e1000_set(&f, E1000_TIPG, 0x11223344);
	registers->ops->write(registers, E1000_TIPG, 0xff, 1);
	registers->ops->write(registers, E1000_TIPG + 2, 0xffff, 2);
	registers->ops->write(registers, E1000_TIPG + 1, 0xffffffff, 4);
	assert_int_equal(fake_e1000_get(&f, E1000_TIPG), 0x11223344);
	assert_int_equal(registers->ops->read(registers, E1000_TIPG + 1, 1) & 0xff, 0x33);
	assert_int_equal(registers->ops->read(registers, E1000_REGISTERS_SIZE - 8, 8), 0);
	fake_e1000_free(&f);
}

static void without_bus_mastering_memory_is_left_alone(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	pci_config_store(e1000_pci(f.card), PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	wire_frame(f.bytes + DATA, 100, 1);
	fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP | COMMAND_RS));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 0);
	fake_nic_feed(&f.nic, f.bytes + DATA, 100);
	f.nic.nic.client->readable(f.nic.nic.client, 0);
	assert_int_equal(f.bytes[RX_RING + 12], 0);
	assert_true(f.nic.paused[0]);
	fake_e1000_free(&f);
}

/* Hostile drivers. */

static const struct {
	const char *what;
	uint32_t offset, value;
} bad_rings[] = {
	{"a transmit tail beyond the end", E1000_TDT, RING_ENTRIES},
	{"a transmit tail far beyond it", E1000_TDT, 0xffff},
	{"a transmit head beyond the end", E1000_TDH, 0xffff},
	{"a transmit tail and head beyond the end", E1000_TDLEN, 128},
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
		struct fake_e1000 f;

		fake_e1000_init(&f);
		wire_frame(f.bytes + DATA, 100, 1);
		for (int n = 0; n < 10; n++) {
			fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP | COMMAND_RS));
			fake_nic_feed(&f.nic, f.bytes + DATA, 100);
		}
		fake_e1000_set(&f, E1000_TDT, f.tx_tail);
		fake_e1000_set(&f, bad_rings[i].offset, bad_rings[i].value);
		fake_e1000_serve(&f);
		for (int n = 0; n < 10; n++)
			f.nic.nic.client->readable(f.nic.nic.client, 0);
		for (int n = 0; n < 4; n++)
			fake_e1000_serve(&f);
		if (poll(&(struct pollfd){f.card->doorbell.fd, POLLIN, 0}, 1, 0) != 0)
			fail_msg("%s: goes on for ever", bad_rings[i].what);
		/* And a reset cures it. */
		fake_e1000_set(&f, E1000_CTRL, CTRL_RST);
		fake_e1000_rings(&f);
		fake_e1000_put(&f, DATA, fake_e1000_legacy(77, COMMAND_EOP));
		fake_e1000_send(&f);
		assert_int_equal(f.nic.sent[f.nic.nsent - 1].len, 77);
		fake_e1000_free(&f);
	}
}

static void ten_thousand_resets_with_frames_in_flight_leave_it_whole(void **state)
{
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	wire_frame(f.bytes + DATA, 100, 1);
	for (int i = 0; i < 10000; i++) {
		f.nic.received = f.nic.ncoming = 0;
		f.nic.room = 0;
		fake_nic_feed(&f.nic, f.bytes + DATA, 100);
		fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP));
		fake_e1000_set(&f, E1000_TDT, f.tx_tail);
		if (i % 3)
			fake_e1000_serve(&f);
		fake_e1000_set(&f, E1000_CTRL, CTRL_RST);
		fake_e1000_rings(&f);
	}
	f.nic.room = 1;
	fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.nsent, 1);
	fake_e1000_free(&f);
}

/* Anything at all, in any order: registers, rings and frames of a generator's making. */
static void a_driver_gone_mad_hurts_nobody(void **state)
{
	static const uint32_t favourites[] = {E1000_TDT,   E1000_RDT,	E1000_TDH,  E1000_RDH,
					      E1000_TDLEN, E1000_RDLEN, E1000_RCTL, E1000_TCTL,
					      E1000_CTRL,  E1000_EECD,	E1000_MDIC, E1000_RXCSUM};
	uint64_t random = 88172645463325252ull;
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
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
		fake_e1000_set(&f, offset, i % 7 ? value & 0x3f : value);
		fake_e1000_get(&f, offset);
		if (i % 11 == 0)
			fake_e1000_set(&f, i % 2 ? E1000_TDBAL : E1000_RDBAL,
				       i % 2 ? TX_RING : RX_RING);
		if (i % 16 == 0) {
			for (unsigned int n = 0; n < f.nic.nsent; n++)
				free((void *)(uintptr_t)f.nic.sent[n].bytes);
			f.nic.nsent = f.nic.received = f.nic.ncoming = 0;
			f.nic.room = value % 200;
			fake_nic_feed(&f.nic, big, random % sizeof(big));
			f.nic.nic.client->readable(f.nic.nic.client, 0);
			f.nic.nic.client->writable(f.nic.nic.client, 0);
			fake_e1000_serve(&f);
		}
	}
	fake_e1000_set(&f, E1000_CTRL, CTRL_RST);
	fake_e1000_rings(&f);
	f.nic.room = 1;
	f.nic.ncoming = f.nic.received;
	fake_e1000_put(&f, DATA, fake_e1000_legacy(100, COMMAND_EOP));
	fake_e1000_send(&f);
	assert_int_equal(f.nic.sent[f.nic.nsent - 1].len, 100);
	fake_e1000_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes_interrupt_as_far_as_the_mask_lets_them),
		cmocka_unit_test(interrupts_are_no_closer_than_the_driver_wants_them),
		cmocka_unit_test(a_reset_forgets_rings_and_frames_and_keeps_the_address),
		cmocka_unit_test(the_machines_reset_is_power_on),
		cmocka_unit_test(registers_are_reached_through_the_ports_as_well),
		cmocka_unit_test(a_register_written_in_parts_stays_as_it_is),
		cmocka_unit_test(without_bus_mastering_memory_is_left_alone),
		cmocka_unit_test(rings_that_make_no_sense_cost_the_guest_its_network_only),
		cmocka_unit_test(ten_thousand_resets_with_frames_in_flight_leave_it_whole),
		cmocka_unit_test(a_driver_gone_mad_hurts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
