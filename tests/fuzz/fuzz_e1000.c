/*
 * fuzz_e1000.c: libFuzzer plays a guest with the emulated network card: accesses of any width to
 * registers, I/O ports and configuration space, descriptors of any content, frames that come in, a
 * network without room, and the loop's turn. After each input the card is reset, and must then send
 * and receive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/e1000_card.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

#define ECAM_BASE 0xe8000000u

enum { FRAME_MAX = 9000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An access as the input has it: kind, size and direction, offset, value. */
struct access {
	uint8_t kind, shape;
	uint16_t offset;
	uint32_t value;
} __attribute__((packed));

static uint8_t frame_bytes[FRAME_MAX];

static void touch(struct bus *bus, uint64_t address, const struct access *access)
{
	unsigned int size = 1 + (access->shape & 7);
	uint64_t value = access->value;

	if (access->shape & 8)
		bus_read(bus, address, &value, size);
	else
		bus_write(bus, address, &value, size);
}

/* The registers that move frames, more often than others. */
static uint32_t known(uint16_t offset)
{
	static const uint32_t registers[] = {
		E1000_CTRL, E1000_ICR,	 E1000_ITR,   E1000_ICS,    E1000_IMS,	 E1000_IMC,
		E1000_RCTL, E1000_TCTL,	 E1000_RDBAL, E1000_RDBAH,  E1000_RDLEN, E1000_RDH,
		E1000_RDT,  E1000_TDBAL, E1000_TDBAH, E1000_TDLEN,  E1000_TDH,	 E1000_TDT,
		E1000_EECD, E1000_EERD,	 E1000_MDIC,  E1000_RXCSUM, E1000_RA,	 E1000_RA + 4,
		E1000_VFTA, E1000_MTA,	 E1000_VET,   E1000_STATUS,
	};

	return registers[offset % ARRAY_SIZE(registers)];
}

static void forget_frames(struct fake_nic *nic)
{
	for (unsigned int i = 0; i < nic->nsent; i++)
		free((void *)nic->sent[i].bytes);
	nic->nsent = nic->ncoming = nic->received = 0;
	nic->room = FAKE_NIC_FRAMES;
}

/* A frame to be cut up, or to get its checksums, of nearly sensible numbers. */
static void put_offload(struct fake_e1000 *f, const struct access *access)
{
	uint32_t len = access->value % 0x8000;
	bool tcp = access->shape & 1;
	struct e1000_tx_context context = {
		.ip_start = 14,
		.ip_offset = 24,
		.ip_end = 33,
		.data_start = 34,
		.data_offset = tcp ? 50 : 40,
		.payload = access->shape & 2 ? len - 54 : access->value >> 16,
		.header = access->shape & 4 ? 54 : (uint8_t)access->offset,
		.mss = access->shape & 8 ? 1460 : access->offset,
		.tcp = tcp,
		.ipv4 = access->shape & 16,
	};
	uint8_t *odd = (uint8_t *)&context;

	fake_ip_frame(f->bytes + DATA, tcp, 64, access->shape & 32);
	if (access->shape & 64)
		odd[access->offset % 12] = (uint8_t)(access->value >> 24);
	fake_e1000_put_context(f, &context);
	fake_e1000_put(f, DATA,
		       fake_e1000_data(len, COMMAND_EOP | (access->shape & 128 ? 0 : COMMAND_TSE),
				       access->offset >> 8 & 3));
	fake_e1000_send(f);
}

/* Descriptors are what lies behind the access in the input. Returns what they have taken of it. */
static size_t perform(struct fake_e1000 *f, const struct access *access, const uint8_t *more,
		      size_t size)
{
	const struct pci_device *pci = e1000_pci(f->card);
	unsigned int n;

	switch (access->kind % 11) {
	case 0:
		touch(&f->mmio, pci->bars[0].region->base + access->offset * 4u % 0x6000, access);
		break;
	case 1:
		fake_e1000_set(f, known(access->offset), access->value);
		break;
	case 2:
		touch(&f->ports, pci->bars[1].region->base + access->offset % 8, access);
		break;
	case 3:
		touch(&f->mmio, ECAM_BASE + (1 << 15) + access->offset % 0x100, access);
		break;
	case 4:
		if (f->nic.ncoming == FAKE_NIC_FRAMES || !f->nic.nic.link_up)
			break;
		fake_ip_frame(frame_bytes, access->shape & 1, 64, true);
		frame_bytes[access->value % 64] = (uint8_t)(access->value >> 24);
		fake_nic_feed(&f->nic, frame_bytes, access->offset % FRAME_MAX);
		fake_nic_deliver(&f->nic);
		break;
	case 5:
		f->nic.room = access->shape % 4;
		if (f->nic.nsent + f->nic.room > FAKE_NIC_FRAMES)
			f->nic.room = 0;
		f->nic.nic.client->writable(f->nic.nic.client, 0);
		f->nic.nic.link_up = !(access->shape & 4);
		f->nic.nic.client->link_changed(f->nic.nic.client);
		break;
	case 6:
		fake_e1000_serve(f);
		break;
	case 7:
		memory_write(&f->ram, access->offset, &access->value, 4);
		break;
	case 8:
		put_offload(f, access);
		break;
	default:
		n = access->shape % 8;
		for (unsigned int i = 0; i < n && (i + 1) * 16u <= size; i++) {
			uint64_t address = load_le64(more + i * 16);

			fake_e1000_put(f, address >> 60 ? address % RAM_SIZE : address,
				       load_le64(more + i * 16 + 8));
		}
		fake_e1000_send(f);
		return n * 16u < size ? n * 16u : size;
	}
	return 0;
}

static void still_works(struct fake_e1000 *f)
{
	struct fake_nic *nic = &f->nic;

	nic->nic.link_up = true;
	pci_bus_reset(&f->pci);
	pci_config_store(e1000_pci(f->card), PCI_COMMAND,
			 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	fake_e1000_serve(f);
	forget_frames(nic);
	memset(f->bytes, 0, RAM_SIZE);
	fake_e1000_rings(f);
	memset(f->bytes + DATA, 0x55, 100);
	fake_e1000_put(f, DATA, fake_e1000_legacy(100, COMMAND_EOP | COMMAND_RS));
	fake_e1000_send(f);
	assert_int_equal(nic->nsent, 1);
	assert_int_equal(nic->sent[0].len, 100);
	assert_true(fake_e1000_is_done(f, 0));
	memset(frame_bytes, 0xff, 100);
	fake_nic_feed(nic, frame_bytes, 100);
	fake_nic_deliver(nic);
	fake_e1000_serve(f);
	assert_int_equal(f->bytes[RX_RING + 12] & 1, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_e1000 f;
	struct access access;
	size_t taken;

	if (!f.card)
		fake_e1000_init(&f);
	while (size >= sizeof(access)) {
		memcpy(&access, data, sizeof(access));
		data += sizeof(access);
		size -= sizeof(access);
		taken = perform(&f, &access, data, size);
		data += taken;
		size -= taken;
	}
	still_works(&f);
	return 0;
}
