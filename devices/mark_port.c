/* mark_port.c: one byte wide; what is written becomes an event, and nothing is kept. */
#include "devices/mark_port.h"

#include "vmm/util.h"

static void mark_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	struct mark_port *port = container_of(region, struct mark_port, region);

	(void)offset;
	(void)size;
	port->events->post(port->events, MACHINE_MARK, (uint8_t)value);
}

static const struct io_region_ops mark_ops = {.write = mark_write};

void mark_port_init(struct mark_port *port, struct event_sink *events)
{
	*port = (struct mark_port){
		.region = {.name = "mark-port", .size = 1, .ops = &mark_ops},
		.events = events,
	};
}

int mark_port_attach(struct mark_port *port, struct bus *ports, uint64_t base)
{
	return bus_add(ports, &port->region, base);
}
