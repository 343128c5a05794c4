/* e1000_card.c: see e1000_card.h. */
#include "tests/fake/e1000_card.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/wire.h"
#include "vmm/bytes.h"

const uint8_t fake_e1000_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

uint32_t fake_e1000_get(struct fake_e1000 *f, uint32_t offset)
{
	return (uint32_t)f->card->registers.ops->read(&f->card->registers, offset, 4);
}

void fake_e1000_set(struct fake_e1000 *f, uint32_t offset, uint32_t value)
{
	f->card->registers.ops->write(&f->card->registers, offset, value, 4);
}

void fake_e1000_serve(struct fake_e1000 *f)
{
	loop_stop(&f->loop);
	assert_int_equal(loop_run(&f->loop), 0);
}

void fake_e1000_rings(struct fake_e1000 *f)
{
	fake_e1000_set(f, E1000_TDBAL, TX_RING);
	fake_e1000_set(f, E1000_TDLEN, RING_ENTRIES * 16);
	fake_e1000_set(f, E1000_TCTL, TCTL_EN);
	for (uint32_t i = 0; i < RING_ENTRIES; i++) {
		memset(f->bytes + RX_RING + i * 16, 0, 16);
		store_le64(f->bytes + RX_RING + i * 16, BUFFERS + i * 2048);
	}
	fake_e1000_set(f, E1000_RDBAL, RX_RING);
	fake_e1000_set(f, E1000_RDLEN, RING_ENTRIES * 16);
	fake_e1000_set(f, E1000_RCTL, RCTL_EN | RCTL_BAM);
	fake_e1000_set(f, E1000_RDT, RING_ENTRIES - 1);
	fake_e1000_set(f, E1000_IMS, INTERRUPTS);
	f->tx_tail = f->rx_next = 0;
	fake_e1000_serve(f);
}

void fake_e1000_init(struct fake_e1000 *f)
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
	assert_int_equal(
		e1000_create_on(&f->nic.nic, "net0", fake_e1000_mac, &f->loop, &f->ram, &f->card),
		0);
	assert_int_equal(pci_add(&f->pci, e1000_pci(f->card)), 0);
	pci_config_store(e1000_pci(f->card), PCI_COMMAND,
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	fake_e1000_rings(f);
}

void fake_e1000_free(struct fake_e1000 *f)
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

void fake_e1000_put(struct fake_e1000 *f, uint64_t address, uint64_t rest)
{
	store_le64(f->bytes + TX_RING + f->tx_tail * 16, address);
	store_le64(f->bytes + TX_RING + f->tx_tail * 16 + 8, rest);
	f->tx_tail = (f->tx_tail + 1) % RING_ENTRIES;
}

uint64_t fake_e1000_legacy(uint32_t len, uint32_t command)
{
	return len | (uint64_t)command << 24;
}

uint64_t fake_e1000_data(uint32_t len, uint32_t command, uint32_t options)
{
	return len | 1u << 20 | (uint64_t)(command | COMMAND_DEXT) << 24 | (uint64_t)options << 40;
}

void fake_e1000_put_context(struct fake_e1000 *f, const struct e1000_tx_context *context)
{
	uint32_t command = COMMAND_DEXT | (context->tcp ? 1 : 0) | (context->ipv4 ? 2 : 0);

	fake_e1000_put(
		f,
		(uint64_t)context->ip_start | (uint64_t)context->ip_offset << 8 |
			(uint64_t)context->ip_end << 16 | (uint64_t)context->data_start << 32 |
			(uint64_t)context->data_offset << 40 | (uint64_t)context->data_end << 48,
		context->payload | (uint64_t)command << 24 | (uint64_t)context->header << 40 |
			(uint64_t)context->mss << 48);
}

void fake_e1000_send(struct fake_e1000 *f)
{
	fake_e1000_set(f, E1000_TDT, f->tx_tail);
	fake_e1000_serve(f);
}

bool fake_e1000_is_done(struct fake_e1000 *f, unsigned int index)
{
	return f->bytes[TX_RING + index * 16 + 12] & 1;
}

static void put_be16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

uint32_t fake_get_be16(const uint8_t *from)
{
	return (uint32_t)from[0] << 8 | from[1];
}

size_t fake_ip_frame(uint8_t *frame, bool tcp, size_t payload, bool with_length)
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
