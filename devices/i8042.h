/*
 * i8042.h: a PC's keyboard controller with nothing attached, there for its reset command.
 *
 * Where it does not answer it looks absent in the way that drivers notice soonest: data that never
 * ends. Its reset commands work all the same. Answering, it passes its self-test, has a keyboard
 * port on which every byte times out, and no auxiliary port.
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/event.h"
#include "vmm/irq.h"

enum { I8042_RAM_SIZE = 32 };

/* All that the guest can see. */
struct i8042_state {
	uint8_t ram[I8042_RAM_SIZE]; /* byte 0 is the command byte */
	uint8_t output;		     /* what the data port gives */
	uint8_t status;
	uint8_t output_port;
	uint8_t command; /* waits for its byte on the data port; 0: none */
	bool irq_high;
};

struct i8042 {
	struct io_region data, command;
	struct irq_line irq;	   /* constant after start */
	struct event_sink *events; /* borrowed */
	bool answers;		   /* constant after start */
	pthread_mutex_t lock;	   /* guards state; a leaf */
	struct i8042_state state;  /* guarded by lock */
};

/* irq is the keyboard's. */
void i8042_init(struct i8042 *i8042, struct irq_line irq, struct event_sink *events, bool answers);
void i8042_destroy(struct i8042 *i8042);

/* Puts the data port at base and the command port at base + 4 on the bus.
 * 0, or bus_add()'s -errno. */
int i8042_attach(struct i8042 *i8042, struct bus *ports, uint64_t base);

void i8042_reset(struct i8042 *i8042); /* power-on state; no vCPU runs */

#endif
