/* bus.c: finding the region of an access; moving regions; their ioeventfds. */
#include "vmm/bus.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/log.h"

void bus_init(struct bus *bus, const struct guest_memory *ram)
{
	*bus = (struct bus){.ram = ram};
	pthread_mutex_init(&bus->lock, NULL);
}

void bus_destroy(struct bus *bus)
{
	pthread_mutex_destroy(&bus->lock);
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

static bool place_is_free(struct bus *bus, const struct io_region *region, uint64_t base)
{
	if (region->size == 0 || region->size - 1 > UINT64_MAX - base)
		return false;
	for (unsigned int i = 0; i < bus->nregions; i++) {
		struct io_region *other = bus->regions[i];
		uint64_t at = atomic_load_explicit(&other->base, memory_order_relaxed);

		if (other != region && at != BUS_UNDECODED &&
		    overlaps(base, region->size, at, other->size))
			return false;
	}
	for (unsigned int i = 0; bus->ram && i < bus->ram->nregions; i++) {
		if (overlaps(base, region->size, bus->ram->regions[i].base,
			     bus->ram->regions[i].size))
			return false;
	}
	return true;
}

int bus_add(struct bus *bus, struct io_region *region, uint64_t base)
{
	int err = 0;

	pthread_mutex_lock(&bus->lock);
	if (bus->nregions == BUS_MAX_REGIONS)
		err = -ENOSPC;
	else if (base != BUS_UNDECODED && !place_is_free(bus, region, base))
		err = -EEXIST;
	if (!err) {
		atomic_store_explicit(&region->base, base, memory_order_release);
		region->ioeventfds = NULL;
		region->index = bus->nregions;
		bus->regions[bus->nregions++] = region;
	}
	pthread_mutex_unlock(&bus->lock);
	return err;
}

/* Tells KVM to begin or end watching for one write. The bus's lock is held. */
static int arm(struct bus *bus, struct ioeventfd *event, bool on)
{
	uint64_t base = atomic_load_explicit(&event->region->base, memory_order_relaxed);
	int err;

	if (event->armed == on || !bus->ioeventfd || (on && base == BUS_UNDECODED))
		return 0;
	err = bus->ioeventfd(bus, event, base + event->offset, on);
	if (!err)
		event->armed = on;
	return err;
}

static void arm_all(struct bus *bus, struct io_region *region, bool on)
{
	for (struct ioeventfd *event = region->ioeventfds; event; event = event->next) {
		/* Without KVM's help the write reaches the region's own handler,
		 * which signals too. */
		int err = arm(bus, event, on);

		if (err)
			log_error(err, "%s: cannot %s an ioeventfd", region->name,
				  on ? "add" : "remove");
	}
}

int bus_move(struct bus *bus, struct io_region *region, uint64_t base)
{
	int err = 0;

	pthread_mutex_lock(&bus->lock);
	if (atomic_load_explicit(&region->base, memory_order_relaxed) != base) {
		arm_all(bus, region, false);
		if (base != BUS_UNDECODED && !place_is_free(bus, region, base)) {
			log_guest(&bus->overlap,
				  "%s: moved to 0x%" PRIx64
				  ", where something else is: it answers nowhere now",
				  region->name, base);
			base = BUS_UNDECODED;
			err = -EEXIST;
		}
		/* One word: a vCPU sees the region at its old place or at the new one. */
		atomic_store_explicit(&region->base, base, memory_order_release);
		arm_all(bus, region, true);
	}
	pthread_mutex_unlock(&bus->lock);
	return err;
}

int bus_ioeventfd_add(struct bus *bus, struct io_region *region, struct ioeventfd *event)
{
	int err;

	assert(!event->armed);
	pthread_mutex_lock(&bus->lock);
	event->region = region;
	event->next = region->ioeventfds;
	region->ioeventfds = event;
	err = arm(bus, event, true);
	if (err)
		region->ioeventfds = event->next;
	pthread_mutex_unlock(&bus->lock);
	return err;
}

void bus_ioeventfd_remove(struct bus *bus, struct ioeventfd *event)
{
	struct ioeventfd **link;

	if (!event->region)
		return;
	pthread_mutex_lock(&bus->lock);
	arm(bus, event, false);
	for (link = &event->region->ioeventfds; *link; link = &(*link)->next) {
		if (*link == event) {
			*link = event->next;
			break;
		}
	}
	event->region = NULL;
	event->armed = false;
	pthread_mutex_unlock(&bus->lock);
}

int bus_ioeventfd_rearm(struct bus *bus)
{
	int err = 0;

	pthread_mutex_lock(&bus->lock);
	for (unsigned int i = 0; i < bus->nregions && !err; i++) {
		struct ioeventfd *event = bus->regions[i]->ioeventfds;

		for (; event && !err; event = event->next) {
			event->armed = false;
			err = arm(bus, event, true);
		}
	}
	pthread_mutex_unlock(&bus->lock);
	return err;
}

/* The region at address and its base, loaded once: it may move while we look. */
static struct io_region *find(struct bus *bus, uint64_t address, uint64_t *base)
{
	for (unsigned int i = 0; i < bus->nregions; i++) {
		struct io_region *region = bus->regions[i];

		*base = atomic_load_explicit(&region->base, memory_order_acquire);
		if (*base != BUS_UNDECODED && address >= *base && address - *base < region->size)
			return region;
	}
	return NULL;
}

/* The largest power of two that is at most size: how a device sees the first part of an
 * odd access. */
static unsigned int first_part(unsigned int size)
{
	return size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
}

static uint64_t read_region(struct io_region *region, uint64_t offset, unsigned int size)
{
	return region->ops->read ? region->ops->read(region, offset, size) : 0;
}

static void write_region(struct io_region *region, uint64_t offset, uint64_t value,
			 unsigned int size)
{
	if (region->ops->write)
		region->ops->write(region, offset, value, size);
}

const struct io_region *bus_read(struct bus *bus, uint64_t address, void *data, unsigned int size)
{
	const struct io_region *answered = NULL;
	bool unclaimed = false;
	uint8_t *to = data;

	while (size) {
		unsigned int part = first_part(size);
		uint64_t value = UINT64_MAX;
		uint64_t base;
		struct io_region *region = find(bus, address, &base);

		if (region && part <= region->size - (address - base))
			value = read_region(region, address - base, part);
		else
			unclaimed = true;
		value = htole64(value);
		memcpy(to, &value, part);
		to += part;
		address += part;
		size -= part;
		answered = region;
	}
	return unclaimed ? NULL : answered;
}

const struct io_region *bus_write(struct bus *bus, uint64_t address, const void *data,
				  unsigned int size)
{
	const struct io_region *answered = NULL;
	const uint8_t *from = data;
	bool unclaimed = false;

	while (size) {
		unsigned int part = first_part(size);
		uint64_t value = 0;
		uint64_t base;
		struct io_region *region = find(bus, address, &base);

		memcpy(&value, from, part);
		if (region && part <= region->size - (address - base))
			write_region(region, address - base, le64toh(value), part);
		else
			unclaimed = true;
		from += part;
		address += part;
		size -= part;
		answered = region;
	}
	return unclaimed ? NULL : answered;
}
