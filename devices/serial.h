/*
 * serial.h: a 16550A UART on eight ports, its line a struct stream.
 *
 * After the PC16550D data sheet. Bytes move at the speed of both ends, whatever the divisor says.
 * Two things differ from the chip, both because our line can wait where a wire cannot: a byte that
 * the host's side has no room for keeps the transmitter busy instead of being lost, and clearing
 * the receiver gives bytes that the guest has not seen back to the line, so that a driver's probing
 * eats no piped input.
 */
#ifndef DEVICES_SERIAL_H
#define DEVICES_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/backend/stream.h"
#include "vmm/bus.h"
#include "vmm/irq.h"

enum { SERIAL_PORTS = 8, SERIAL_FIFO_SIZE = 16 };

struct serial_fifo {
	uint8_t bytes[SERIAL_FIFO_SIZE];
	uint8_t first;
	uint8_t count;
};

/* All that the guest can see. */
struct serial_state {
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t dll, dlm;
	uint8_t lsr_errors; /* LSR bits that a read of it clears */
	uint8_t msr_deltas; /* MSR bits that a read of it clears */
	bool thre_pending;  /* the transmitter became empty and IIR has not said so yet */
	bool polled;	    /* the last access was a read of LSR */
	bool irq_high;
	struct serial_fifo receive;  /* what RBR gives */
	struct serial_fifo line;     /* taken from the stream, not received yet */
	struct serial_fifo transmit; /* what the stream had no room for */
};

struct serial {
	struct io_region region;
	struct irq_line irq;   /* constant after start */
	struct stream *stream; /* borrowed; constant after start */
	struct stream_client client;
	/* Guards state; only streams and interrupts are called with it held. */
	pthread_mutex_t lock;
	struct serial_state state; /* guarded by lock */
};

/* Becomes the client of stream. */
void serial_init(struct serial *serial, struct irq_line irq, struct stream *stream);
void serial_destroy(struct serial *serial);

/* Puts the eight ports on the bus. 0, or bus_add()'s -errno. */
int serial_attach(struct serial *serial, struct bus *ports, uint64_t base);

/* Power-on state; what waits on the line stays. No vCPU runs. */
void serial_reset(struct serial *serial);

#endif
