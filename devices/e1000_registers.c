/*
 * e1000_registers.c: the 82540EM's registers (manual, section 13), decoded on vCPU threads. Lock
 * held unless said otherwise.
 */
#include "devices/e1000_core.h"
#include "vmm/util.h"

enum {
	PORT_ADDRESS = 0,
	PORT_DATA = 4,
	RING_LENGTH = 0xfff80, /* of RDLEN and TDLEN: a multiple of 128 bytes */
	RING_INDEX = 0xffff,
};

#define ALL UINT32_MAX
#define FIELD(field) offsetof(struct e1000_state, field)

/* Those that read back what was written, as far as it is writable; the busiest first. */
static const struct {
	uint16_t offset, field;
	uint32_t writable;
} plain_registers[] = {
	{E1000_TDT, FIELD(tx.tail), RING_INDEX},
	{E1000_RDT, FIELD(rx.tail), RING_INDEX},
	{E1000_TDH, FIELD(tx.head), RING_INDEX},
	{E1000_RDH, FIELD(rx.head), RING_INDEX},
	{E1000_ITR, FIELD(itr), 0xffff},
	{E1000_CTRL, FIELD(ctrl), ALL},
	{E1000_CTRL_EXT, FIELD(ctrl_ext), ALL},
	{E1000_FCAL, FIELD(fcal), ALL},
	{E1000_FCAH, FIELD(fcah), ALL},
	{E1000_FCT, FIELD(fct), ALL},
	{E1000_VET, FIELD(vet), 0xffff},
	{E1000_RCTL, FIELD(rctl), ALL},
	{E1000_FCTTV, FIELD(fcttv), ALL},
	{E1000_TXCW, FIELD(txcw), ALL},
	{E1000_RXCW, FIELD(rxcw), 0},
	{E1000_TCTL, FIELD(tctl), ALL},
	{E1000_TIPG, FIELD(tipg), ALL},
	{E1000_AIT, FIELD(ait), ALL},
	{E1000_LEDCTL, FIELD(ledctl), ALL},
	{E1000_PBA, FIELD(pba), ALL},
	{E1000_FCRTL, FIELD(fcrtl), ALL},
	{E1000_FCRTH, FIELD(fcrth), ALL},
	{E1000_RDBAL, FIELD(rx.base_low), ~15u},
	{E1000_RDBAH, FIELD(rx.base_high), ALL},
	{E1000_RDLEN, FIELD(rx.length), RING_LENGTH},
	{E1000_RDTR, FIELD(rdtr), ALL},
	{E1000_RXDCTL, FIELD(rxdctl), ALL},
	{E1000_RADV, FIELD(radv), ALL},
	{E1000_RSRPD, FIELD(rsrpd), ALL},
	{E1000_TDBAL, FIELD(tx.base_low), ~15u},
	{E1000_TDBAH, FIELD(tx.base_high), ALL},
	{E1000_TDLEN, FIELD(tx.length), RING_LENGTH},
	{E1000_TIDV, FIELD(tidv), ALL},
	{E1000_TXDCTL, FIELD(txdctl), ALL},
	{E1000_TADV, FIELD(tadv), ALL},
	{E1000_TSPMT, FIELD(tspmt), ALL},
	{E1000_RXCSUM, FIELD(rxcsum), ALL},
	{E1000_WUC, FIELD(wuc), ALL},
	{E1000_WUFC, FIELD(wufc), ALL},
	{E1000_WUS, FIELD(wus), ALL},
	{E1000_MANC, FIELD(manc), ALL},
};

/* One of those, and what of it may be written; NULL for any other. */
static uint32_t *plain_register(struct e1000_state *state, uint32_t offset, uint32_t *writable)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_registers); i++) {
		if (plain_registers[i].offset != offset)
			continue;
		*writable = plain_registers[i].writable;
		return (uint32_t *)(void *)((uint8_t *)state + plain_registers[i].field);
	}
	return NULL;
}

/* One of an array of registers; NULL for any other. */
static uint32_t *table_register(struct e1000_state *state, uint32_t offset)
{
	if (offset >= E1000_MTA && offset < E1000_MTA + sizeof(state->mta))
		return &state->mta[(offset - E1000_MTA) / 4];
	if (offset >= E1000_RA && offset < E1000_RA + sizeof(state->ra))
		return &state->ra[(offset - E1000_RA) / 4];
	if (offset >= E1000_VFTA && offset < E1000_VFTA + sizeof(state->vfta))
		return &state->vfta[(offset - E1000_VFTA) / 4];
	return NULL;
}

static uint32_t read_and_clear(uint32_t *value)
{
	uint32_t was = *value;

	*value = 0;
	return was;
}

static uint32_t register_read(struct e1000 *e1000, uint32_t offset)
{
	struct e1000_state *state = &e1000->state;
	uint32_t value, writable;
	uint32_t *plain;

	switch (offset) {
	case E1000_STATUS:
		return STATUS_FD | STATUS_1000 | (e1000->nic->link_up ? STATUS_LU : 0);
	case E1000_EECD:
		return e1000_eecd_read(e1000);
	case E1000_EERD:
		return state->eerd;
	case E1000_MDIC:
		return state->mdic;
	case E1000_ICR:
		value = read_and_clear(&state->icr);
		e1000_update_interrupt(e1000);
		return value;
	case E1000_ICS:
		return state->icr;
	case E1000_IMS:
		return state->ims;
	default:
		break;
	}
	if (offset >= E1000_STATISTICS && offset < E1000_STATISTICS + sizeof(state->counters))
		return read_and_clear(&state->counters[(offset - E1000_STATISTICS) / 4]);
	plain = plain_register(state, offset, &writable);
	if (!plain)
		plain = table_register(state, offset);
	return plain ? *plain : 0;
}

/* What else it means that a plain register was written. */
static void after_write(struct e1000 *e1000, uint32_t offset)
{
	switch (offset) {
	case E1000_RDBAL:
	case E1000_RDBAH:
	case E1000_RDLEN:
	case E1000_RDH:
		e1000->rx_changes++;
		break;
	case E1000_TDBAL:
	case E1000_TDBAH:
	case E1000_TDLEN:
	case E1000_TDH:
		e1000->tx_changes++;
		break;
	case E1000_RDT:
	case E1000_RCTL:
	case E1000_TDT:
	case E1000_TCTL:
		e1000_ring_doorbell(e1000);
		break;
	default:
		break;
	}
}

static void plain_write(struct e1000 *e1000, uint32_t offset, uint32_t value)
{
	uint32_t writable;
	uint32_t *plain = plain_register(&e1000->state, offset, &writable);

	if (plain) {
		*plain = (*plain & ~writable) | (value & writable);
		after_write(e1000, offset);
		return;
	}
	plain = table_register(&e1000->state, offset);
	if (plain)
		*plain = value;
}

static void register_write(struct e1000 *e1000, uint32_t offset, uint32_t value)
{
	struct e1000_state *state = &e1000->state;

	switch (offset) {
	case E1000_EECD:
		e1000_eecd_write(e1000, value);
		break;
	case E1000_EERD:
		e1000_eerd_write(e1000, value);
		break;
	case E1000_MDIC:
		e1000_mdic_write(e1000, value);
		break;
	case E1000_ICR: /* writing ones clears */
		state->icr &= ~value;
		e1000_update_interrupt(e1000);
		break;
	case E1000_ICS:
		e1000_set_cause(e1000, value);
		break;
	case E1000_IMS:
		state->ims |= value;
		e1000_update_interrupt(e1000);
		break;
	case E1000_IMC:
		state->ims &= ~value;
		e1000_update_interrupt(e1000);
		break;
	default:
		plain_write(e1000, offset, value);
	}
}

static uint32_t load_register(struct e1000 *e1000, uint32_t offset)
{
	uint32_t value;

	pthread_mutex_lock(&e1000->lock);
	value = register_read(e1000, offset);
	pthread_mutex_unlock(&e1000->lock);
	return value;
}

/* Without the lock: a reset waits for the loop. */
static void store_register(struct e1000 *e1000, uint32_t offset, uint32_t value)
{
	if (offset == E1000_CTRL && (value & CTRL_RST)) {
		loop_call(e1000->loop, e1000_reset, e1000);
		return;
	}
	pthread_mutex_lock(&e1000->lock);
	register_write(e1000, offset, value);
	pthread_mutex_unlock(&e1000->lock);
}

/* Registers are 32 bits wide, 13.1: a part of one can be read;
 * what is written otherwise is lost. */
static uint64_t registers_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct e1000 *e1000 = container_of(region, struct e1000, registers);
	uint64_t value = load_register(e1000, (uint32_t)offset & ~3u) >> offset % 4 * 8;

	if (size == 8)
		value |= (uint64_t)load_register(e1000, (uint32_t)offset + 4) << 32;
	return value;
}

static void registers_write(struct io_region *region, uint64_t offset, uint64_t value,
			    unsigned int size)
{
	struct e1000 *e1000 = container_of(region, struct e1000, registers);

	if (offset % 4 || size < 4) {
		log_guest(&e1000->said, "%s: a register written in parts: ignored", e1000->name);
		return;
	}
	store_register(e1000, (uint32_t)offset, (uint32_t)value);
	if (size == 8)
		store_register(e1000, (uint32_t)offset + 4, (uint32_t)(value >> 32));
}

const struct io_region_ops e1000_registers_ops = {.read = registers_read, .write = registers_write};

/* The same registers through a window of two ports, 13.2. */
static uint64_t ports_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct e1000 *e1000 = container_of(region, struct e1000, ports);
	uint32_t address;

	if (size != 4)
		return UINT64_MAX;
	pthread_mutex_lock(&e1000->lock);
	address = e1000->port_address;
	pthread_mutex_unlock(&e1000->lock);
	if (offset == PORT_ADDRESS)
		return address;
	return offset == PORT_DATA ? load_register(e1000, address) : 0;
}

static void ports_write(struct io_region *region, uint64_t offset, uint64_t value,
			unsigned int size)
{
	struct e1000 *e1000 = container_of(region, struct e1000, ports);
	uint32_t address;

	if (size != 4)
		return;
	pthread_mutex_lock(&e1000->lock);
	if (offset == PORT_ADDRESS)
		e1000->port_address = (uint32_t)value & (E1000_REGISTERS_SIZE - 1) & ~3u;
	address = e1000->port_address;
	pthread_mutex_unlock(&e1000->lock);
	if (offset == PORT_DATA)
		store_register(e1000, address, (uint32_t)value);
}

const struct io_region_ops e1000_ports_ops = {.read = ports_read, .write = ports_write};
