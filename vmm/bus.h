/*
 * bus.h: an address space (ports or MMIO): finds the region of an access and forwards it.
 *
 * Lookup takes no lock: regions are added before the guest runs and live as long as the machine,
 * and the only thing that changes afterwards, a region's base, is one atomic word. Changes take the
 * bus's lock, a leaf.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/log.h"
#include "vmm/memory.h"

enum { BUS_MAX_REGIONS = 256 };

#define BUS_UNDECODED UINT64_MAX /* base of a region that answers nowhere */

struct io_region;

/*
 * Called on a vCPU's thread, several at once. The bus has seen to it that size is 1, 2, 4 or 8 and
 * that the access lies inside the region. Values are right-aligned; what read() returns is cut to
 * size. Either may be NULL: what can only be written reads as 0, what can only be read drops
 * writes.
 */
struct io_region_ops {
	uint64_t (*read)(struct io_region *region, uint64_t offset, unsigned int size);
	void (*write)(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size);
};

struct io_region {
	const char *name; /* borrowed; names it in --stats and messages */
	uint64_t size;	  /* bytes */
	const struct io_region_ops *ops;
	_Atomic uint64_t base;	      /* set by bus_add() and bus_move() */
	unsigned int index;	      /* in the bus; set by bus_add() */
	struct ioeventfd *ioeventfds; /* guarded by the bus's lock */
};

/* A write that KVM turns into a signal on an eventfd without leaving the kernel. Embed it in its
 * owner. */
struct ioeventfd {
	int fd;		   /* borrowed */
	uint64_t offset;   /* inside the region */
	unsigned int size; /* 1, 2, 4, 8, or 0 for a write of any width (MMIO, no data_match) */
	bool match_data;
	uint64_t data;
	struct io_region *region; /* the rest is the bus's */
	struct ioeventfd *next;
	bool armed;
};

struct bus {
	/* Constant after start, by order of bus_add(). */
	struct io_region *regions[BUS_MAX_REGIONS];
	unsigned int nregions;

	pthread_mutex_t lock;		/* guards changes of base and all ioeventfds */
	struct log_once overlap;	/* a move that failed is told once */
	const struct guest_memory *ram; /* borrowed; NULL for ports: regions must not overlap it */
	/* Tells KVM: set by vm.c, NULL in tests. 0 or -errno. */
	int (*ioeventfd)(struct bus *bus, const struct ioeventfd *event, uint64_t address,
			 bool assign);
};

void bus_init(struct bus *bus, const struct guest_memory *ram);
void bus_destroy(struct bus *bus);

/* Before the guest runs. base may be BUS_UNDECODED. -EEXIST on overlap, -ENOSPC when the bus is
 * full. */
int bus_add(struct bus *bus, struct io_region *region, uint64_t base);

/*
 * Moves a region, its ioeventfds along with it; base BUS_UNDECODED makes it answer nowhere. Where
 * the new place would overlap RAM or another region it is left undecoded, with one warning, and
 * -EEXIST returned. Any thread.
 */
int bus_move(struct bus *bus, struct io_region *region, uint64_t base);

/* Any thread. A region keeps its ioeventfds over moves; remove before the eventfd closes. 0 or
 * -errno. */
int bus_ioeventfd_add(struct bus *bus, struct io_region *region, struct ioeventfd *event);
void bus_ioeventfd_remove(struct bus *bus, struct ioeventfd *event);
/* After the VM was made anew: tells KVM of all of them again. 0 or -errno. */
int bus_ioeventfd_rearm(struct bus *bus);

/*
 * One access of size bytes at address, data little-endian. KVM splits accesses at page ends, so any
 * size from 1 to 8 is taken; 3, 5, 6 and 7 are cut up. What nobody answers reads as all ones and is
 * written nowhere. Returns the region that answered, for statistics: NULL if a part found none.
 */
const struct io_region *bus_read(struct bus *bus, uint64_t address, void *data, unsigned int size);
const struct io_region *bus_write(struct bus *bus, uint64_t address, const void *data,
				  unsigned int size);

#endif
