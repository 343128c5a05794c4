/*
 * wires.h: what surrounds a device in its test: an interrupt line that counts, an event sink that
 * records, a stream with two ends, and ports on a bus.
 */
#ifndef TESTS_FAKE_WIRES_H
#define TESTS_FAKE_WIRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/backend/stream.h"
#include "vmm/bus.h"
#include "vmm/event.h"
#include "vmm/irq.h"

struct fake_irq {
	bool high;
	unsigned int rises;
	unsigned int calls; /* each costs a system call in real life */
};

struct irq_line fake_irq_line(struct fake_irq *irq);

enum { FAKE_EVENTS_MAX = 16 };

struct fake_events {
	struct event_sink sink;
	unsigned int n; /* all, also those not kept */
	enum machine_event events[FAKE_EVENTS_MAX];
	uint32_t values[FAKE_EVENTS_MAX];
};

void fake_events_init(struct fake_events *events);

enum { FAKE_STREAM_SIZE = 65536 };

/* What the device wrote, and what it will read. */
struct fake_stream {
	struct stream stream;
	size_t room;		       /* bytes that it still takes */
	uint8_t out[FAKE_STREAM_SIZE]; /* written by the device; the first of them, if there were
					  more */
	size_t out_len;
	uint8_t in[FAKE_STREAM_SIZE];
	size_t in_len, in_taken;
};

void fake_stream_init(struct fake_stream *stream); /* takes everything, has nothing */
void fake_stream_type(struct fake_stream *stream,
		      const char *text); /* comes in; tells the device */
void fake_stream_make_room(struct fake_stream *stream, size_t room); /* tells the device */

uint64_t port_in(struct bus *bus, uint64_t port, unsigned int size);
void port_out(struct bus *bus, uint64_t port, uint64_t value, unsigned int size);

#endif
