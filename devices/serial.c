/* serial.c: a 16550A UART (National Semiconductor PC16550D). */
#include "devices/serial.h"

#include <string.h>

#include "devices/byte_ports.h"
#include "vmm/util.h"

enum {
	REG_DATA = 0, /* RBR and THR; the divisor's low byte with DLAB */
	REG_IER = 1,  /* the divisor's high byte with DLAB */
	REG_IIR = 2,
	REG_FCR = 2,
	REG_LCR = 3,
	REG_MCR = 4,
	REG_LSR = 5,
	REG_MSR = 6,
	REG_SCR = 7,
};

enum {
	IER_RECEIVED = 1 << 0,
	IER_TRANSMITTER_EMPTY = 1 << 1,
	IER_LINE_STATUS = 1 << 2,
	IER_MODEM_STATUS = 1 << 3,
	IER_MASK = 0x0f,
};

/* By falling priority. */
enum {
	IIR_LINE_STATUS = 0x06,
	IIR_RECEIVED = 0x04,
	IIR_TIMEOUT = 0x0c, /* received, but less than the trigger level */
	IIR_TRANSMITTER_EMPTY = 0x02,
	IIR_MODEM_STATUS = 0x00,
	IIR_NONE = 0x01,
	IIR_FIFOS = 0xc0,
};

enum {
	FCR_ENABLE = 1 << 0,
	FCR_CLEAR_RECEIVER = 1 << 1,
	FCR_CLEAR_TRANSMITTER = 1 << 2,
	FCR_KEPT = 0xc9, /* enable, DMA mode, trigger level */
	FCR_TRIGGER_SHIFT = 6,
};

enum { LCR_DLAB = 1 << 7 };

enum {
	MCR_DTR = 1 << 0,
	MCR_RTS = 1 << 1,
	MCR_OUT1 = 1 << 2,
	MCR_OUT2 = 1 << 3, /* does not gate the interrupt: many small kernels never set it */
	MCR_LOOP = 1 << 4,
	MCR_MASK = 0x1f,
};

enum {
	LSR_DATA_READY = 1 << 0,
	LSR_OVERRUN = 1 << 1,
	LSR_THR_EMPTY = 1 << 5,
	LSR_IDLE = 1 << 6, /* nothing in THR or on its way out */
};

enum {
	MSR_DELTA_SHIFT = 4, /* from a line's bit to the bit that tells its change */
	MSR_DELTA_RI = 1 << 2,
	MSR_CTS = 1 << 4,
	MSR_DSR = 1 << 5,
	MSR_RI = 1 << 6,
	MSR_DCD = 1 << 7,
};

/* 9600 baud and one byte of FIFO: what the chip has after power-on does not matter, but must be the
 * same. */
enum { DIVISOR_AT_RESET = 12 };

static void fifo_push(struct serial_fifo *fifo, uint8_t byte)
{
	fifo->bytes[(fifo->first + fifo->count) % SERIAL_FIFO_SIZE] = byte;
	fifo->count++;
}

static uint8_t fifo_pop(struct serial_fifo *fifo)
{
	uint8_t byte = fifo->bytes[fifo->first];

	fifo->first = (uint8_t)((fifo->first + 1) % SERIAL_FIFO_SIZE);
	fifo->count--;
	return byte;
}

static bool fifos_enabled(const struct serial_state *state)
{
	return state->fcr & FCR_ENABLE;
}

/* How much the receiver and the transmitter hold: one byte each without FIFOs. */
static unsigned int capacity(const struct serial_state *state)
{
	return fifos_enabled(state) ? SERIAL_FIFO_SIZE : 1;
}

static unsigned int trigger_level(const struct serial_state *state)
{
	static const uint8_t levels[] = {1, 4, 8, 14};

	return fifos_enabled(state) ? levels[state->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

static uint8_t line_status(const struct serial_state *state)
{
	uint8_t lsr = state->lsr_errors;

	if (state->receive.count > 0)
		lsr |= LSR_DATA_READY;
	if (state->transmit.count == 0)
		lsr |= LSR_THR_EMPTY | LSR_IDLE;
	return lsr;
}

/* The lines at the connector: somebody is always there, unless our own outputs are looped back. */
static uint8_t modem_lines(const struct serial_state *state)
{
	if (!(state->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((state->mcr & MCR_RTS ? MSR_CTS : 0) |
			 (state->mcr & MCR_DTR ? MSR_DSR : 0) |
			 (state->mcr & MCR_OUT1 ? MSR_RI : 0) |
			 (state->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t interrupt_cause(const struct serial_state *state)
{
	if (state->ier & IER_LINE_STATUS && state->lsr_errors)
		return IIR_LINE_STATUS;
	if (state->ier & IER_RECEIVED && state->receive.count >= trigger_level(state))
		return IIR_RECEIVED;
	if (state->ier & IER_RECEIVED && state->receive.count > 0)
		return IIR_TIMEOUT; /* at once: no more is on its way */
	if (state->ier & IER_TRANSMITTER_EMPTY && state->thre_pending)
		return IIR_TRANSMITTER_EMPTY;
	if (state->ier & IER_MODEM_STATUS && state->msr_deltas)
		return IIR_MODEM_STATUS;
	return IIR_NONE;
}

static void update_irq(struct serial *serial)
{
	bool high = interrupt_cause(&serial->state) != IIR_NONE;

	if (high == serial->state.irq_high)
		return;
	serial->state.irq_high = high;
	irq_set(&serial->irq, high);
}

/* Brings what waits on the line into the receiver, up to `most` bytes in it. */
static void receive(struct serial *serial, unsigned int most)
{
	struct serial_state *state = &serial->state;

	if (state->mcr & MCR_LOOP)
		return;
	while (state->receive.count < most) {
		uint8_t byte;

		if (state->line.count > 0)
			byte = fifo_pop(&state->line);
		else if (stream_read(serial->stream, &byte, 1) == 0)
			return;
		fifo_push(&state->receive, byte);
	}
}

/* Only a guest that listens gets bytes: one with the interrupt enabled, or one that polls LSR (see
 * below). */
static void receive_if_listening(struct serial *serial)
{
	if (serial->state.ier & IER_RECEIVED)
		receive(serial, capacity(&serial->state));
}

/* What the guest has not seen goes back to the line; it fits, as both came out of one FIFO of that
 * size. */
static void clear_receiver(struct serial_state *state)
{
	struct serial_fifo line = state->receive;

	if (state->mcr & MCR_LOOP)
		line.count = 0; /* those bytes never came from the line */
	while (state->line.count > 0 && line.count < SERIAL_FIFO_SIZE)
		fifo_push(&line, fifo_pop(&state->line));
	state->line = line;
	state->receive.count = 0;
}

/* Hands on what the stream takes. */
static void transmit(struct serial *serial)
{
	struct serial_state *state = &serial->state;
	bool was_busy = state->transmit.count > 0;

	while (state->transmit.count > 0) {
		uint8_t byte = state->transmit.bytes[state->transmit.first];

		if (stream_write(serial->stream, &byte, 1) == 0)
			return;
		fifo_pop(&state->transmit);
	}
	if (was_busy)
		state->thre_pending = true;
}

static void write_data(struct serial *serial, uint8_t byte)
{
	struct serial_state *state = &serial->state;

	state->thre_pending = false;
	if (state->mcr & MCR_LOOP) {
		if (state->receive.count < capacity(state))
			fifo_push(&state->receive, byte);
		else
			state->lsr_errors |= LSR_OVERRUN;
		state->thre_pending = state->transmit.count == 0;
		return;
	}
	if (state->transmit.count == capacity(state))
		return; /* the guest did not wait for an empty transmitter: lost, as on the chip */
	fifo_push(&state->transmit, byte);
	transmit(serial);
}

static uint8_t read_data(struct serial *serial)
{
	struct serial_state *state = &serial->state;

	if (state->receive.count == 0)
		return 0;
	uint8_t byte = fifo_pop(&state->receive);
	receive_if_listening(serial);
	return byte;
}

static void write_ier(struct serial *serial, uint8_t value)
{
	struct serial_state *state = &serial->state;
	uint8_t enabled = value & (uint8_t)~state->ier;

	state->ier = value & IER_MASK;
	if (enabled & IER_TRANSMITTER_EMPTY && state->transmit.count == 0)
		state->thre_pending = true;
	receive_if_listening(serial);
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	struct serial_state *state = &serial->state;

	if ((value ^ state->fcr) & FCR_ENABLE)
		value |= FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER;
	if (value & FCR_CLEAR_RECEIVER)
		clear_receiver(state);
	if (value & FCR_CLEAR_TRANSMITTER && state->transmit.count > 0) {
		state->transmit.count = 0;
		state->thre_pending = true;
	}
	state->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
	receive_if_listening(serial);
}

static void write_mcr(struct serial *serial, uint8_t value)
{
	struct serial_state *state = &serial->state;
	uint8_t before = modem_lines(state);

	if ((value ^ state->mcr) & MCR_LOOP)
		clear_receiver(state); /* as long as MCR tells where its bytes came from */
	state->mcr = value & MCR_MASK;

	uint8_t after = modem_lines(state);
	uint8_t changed = before ^ after;

	if (!(before & MSR_RI))
		changed &= (uint8_t)~MSR_RI; /* only the end of a ring counts */
	state->msr_deltas |= changed >> MSR_DELTA_SHIFT;
	receive_if_listening(serial);
}

/*
 * A guest without the receive interrupt gets a byte when it asks for the second time in a row:
 * drivers read LSR and RBR once each while they set the chip up, and throw away what they get.
 */
static uint8_t read_lsr(struct serial *serial)
{
	struct serial_state *state = &serial->state;

	if (state->polled && !(state->ier & IER_RECEIVED))
		receive(serial, 1);

	uint8_t lsr = line_status(state);

	state->polled = true;
	state->lsr_errors = 0;
	return lsr;
}

static uint8_t read_iir(struct serial_state *state)
{
	uint8_t cause = interrupt_cause(state);

	if (cause == IIR_TRANSMITTER_EMPTY)
		state->thre_pending = false;
	return fifos_enabled(state) ? cause | IIR_FIFOS : cause;
}

static uint8_t read_msr(struct serial_state *state)
{
	uint8_t msr = modem_lines(state) | state->msr_deltas;

	state->msr_deltas = 0;
	return msr;
}

static uint8_t read_register(struct io_region *region, uint64_t offset)
{
	struct serial *serial = container_of(region, struct serial, region);
	struct serial_state *state = &serial->state;

	if (offset == REG_LSR)
		return read_lsr(serial);
	state->polled = false;
	switch (offset) {
	case REG_DATA:
		return state->lcr & LCR_DLAB ? state->dll : read_data(serial);
	case REG_IER:
		return state->lcr & LCR_DLAB ? state->dlm : state->ier;
	case REG_IIR:
		return read_iir(state);
	case REG_LCR:
		return state->lcr;
	case REG_MCR:
		return state->mcr;
	case REG_MSR:
		return read_msr(state);
	default:
		return state->scr;
	}
}

static void write_register(struct io_region *region, uint64_t offset, uint8_t value)
{
	struct serial *serial = container_of(region, struct serial, region);
	struct serial_state *state = &serial->state;

	state->polled = false;
	switch (offset) {
	case REG_DATA:
		if (state->lcr & LCR_DLAB)
			state->dll = value;
		else
			write_data(serial, value);
		break;
	case REG_IER:
		if (state->lcr & LCR_DLAB)
			state->dlm = value;
		else
			write_ier(serial, value);
		break;
	case REG_FCR:
		write_fcr(serial, value);
		break;
	case REG_LCR:
		state->lcr = value;
		break;
	case REG_MCR:
		write_mcr(serial, value);
		break;
	case REG_SCR:
		state->scr = value;
		break;
	}
}

static uint64_t serial_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct serial *serial = container_of(region, struct serial, region);

	pthread_mutex_lock(&serial->lock);
	uint64_t value = byte_ports_read(region, offset, size, read_register);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void serial_write(struct io_region *region, uint64_t offset, uint64_t value,
			 unsigned int size)
{
	struct serial *serial = container_of(region, struct serial, region);

	pthread_mutex_lock(&serial->lock);
	byte_ports_write(region, offset, value, size, write_register);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

static const struct io_region_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
};

static void serial_readable(struct stream_client *client)
{
	struct serial *serial = container_of(client, struct serial, client);

	pthread_mutex_lock(&serial->lock);
	receive_if_listening(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

static void serial_writable(struct stream_client *client)
{
	struct serial *serial = container_of(client, struct serial, client);

	pthread_mutex_lock(&serial->lock);
	transmit(serial);
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}

void serial_init(struct serial *serial, struct irq_line irq, struct stream *stream)
{
	*serial = (struct serial){
		.region = {.name = "serial", .size = SERIAL_PORTS, .ops = &serial_ops},
		.irq = irq,
		.stream = stream,
		.client = {.readable = serial_readable, .writable = serial_writable},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.state = {.dll = DIVISOR_AT_RESET},
	};
	stream->client = &serial->client;
}

void serial_destroy(struct serial *serial)
{
	pthread_mutex_destroy(&serial->lock);
}

int serial_attach(struct serial *serial, struct bus *ports, uint64_t base)
{
	return bus_add(ports, &serial->region, base);
}

void serial_reset(struct serial *serial)
{
	struct serial_state *state = &serial->state;

	pthread_mutex_lock(&serial->lock);
	clear_receiver(state);
	*state = (struct serial_state){
		.dll = DIVISOR_AT_RESET,
		.irq_high = state->irq_high,
		.line = state->line,
	};
	update_irq(serial);
	pthread_mutex_unlock(&serial->lock);
}
