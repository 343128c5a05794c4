/* wires.c: the surroundings of a device under test. */
#include "tests/fake/wires.h"

#include <string.h>

#include "vmm/bytes.h"
#include "vmm/util.h"

static void set_line(void *owner, unsigned int pin, bool on)
{
	struct fake_irq *irq = owner;

	(void)pin;
	irq->calls++;
	if (on && !irq->high)
		irq->rises++;
	irq->high = on;
}

struct irq_line fake_irq_line(struct fake_irq *irq)
{
	return (struct irq_line){.set = set_line, .owner = irq};
}

static void record(struct event_sink *sink, enum machine_event event, uint32_t value)
{
	struct fake_events *events = container_of(sink, struct fake_events, sink);

	if (events->n < FAKE_EVENTS_MAX) {
		events->events[events->n] = event;
		events->values[events->n] = value;
	}
	events->n++;
}

void fake_events_init(struct fake_events *events)
{
	*events = (struct fake_events){.sink = {.post = record}};
}

static size_t fake_write(struct stream *stream, const void *buf, size_t len)
{
	struct fake_stream *fake = container_of(stream, struct fake_stream, stream);
	size_t taken = len < fake->room ? len : fake->room;
	size_t kept =
		taken < FAKE_STREAM_SIZE - fake->out_len ? taken : FAKE_STREAM_SIZE - fake->out_len;

	memcpy(fake->out + fake->out_len, buf, kept);
	fake->out_len += kept;
	fake->room -= taken;
	return taken;
}

static size_t fake_read(struct stream *stream, void *buf, size_t len)
{
	struct fake_stream *fake = container_of(stream, struct fake_stream, stream);
	size_t waiting = fake->in_len - fake->in_taken;
	size_t n = len < waiting ? len : waiting;

	memcpy(buf, fake->in + fake->in_taken, n);
	fake->in_taken += n;
	return n;
}

static const struct stream_ops fake_ops = {.write = fake_write, .read = fake_read};

void fake_stream_init(struct fake_stream *stream)
{
	*stream = (struct fake_stream){.stream = {.ops = &fake_ops}, .room = SIZE_MAX};
}

void fake_stream_type(struct fake_stream *stream, const char *text)
{
	size_t len = strlen(text);

	memcpy(stream->in + stream->in_len, text, len);
	stream->in_len += len;
	stream_tell_readable(&stream->stream);
}

void fake_stream_make_room(struct fake_stream *stream, size_t room)
{
	stream->room = room;
	stream_tell_writable(&stream->stream);
}

uint64_t port_in(struct bus *bus, uint64_t port, unsigned int size)
{
	uint8_t data[8] = {0};

	bus_read(bus, port, data, size);
	return load_le64(data);
}

void port_out(struct bus *bus, uint64_t port, uint64_t value, unsigned int size)
{
	uint8_t data[8];

	store_le64(data, value);
	bus_write(bus, port, data, size);
}
