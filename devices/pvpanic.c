/* pvpanic.c: the guest's kernel tells that it panicked. */
#include "devices/pvpanic.h"

#include "vmm/util.h"

enum {
	PVPANIC_PANICKED = 1 << 0,
	PVPANIC_CRASH_LOADED = 1 << 1, /* a crash kernel takes over */
	PVPANIC_SUPPORTED = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED,
};

static uint64_t pvpanic_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	(void)region;
	(void)offset;
	(void)size;
	return PVPANIC_SUPPORTED;
}

static void pvpanic_write(struct io_region *region, uint64_t offset, uint64_t value,
			  unsigned int size)
{
	struct pvpanic *pvpanic = container_of(region, struct pvpanic, region);
	unsigned int bits = (unsigned int)value & PVPANIC_SUPPORTED;
	unsigned int news = bits & ~atomic_fetch_or(&pvpanic->told, bits);

	(void)offset;
	(void)size;
	if (news & PVPANIC_PANICKED)
		pvpanic->events->post(pvpanic->events, MACHINE_PANICKED, 0);
	if (news & PVPANIC_CRASH_LOADED)
		pvpanic->events->post(pvpanic->events, MACHINE_CRASHLOADED, 0);
}

static const struct io_region_ops pvpanic_ops = {
	.read = pvpanic_read,
	.write = pvpanic_write,
};

void pvpanic_init(struct pvpanic *pvpanic, struct event_sink *events)
{
	*pvpanic = (struct pvpanic){
		.region = {.name = "pvpanic", .size = 1, .ops = &pvpanic_ops},
		.events = events,
	};
}

int pvpanic_attach(struct pvpanic *pvpanic, struct bus *ports, uint64_t base)
{
	return bus_add(ports, &pvpanic->region, base);
}

void pvpanic_reset(struct pvpanic *pvpanic)
{
	atomic_store(&pvpanic->told, 0);
}
