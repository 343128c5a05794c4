/*
 * e1000_serial.c: what the 82540EM talks to bit by bit: its EEPROM, a Microwire one of 64 words
 * (manual, section 5), and its PHY through MDIC (section 8 and 13.4.4).
 */
#include <string.h>

#include "devices/e1000_core.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	EECD_SK = 1 << 0, /* clock */
	EECD_CS = 1 << 1, /* select */
	EECD_DI = 1 << 2,
	EECD_DO = 1 << 3,
	EECD_REQ = 1 << 6,
	EECD_GNT = 1 << 7,
	EECD_PRES = 1 << 8,
	EECD_WRITABLE = EECD_SK | EECD_CS | EECD_DI | EECD_REQ,

	EERD_START = 1 << 0,
	EERD_DONE = 1 << 4,

	/* A start bit, two of operation, six of address. */
	COMMAND_BITS = 9,
	COMMAND_READ = 6, /* the start bit and 10 */

	EEPROM_SUM = 0xbaba,
};

/* Words of the EEPROM, 5.6. */
enum {
	WORD_CONTROL1 = 0x0a,
	WORD_SUBSYSTEM = 0x0b,
	WORD_SUBSYSTEM_VENDOR = 0x0c,
	WORD_DEVICE = 0x0d,
	WORD_VENDOR = 0x0e,
	WORD_CONTROL2 = 0x0f,
	WORD_CHECKSUM = 0x3f,
};

enum {
	MDIC_REGISTER = 16,
	MDIC_PHY = 21,
	MDIC_WRITE = 1 << 26,
	MDIC_READ = 2 << 26,
	MDIC_OPERATION = 3 << 26,
	MDIC_READY = 1 << 28,
	MDIC_INTERRUPT = 1 << 29,
	MDIC_ERROR = 1 << 30,

	THE_PHY = 1,
};

/* Registers of the PHY, a Marvell 88E1011 (IEEE 802.3, clause 22; from 16 on its own). */
enum {
	PHY_CONTROL = 0,
	PHY_STATUS = 1,
	PHY_ID1 = 2,
	PHY_ID2 = 3,
	PHY_ADVERTISE = 4,
	PHY_PARTNER = 5,
	PHY_EXPANSION = 6,
	PHY_1000_CONTROL = 9,
	PHY_1000_STATUS = 10,
	PHY_EXTENDED_STATUS = 15,
	PHY_SPECIFIC_CONTROL = 16,
	PHY_SPECIFIC_STATUS = 17,

	PHY_CONTROL_RESET = 1 << 15,
	PHY_CONTROL_RESTART = 1 << 9,
	PHY_CONTROL_LOOPBACK = 1 << 14,
	PHY_STATUS_LINK = 1 << 2,
	PHY_STATUS_DONE = 1 << 5,
	PHY_SPECIFIC_LINK = 1 << 10,
};

void e1000_fill_eeprom(uint16_t words[static E1000_EEPROM_WORDS], const uint8_t mac[6])
{
	uint16_t sum = 0;

	memset(words, 0, E1000_EEPROM_WORDS * sizeof(*words));
	for (unsigned int i = 0; i < 3; i++)
		words[i] = load_le16(mac + 2 * i);
	words[WORD_CONTROL1] = 0x4408;
	words[WORD_SUBSYSTEM] = 0x001e;
	words[WORD_SUBSYSTEM_VENDOR] = 0x8086;
	words[WORD_DEVICE] = 0x100e;
	words[WORD_VENDOR] = 0x8086;
	words[WORD_CONTROL2] = 0x3040;
	for (unsigned int i = 0; i < WORD_CHECKSUM; i++)
		sum = (uint16_t)(sum + words[i]);
	words[WORD_CHECKSUM] = (uint16_t)(EEPROM_SUM - sum);
}

uint32_t e1000_eecd_read(const struct e1000 *e1000)
{
	const struct e1000_eeprom_state *eeprom = &e1000->state.eeprom;

	return eeprom->control | EECD_PRES | (eeprom->output ? EECD_DO : 0) |
	       (eeprom->control & EECD_REQ ? EECD_GNT : 0);
}

/* A rising clock: a bit of data goes out, or one of a command comes in. */
static void eeprom_clock(struct e1000 *e1000)
{
	struct e1000_eeprom_state *eeprom = &e1000->state.eeprom;
	uint32_t bit = eeprom->control & EECD_DI ? 1 : 0;

	if (eeprom->nsending) {
		eeprom->nsending--;
		eeprom->output = eeprom->sending >> eeprom->nsending & 1;
		return;
	}
	if (eeprom->nreceived == 0 && !bit)
		return; /* until the start bit */
	eeprom->received = eeprom->received << 1 | bit;
	if (++eeprom->nreceived < COMMAND_BITS)
		return;
	/* Nothing else can be done to it: it is written in the factory. */
	if ((eeprom->received >> 6 & 7) == COMMAND_READ) {
		eeprom->sending = e1000->eeprom[eeprom->received & (E1000_EEPROM_WORDS - 1)];
		eeprom->nsending = 16;
	}
	eeprom->received = 0;
	eeprom->nreceived = 0;
	eeprom->output = 0;
}

void e1000_eecd_write(struct e1000 *e1000, uint32_t value)
{
	struct e1000_eeprom_state *eeprom = &e1000->state.eeprom;
	bool rises = value & ~eeprom->control & EECD_SK;

	if (!(value & EECD_CS))
		*eeprom = (struct e1000_eeprom_state){.output = 1};
	eeprom->control = value & EECD_WRITABLE;
	if (rises && (value & EECD_CS))
		eeprom_clock(e1000);
}

void e1000_eerd_write(struct e1000 *e1000, uint32_t value)
{
	uint32_t address = value >> 8 & 0xff;

	e1000->state.eerd = value & ~(uint32_t)EERD_DONE;
	if (!(value & EERD_START))
		return;
	if (address >= E1000_EEPROM_WORDS)
		address &= E1000_EEPROM_WORDS - 1;
	e1000->state.eerd = (uint32_t)e1000->eeprom[address] << 16 | address << 8 | EERD_DONE;
}

void e1000_phy_link(struct e1000 *e1000)
{
	uint16_t *phy = e1000->state.phy;
	bool up = e1000->nic->link_up;

	phy[PHY_STATUS] = (uint16_t)(0x7949 | (up ? PHY_STATUS_LINK | PHY_STATUS_DONE : 0));
	/* 1000 Mbit/s, full duplex, resolved. */
	phy[PHY_SPECIFIC_STATUS] = (uint16_t)(0xa800 | (up ? PHY_SPECIFIC_LINK : 0));
}

void e1000_phy_reset(struct e1000 *e1000)
{
	uint16_t *phy = e1000->state.phy;

	memset(phy, 0, sizeof(e1000->state.phy));
	phy[PHY_CONTROL] = 0x1140; /* negotiation on, full duplex, 1000 Mbit/s */
	phy[PHY_ID1] = 0x0141;
	phy[PHY_ID2] = 0x0c20;
	phy[PHY_ADVERTISE] = 0x0de1;
	phy[PHY_PARTNER] = 0x45e1;
	phy[PHY_EXPANSION] = 0x0001;
	phy[PHY_1000_CONTROL] = 0x0e00;
	phy[PHY_1000_STATUS] = 0x3c00; /* both receivers fine, the partner can do it */
	phy[PHY_EXTENDED_STATUS] = 0x3000;
	phy[PHY_SPECIFIC_CONTROL] = 0x0360;
	e1000_phy_link(e1000);
}

static void phy_write(struct e1000 *e1000, unsigned int number, uint16_t value)
{
	switch (number) {
	case PHY_CONTROL:
		if (value & PHY_CONTROL_RESET) {
			e1000_phy_reset(e1000);
			return;
		}
		e1000->state.phy[PHY_CONTROL] =
			(uint16_t)(value & ~(PHY_CONTROL_RESTART | PHY_CONTROL_LOOPBACK));
		/* Negotiation is over as soon as it begins. */
		if (value & PHY_CONTROL_RESTART)
			e1000_set_cause(e1000, ICR_LSC);
		return;
	case PHY_STATUS:
	case PHY_ID1:
	case PHY_ID2:
	case PHY_PARTNER:
	case PHY_EXPANSION:
	case PHY_1000_STATUS:
	case PHY_EXTENDED_STATUS:
	case PHY_SPECIFIC_STATUS:
		return;
	default:
		e1000->state.phy[number] = value;
	}
}

void e1000_mdic_write(struct e1000 *e1000, uint32_t value)
{
	unsigned int number = value >> MDIC_REGISTER & (E1000_PHY_REGISTERS - 1);
	uint32_t operation = value & MDIC_OPERATION;
	uint32_t result = value & ~(uint32_t)(MDIC_READY | MDIC_ERROR);

	if ((value >> MDIC_PHY & 0x1f) != THE_PHY)
		result |= MDIC_ERROR;
	else if (operation == MDIC_WRITE)
		phy_write(e1000, number, (uint16_t)value);
	else if (operation == MDIC_READ)
		result = (result & ~(uint32_t)0xffff) | e1000->state.phy[number];
	else
		result |= MDIC_ERROR;
	e1000->state.mdic = result | MDIC_READY;
	if (value & MDIC_INTERRUPT)
		e1000_set_cause(e1000, ICR_MDAC);
}
