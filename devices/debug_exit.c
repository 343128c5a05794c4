/* debug_exit.c: the test port through which a guest ends the run with a status. */
#include "devices/debug_exit.h"

#include "vmm/util.h"

enum { DEBUG_EXIT_PORTS = 4 };

static void debug_exit_write(struct io_region *region, uint64_t offset, uint64_t value,
			     unsigned int size)
{
	struct debug_exit *debug_exit = container_of(region, struct debug_exit, region);

	(void)size;
	if (offset != 0)
		return;
	debug_exit->events->post(debug_exit->events, MACHINE_DEBUG_EXIT, (uint32_t)value);
}

static const struct io_region_ops debug_exit_ops = {.write = debug_exit_write};

void debug_exit_init(struct debug_exit *debug_exit, struct event_sink *events)
{
	*debug_exit = (struct debug_exit){
		.region = {.name = "debug-exit", .size = DEBUG_EXIT_PORTS, .ops = &debug_exit_ops},
		.events = events,
	};
}

int debug_exit_attach(struct debug_exit *debug_exit, struct bus *ports, uint64_t base)
{
	return bus_add(ports, &debug_exit->region, base);
}
