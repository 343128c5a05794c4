/* test_pci.c: a guest explores configuration space, moves BARs about and shares interrupt lines. */
#include "devices/pci.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vmm/util.h"

#define ECAM 0xe8000000u
#define RAM_END 0x40000000u
#define MEM32 0xc0000000u
#define MEM32_SIZE 0x100000u
#define MEM64 0x200000000ull
#define MEM64_SIZE 0x40000000ull

enum { IO = 0x1000, IO_SIZE = 0x1000, REGISTERS_SIZE = 0x1000, PORTS_SIZE = 0x20 };

/* A card with a 64-bit memory BAR 0, a BAR 2 of ports, INTx and a capability of its own. */
struct card {
	struct pci_device device;
	struct io_region registers, ports;
	unsigned int reads, writes; /* hooks called */
	unsigned int resets;
	unsigned int capability;
};

struct fixture {
	struct guest_memory ram;
	struct bus ports, mmio;
	struct pci_bus pci;
	unsigned int changes[PCI_INTX_LINES];
	bool level[PCI_INTX_LINES];
	unsigned int doorbells; /* told to KVM */
	struct card cards[PCI_SLOTS];
};

static uint64_t region_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	(void)region;
	(void)size;
	return 0xcafe0000 + offset;
}

static void region_write(struct io_region *region, uint64_t offset, uint64_t value,
			 unsigned int size)
{
	(void)region;
	(void)offset;
	(void)value;
	(void)size;
}

static const struct io_region_ops region_ops = {.read = region_read, .write = region_write};

static void set_line(void *owner, unsigned int pin, bool on)
{
	struct fixture *f = owner;

	f->level[pin] = on;
	f->changes[pin]++;
}

static bool is_its_own(const struct card *card, unsigned int offset, unsigned int size)
{
	return offset <= card->capability + 4 && card->capability + 4 < offset + size;
}

static void card_reading(struct pci_device *device, unsigned int offset, unsigned int size)
{
	struct card *card = container_of(device, struct card, device);

	if (is_its_own(card, offset, size))
		pci_config_store(device, card->capability + 4, 0x11223344 + card->reads++, 4);
}

static void card_written(struct pci_device *device, unsigned int offset, unsigned int size)
{
	struct card *card = container_of(device, struct card, device);

	if (is_its_own(card, offset, size))
		card->writes++;
}

static void card_reset(struct pci_device *device)
{
	container_of(device, struct card, device)->resets++;
	pci_intx_set(device, false);
}

static struct pci_device *init_card(struct card *card)
{
	static const struct pci_device_ops ops = {
		.config_reading = card_reading,
		.config_written = card_written,
		.reset = card_reset,
	};
	static const struct pci_identity identity = {
		.vendor = 0x1af4,
		.device = 0x1041,
		.subsystem_vendor = 0x1af5,
		.subsystem = 0x1042,
		.class = 0x020000,
		.revision = 1,
		.has_intx = true,
	};
	static const uint8_t capability[8] = {PCI_CAP_ID_VNDR, 0xff, 8};
	static const uint8_t writable[8] = {[3] = 0x0f};
	static const uint8_t other[6] = {PCI_CAP_ID_VNDR, 0xff, 6, 4, 5, 6};

	card->registers.name = "card";
	card->registers.size = REGISTERS_SIZE;
	card->registers.ops = &region_ops;
	card->ports.name = "card-ports";
	card->ports.size = PORTS_SIZE;
	card->ports.ops = &region_ops;
	pci_device_init(&card->device, "card", &ops, &identity);
	pci_bar_add(&card->device, 0, PCI_BAR_MEM64, &card->registers);
	pci_bar_add(&card->device, 2, PCI_BAR_IO, &card->ports);
	card->capability = pci_capability_add(&card->device, capability, writable, 8);
	pci_capability_add(&card->device, other, NULL, sizeof(other));
	return &card->device;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct pci_bus_config config = {
		.ports = &f->ports,
		.mmio = &f->mmio,
		.ecam_base = ECAM,
		.address_port = 0xcf8,
		.io = {IO, IO_SIZE},
		.mem32 = {MEM32, MEM32_SIZE},
		.mem64 = {MEM64, MEM64_SIZE},
		.intx_gsi = 16,
	};

	f->ram.regions[0] = (struct memory_region){.size = RAM_END};
	f->ram.nregions = 1;
	bus_init(&f->ports, NULL);
	bus_init(&f->mmio, &f->ram);
	for (unsigned int i = 0; i < PCI_INTX_LINES; i++)
		config.intx[i] = (struct irq_line){.set = set_line, .owner = f, .pin = i};
	assert_int_equal(pci_bus_init(&f->pci, &config), 0);
	/* Slots 1 and 2. */
	assert_int_equal(pci_add(&f->pci, init_card(&f->cards[1])), 0);
	assert_int_equal(pci_add(&f->pci, init_card(&f->cards[2])), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_bus_destroy(&f->pci);
	bus_destroy(&f->ports);
	bus_destroy(&f->mmio);
	free(f);
	return 0;
}

static uint64_t get(struct bus *bus, uint64_t address, unsigned int size)
{
	uint64_t value = 0;

	bus_read(bus, address, &value, size);
	return value;
}

static void put(struct bus *bus, uint64_t address, uint64_t value, unsigned int size)
{
	bus_write(bus, address, &value, size);
}

static uint64_t ecam(unsigned int slot, unsigned int offset)
{
	return ECAM + (uint64_t)slot * 0x8000 + offset;
}

static uint32_t config_get(struct fixture *f, unsigned int slot, unsigned int offset,
			   unsigned int size)
{
	return (uint32_t)get(&f->mmio, ecam(slot, offset), size);
}

static void config_put(struct fixture *f, unsigned int slot, unsigned int offset, uint32_t value,
		       unsigned int size)
{
	put(&f->mmio, ecam(slot, offset), value, size);
}

static uint32_t ports_get(struct fixture *f, unsigned int slot, unsigned int offset,
			  unsigned int size)
{
	put(&f->ports, 0xcf8, 0x80000000 | slot << 11 | (offset & 0xfc), 4);
	return (uint32_t)get(&f->ports, 0xcfc + (offset & 3), size);
}

static void ports_put(struct fixture *f, unsigned int slot, unsigned int offset, uint32_t value,
		      unsigned int size)
{
	put(&f->ports, 0xcf8, 0x80000000 | slot << 11 | (offset & 0xfc), 4);
	put(&f->ports, 0xcfc + (offset & 3), value, size);
}

static uint64_t bar0(struct fixture *f, unsigned int slot)
{
	return (config_get(f, slot, 0x10, 4) & ~0xfu) | (uint64_t)config_get(f, slot, 0x14, 4)
								<< 32;
}

static void the_host_bridge_answers_both_ways(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ports_get(f, 0, 0, 4), 0x00081b36);
	assert_int_equal(config_get(f, 0, 0, 4), 0x00081b36);
	assert_int_equal(config_get(f, 0, 0x0a, 2), 0x0600);
	assert_int_equal(config_get(f, 0, 0x0e, 1), 0);
}

static void a_device_shows_who_it_is(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_get(f, 1, 0, 4), 0x10411af4);
	assert_int_equal(ports_get(f, 1, 2, 2), 0x1041);
	assert_int_equal(ports_get(f, 1, 3, 1), 0x10);
	assert_int_equal(config_get(f, 1, 8, 4), 0x02000001);
	assert_int_equal(config_get(f, 1, 0x2c, 4), 0x10421af5);
	assert_int_equal(config_get(f, 1, 0x3d, 1), 1);
	assert_int_equal(config_get(f, 1, 0x3c, 1), 16 + pci_intx_line(1, 1));
	assert_int_equal(get(&f->mmio, ecam(1, 0), 8) >> 32, config_get(f, 1, 4, 4));
}

static void nobody_answers_with_ones(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_get(f, 3, 0, 4), 0xffffffff);
	assert_int_equal(config_get(f, 31, 0xfff, 1), 0xff);
	assert_int_equal(config_get(f, 1, 0x1000, 4), 0xffffffff); /* function 1 */
	assert_int_equal(get(&f->mmio, ecam(4, 0), 8), UINT64_MAX);
	put(&f->ports, 0xcf8, 0x80010000, 4); /* bus 1 */
	assert_int_equal(get(&f->ports, 0xcfc, 4), 0xffffffff);
	put(&f->ports, 0xcf8, 0x00000800, 4); /* without the enable bit */
	assert_int_equal(get(&f->ports, 0xcfc, 4), 0xffffffff);
	put(&f->ports, 0xcfc, 0, 4);
	config_put(f, 3, 4, 0xffff, 2);
}

static void the_address_port_takes_doublewords_only(void **state)
{
	struct fixture *f = *state;

	put(&f->ports, 0xcf8, 0xffffffff, 4);
	assert_int_equal(get(&f->ports, 0xcf8, 4), 0x80fffffc);
	put(&f->ports, 0xcfb, 0x01, 1);
	put(&f->ports, 0xcf8, 0x1234, 2);
	assert_int_equal(get(&f->ports, 0xcf8, 4), 0x80fffffc);
	assert_int_equal(get(&f->ports, 0xcf9, 1), 0xff);
	put(&f->ports, 0xcf8, 0x80000000, 4);
	assert_int_equal(get(&f->ports, 0xcf8, 4), 0x80000000);
}

static void the_extended_space_is_empty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_get(f, 1, 0x100, 4), 0);
	assert_int_equal(config_get(f, 1, 0xffc, 4), 0);
	config_put(f, 1, 0x100, 0xffffffff, 4);
	assert_int_equal(config_get(f, 1, 0x100, 4), 0);
}

static void bars_have_their_places_as_from_firmware(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_get(f, 1, 0x10, 4), MEM32 | PCI_BASE_ADDRESS_MEM_TYPE_64);
	assert_int_equal(config_get(f, 1, 0x14, 4), 0);
	assert_int_equal(config_get(f, 1, 0x18, 4), IO | PCI_BASE_ADDRESS_SPACE_IO);
	assert_int_equal(bar0(f, 2), MEM32 + REGISTERS_SIZE);
	assert_int_equal(config_get(f, 1, 4, 2), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	assert_int_equal(get(&f->mmio, MEM32 + 8, 4), 0xcafe0008);
	assert_int_equal(get(&f->ports, IO + 4, 4), 0xcafe0004);
}

static void all_ones_tell_the_size(void **state)
{
	struct fixture *f = *state;

	config_put(f, 1, 0x10, 0xffffffff, 4);
	config_put(f, 1, 0x14, 0xffffffff, 4);
	config_put(f, 1, 0x18, 0xffffffff, 4);
	assert_int_equal(config_get(f, 1, 0x10, 4), 0xfffff004);
	assert_int_equal(config_get(f, 1, 0x14, 4), 0xffffffff);
	assert_int_equal(config_get(f, 1, 0x18, 4), 0xffffffe1);
	config_put(f, 1, 0x1c, 0xffffffff, 4);
	assert_int_equal(config_get(f, 1, 0x1c, 4), 0); /* no BAR */
	config_put(f, 1, 0x30, 0xffffffff, 4);
	assert_int_equal(config_get(f, 1, 0x30, 4), 0); /* no ROM */
	/* While it was sized it answered nowhere. */
	assert_int_equal(get(&f->mmio, MEM32, 4), 0xffffffff);
	config_put(f, 1, 0x10, MEM32, 4);
	config_put(f, 1, 0x14, 0, 4);
	assert_int_equal(get(&f->mmio, MEM32, 4), 0xcafe0000);
}

static void a_bar_moves_while_it_decodes(void **state)
{
	struct fixture *f = *state;
	uint64_t old = bar0(f, 1);

	config_put(f, 1, 0x10, MEM32 + 0x80000, 4);
	assert_int_equal(get(&f->mmio, MEM32 + 0x80010, 4), 0xcafe0010);
	assert_int_equal(get(&f->mmio, old, 4), 0xffffffff);
	/* Above 4 GiB, piece by piece. */
	ports_put(f, 1, 0x10, 0, 2);
	ports_put(f, 1, 0x12, 0, 1);
	ports_put(f, 1, 0x13, 0x10, 1);
	ports_put(f, 1, 0x14, 2, 4);
	assert_int_equal(get(&f->mmio, MEM64 + 0x10000000, 4), 0xcafe0000);
}

static void the_command_register_has_its_four_bits(void **state)
{
	struct fixture *f = *state;

	assert_false(pci_is_bus_master(&f->cards[1].device));
	config_put(f, 1, 4, 0xffff, 2);
	assert_true(pci_is_bus_master(&f->cards[1].device));
	assert_int_equal(config_get(f, 1, 4, 2), 0x0407);
	assert_int_equal(config_get(f, 1, 6, 2), PCI_STATUS_CAP_LIST);
	config_put(f, 1, 4, 0, 2);
	assert_int_equal(config_get(f, 1, 4, 2), 0);
}

static int count_changes(struct bus *bus, const struct ioeventfd *event, uint64_t address,
			 bool assign)
{
	(void)event;
	(void)address;
	(void)assign;
	container_of(bus, struct fixture, mmio)->doorbells++;
	return 0;
}

/* As Linux does it, six times per device. */
static void asking_for_a_size_moves_no_doorbell(void **state)
{
	struct fixture *f = *state;
	struct ioeventfd doorbell = {.fd = -1, .offset = 0x10};
	uint32_t command = config_get(f, 1, 4, 2);
	uint32_t bar = config_get(f, 1, 0x10, 4);

	f->mmio.ioeventfd = count_changes;
	assert_int_equal(bus_ioeventfd_add(&f->mmio, &f->cards[1].registers, &doorbell), 0);
	f->doorbells = 0;
	config_put(f, 1, 4, command & ~3u, 2);
	config_put(f, 1, 0x10, 0xffffffff, 4);
	assert_int_equal(config_get(f, 1, 0x10, 4), 0xfffff004);
	config_put(f, 1, 0x10, bar, 4);
	config_put(f, 1, 4, command, 2);
	assert_int_equal(f->doorbells, 0);
	assert_int_equal(get(&f->mmio, MEM32, 4), 0xcafe0000);
	config_put(f, 1, 0x10, MEM32 + 0x80000, 4);
	assert_int_equal(f->doorbells, 2);
	bus_ioeventfd_remove(&f->mmio, &doorbell);
}

static void a_device_that_is_switched_off_makes_room(void **state)
{
	struct fixture *f = *state;

	config_put(f, 1, 4, 0, 2);
	config_put(f, 2, 0x10, MEM32, 4);
	config_put(f, 2, 0x18, IO, 4);
	assert_true(f->cards[1].registers.base == BUS_UNDECODED);
	assert_true(f->cards[1].ports.base == BUS_UNDECODED);
	assert_int_equal(f->cards[2].registers.base, MEM32);
	assert_int_equal(f->cards[2].ports.base, IO);
	/* Switched on again it is the one that finds its place taken. */
	config_put(f, 1, 4, PCI_COMMAND_MEMORY, 2);
	assert_true(f->cards[1].registers.base == BUS_UNDECODED);
	assert_int_equal(f->cards[2].registers.base, MEM32);
	config_put(f, 1, 0x10, MEM32 + REGISTERS_SIZE, 4);
	assert_int_equal(f->cards[1].registers.base, MEM32 + REGISTERS_SIZE);
	assert_true(f->cards[1].ports.base == BUS_UNDECODED);
}

static void a_bar_put_in_a_bad_place_answers_nowhere(void **state)
{
	static const struct {
		uint32_t low, high;
	} rows[] = {
		{0, 0},
		{0x1000, 0},		       /* RAM */
		{RAM_END - REGISTERS_SIZE, 0}, /* its end */
		{RAM_END, 0},		       /* in no window */
		{ECAM, 0},		       /* another region */
		{MEM32 + REGISTERS_SIZE, 0},   /* the other card's */
		{MEM32 - REGISTERS_SIZE, 0},   /* before the window */
		{MEM32 + MEM32_SIZE, 0},       /* behind it */
		{0xfee00000, 0},	       /* the local APIC */
		{0xfffff000, 0},	       /* half of all ones */
		{0xfffff000, 0xffffffff},      /* all of them */
		{0, 0xffffffff},	       /* the other half */
		{MEM32, 0xffffffff},	       /* nonsense above */
		{0, 1},			       /* before the upper window */
		{0x40000000, 2},	       /* behind it */
		{0, 0x80000000},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t place = (uint64_t)rows[i].high << 32 | rows[i].low;

		config_put(f, 1, 0x10, rows[i].low, 4);
		config_put(f, 1, 0x14, rows[i].high, 4);
		assert_int_equal(bar0(f, 1), place);
		assert_true(f->cards[1].registers.base == BUS_UNDECODED);
		/* Its neighbour is not harmed. */
		assert_int_equal(get(&f->mmio, MEM32 + REGISTERS_SIZE, 4), 0xcafe0000);
		assert_int_equal(config_get(f, 0, 0, 4), 0x00081b36);
	}
	config_put(f, 1, 0x14, 0, 4);
	config_put(f, 1, 0x10, MEM32, 4);
	assert_int_equal(get(&f->mmio, MEM32, 4), 0xcafe0000);
}

static void two_cards_change_places(void **state)
{
	struct fixture *f = *state;

	config_put(f, 1, 0x10, MEM32 + REGISTERS_SIZE, 4); /* where card 2 still is */
	assert_true(f->cards[1].registers.base == BUS_UNDECODED);
	config_put(f, 2, 0x10, MEM32, 4);
	assert_int_equal(f->cards[2].registers.base, MEM32);
	assert_int_equal(f->cards[1].registers.base, MEM32 + REGISTERS_SIZE);
}

static void capabilities_are_a_chain(void **state)
{
	struct fixture *f = *state;
	unsigned int first = config_get(f, 1, PCI_CAPABILITY_LIST, 1);
	unsigned int second = config_get(f, 1, first + 1, 1);

	assert_int_equal(first, f->cards[1].capability);
	assert_int_equal(config_get(f, 1, first, 1), PCI_CAP_ID_VNDR);
	assert_int_equal(config_get(f, 1, first + 2, 1), 8);
	assert_int_equal(second, first + 8);
	assert_int_equal(config_get(f, 1, second + 2, 4), 0x06050406);
	assert_int_equal(config_get(f, 1, second + 1, 1), 0);
	config_put(f, 1, first, 0xffffffff, 4);
	assert_int_equal(config_get(f, 1, first, 4),
			 PCI_CAP_ID_VNDR | second << 8 | 8 << 16 | 0x0f000000);
}

static void a_device_hears_of_its_own_capability(void **state)
{
	struct fixture *f = *state;
	struct card *card = &f->cards[1];

	assert_int_equal(config_get(f, 1, card->capability + 4, 4), 0x11223344);
	assert_int_equal(ports_get(f, 1, card->capability + 4, 2), 0x3345);
	config_put(f, 1, card->capability + 4, 7, 4);
	assert_int_equal(card->writes, 1);
	assert_int_equal(card->reads, 2);
	config_put(f, 1, card->capability, 7, 4);
	assert_int_equal(card->writes, 1);
}

/* Every width at every offset, over edges too: the guest changes what is writable, no more. */
static void no_write_reaches_what_is_read_only(void **state)
{
	static const unsigned int fixed[] = {0x00, 0x08, 0x2c, 0x34, 0x38};
	struct fixture *f = *state;
	uint32_t before[ARRAY_SIZE(fixed)];

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		before[i] = config_get(f, 1, fixed[i], 4);
	for (unsigned int size = 1; size <= 8; size++) {
		for (unsigned int offset = 0; offset < 0x1000; offset++) {
			put(&f->mmio, ecam(1, offset), UINT64_MAX, size);
			get(&f->mmio, ecam(1, offset), size);
			put(&f->mmio, ecam(1, offset), 0, size);
		}
		for (unsigned int offset = 0; offset < 0x100; offset += 4) {
			put(&f->ports, 0xcf8, 0x80000800 | offset, 4);
			for (unsigned int port = 0xcfc; port < 0xd00; port++) {
				put(&f->ports, port, 0x5555555555555555, size);
				get(&f->ports, port, size);
			}
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		assert_int_equal(config_get(f, 1, fixed[i], 4), before[i]);
	assert_int_equal(config_get(f, 0, 0, 4), 0x00081b36);
	assert_int_equal(config_get(f, 2, 0, 4), 0x10411af4);
}

static void an_address_of_garbage_reaches_nobody_else(void **state)
{
	struct fixture *f = *state;

	for (unsigned int bit = 0; bit < 32; bit++) {
		for (unsigned int size = 1; size <= 8; size++) {
			put(&f->ports, 0xcf8, 1u << bit, 4);
			put(&f->ports, 0xcf8 + bit % 8, 0xa5a5a5a5a5a5a5a5, size);
			get(&f->ports, 0xcf8 + bit % 8, size);
		}
	}
	assert_int_equal(config_get(f, 0, 0, 4), 0x00081b36);
	assert_int_equal(config_get(f, 1, 0, 4), 0x10411af4);
	assert_int_equal(get(&f->mmio, MEM32, 4), 0xcafe0000);
}

static void a_shared_line_is_down_when_all_let_go(void **state)
{
	struct fixture *f = *state;
	unsigned int line = pci_intx_line(1, 1);

	for (unsigned int slot = 3; slot <= 9; slot++)
		assert_int_equal(pci_add(&f->pci, init_card(&f->cards[slot])), 0);
	assert_int_equal(f->cards[9].device.slot, 9);
	assert_int_equal(pci_intx_line(9, 1), line);
	pci_intx_set(&f->cards[1].device, true);
	assert_true(f->level[line]);
	pci_intx_set(&f->cards[9].device, true);
	pci_intx_set(&f->cards[1].device, true);
	pci_intx_set(&f->cards[1].device, false);
	assert_true(f->level[line]);
	assert_int_equal(f->changes[line], 1);
	pci_intx_set(&f->cards[9].device, false);
	assert_false(f->level[line]);
	assert_int_equal(f->changes[line], 2);
}

static void the_guest_can_cut_off_an_interrupt(void **state)
{
	struct fixture *f = *state;
	unsigned int line = pci_intx_line(1, 1);

	config_put(f, 1, 4, PCI_COMMAND_INTX_DISABLE, 2);
	pci_intx_set(&f->cards[1].device, true);
	assert_int_equal(f->changes[line], 0);
	assert_true(config_get(f, 1, 6, 2) & PCI_STATUS_INTERRUPT);
	config_put(f, 1, 4, 0, 2);
	assert_true(f->level[line]);
	config_put(f, 1, 4, PCI_COMMAND_INTX_DISABLE, 2);
	assert_false(f->level[line]);
	config_put(f, 1, 4, 0, 2);
	assert_true(f->level[line]);
	/* Not by writing to the status register. */
	config_put(f, 1, 6, 0xffff, 2);
	assert_true(config_get(f, 1, 6, 2) & PCI_STATUS_INTERRUPT);
}

static void slots_run_out(void **state)
{
	struct fixture *f = *state;
	struct card extra = {.resets = 0};

	for (unsigned int slot = 3; slot < PCI_SLOTS; slot++)
		assert_int_equal(pci_add(&f->pci, init_card(&f->cards[slot])), 0);
	assert_int_equal(pci_add(&f->pci, init_card(&extra)), -ENOSPC);
	assert_int_equal(config_get(f, 31, 0, 4), 0x10411af4);
}

static int add_large(struct fixture *f, struct pci_device *device, enum pci_bar_kind kind,
		     struct io_region *region)
{
	static const struct pci_device_ops ops = {.reset = NULL};
	static const struct pci_identity identity = {.vendor = 1, .device = 2};

	pci_device_init(device, "large", &ops, &identity);
	pci_bar_add(device, 4, kind, region);
	return pci_add(&f->pci, device);
}

static void a_large_bar_goes_above_4_gib(void **state)
{
	struct fixture *f = *state;
	struct pci_device devices[3];
	struct io_region regions[] = {
		{.name = "large", .size = 0x10000000, .ops = &region_ops},
		{.name = "larger", .size = 0x40000000, .ops = &region_ops},
		{.name = "low", .size = 0x10000000, .ops = &region_ops},
	};

	assert_int_equal(add_large(f, &devices[0], PCI_BAR_MEM64, &regions[0]), 0);
	assert_int_equal(config_get(f, 3, 0x20, 4), PCI_BASE_ADDRESS_MEM_TYPE_64);
	assert_int_equal(config_get(f, 3, 0x24, 4), MEM64 >> 32);
	assert_int_equal(add_large(f, &devices[1], PCI_BAR_MEM64, &regions[1]), -ENOSPC);
	assert_int_equal(add_large(f, &devices[2], PCI_BAR_MEM32, &regions[2]), -ENOSPC);
}

static void reset_puts_everything_back(void **state)
{
	struct fixture *f = *state;
	uint64_t place = bar0(f, 1);

	put(&f->ports, 0xcf8, 0x80000808, 4);
	config_put(f, 1, 0x10, MEM32 + 0x80000, 4);
	config_put(f, 2, 0x10, (uint32_t)place, 4);
	config_put(f, 1, 4, 0xffff, 2);
	config_put(f, 2, 4, 0, 2);
	config_put(f, 1, 0x3c, 5, 1);
	pci_intx_set(&f->cards[2].device, true);
	pci_bus_reset(&f->pci);
	assert_int_equal(f->cards[1].resets, 1);
	assert_int_equal(get(&f->ports, 0xcf8, 4), 0);
	assert_int_equal(bar0(f, 1), place);
	assert_int_equal(f->cards[1].registers.base, place);
	assert_int_equal(f->cards[2].registers.base, place + REGISTERS_SIZE);
	assert_int_equal(config_get(f, 1, 4, 2), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	assert_int_equal(config_get(f, 1, 0x3c, 1), 17);
	assert_false(f->level[pci_intx_line(2, 1)]);
	assert_int_equal(config_get(f, 2, 6, 2), PCI_STATUS_CAP_LIST);
}

static void a_guest_that_must_not_know_sees_the_bridge_of_a_pc(void **state)
{
	struct bus ports, mmio;
	struct pci_bus pci;
	struct pci_bus_config config = {.ports = &ports,
					.mmio = &mmio,
					.ecam_base = ECAM,
					.address_port = 0xcf8,
					.as_hardware = true};

	(void)state;
	bus_init(&ports, NULL);
	bus_init(&mmio, NULL);
	assert_int_equal(pci_bus_init(&pci, &config), 0);
	assert_int_equal(get(&mmio, ECAM, 4), 0x29c08086);
	pci_bus_destroy(&pci);
	bus_destroy(&mmio);
	bus_destroy(&ports);
}

static void a_bus_without_room_says_so(void **state)
{
	struct bus ports, mmio;
	struct pci_bus pci;
	struct io_region squatter = {.name = "squatter", .size = 16, .ops = &region_ops};
	struct pci_bus_config config = {
		.ports = &ports, .mmio = &mmio, .ecam_base = ECAM, .address_port = 0xcf8};

	(void)state;
	bus_init(&ports, NULL);
	bus_init(&mmio, NULL);
	assert_int_equal(bus_add(&ports, &squatter, 0xcf0), 0);
	assert_int_equal(pci_bus_init(&pci, &config), -EEXIST);
	pci_bus_destroy(&pci);
	bus_destroy(&ports);
	bus_destroy(&mmio);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(the_host_bridge_answers_both_ways),
		cmocka_unit_test(a_guest_that_must_not_know_sees_the_bridge_of_a_pc),
		test(a_device_shows_who_it_is),
		test(nobody_answers_with_ones),
		test(the_address_port_takes_doublewords_only),
		test(the_extended_space_is_empty),
		test(bars_have_their_places_as_from_firmware),
		test(all_ones_tell_the_size),
		test(a_bar_moves_while_it_decodes),
		test(the_command_register_has_its_four_bits),
		test(asking_for_a_size_moves_no_doorbell),
		test(a_device_that_is_switched_off_makes_room),
		test(a_bar_put_in_a_bad_place_answers_nowhere),
		test(two_cards_change_places),
		test(capabilities_are_a_chain),
		test(a_device_hears_of_its_own_capability),
		test(no_write_reaches_what_is_read_only),
		test(an_address_of_garbage_reaches_nobody_else),
		test(a_shared_line_is_down_when_all_let_go),
		test(the_guest_can_cut_off_an_interrupt),
		test(slots_run_out),
		test(a_large_bar_goes_above_4_gib),
		test(reset_puts_everything_back),
		cmocka_unit_test(a_bus_without_room_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
