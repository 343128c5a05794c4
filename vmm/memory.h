/*
 * memory.h: guest RAM, and memory_range(), the one place where a guest physical address becomes a
 * pointer.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t; /* guest physical address, in bytes */

enum { MEMORY_MAX_REGIONS = 4 };

enum memory_access { MEMORY_READ, MEMORY_WRITE };

struct memory_region {
	gpa_t base;
	uint64_t size; /* bytes, a multiple of the page size */
	uint8_t *host; /* owned: reserved lazily, a page exists once somebody touches it */
};

/* Constant after start. */
struct guest_memory {
	struct memory_region regions[MEMORY_MAX_REGIONS]; /* by ascending base, disjoint */
	unsigned int nregions;
};

/*
 * Adds RAM at base. Nothing is touched or counted against the host before the guest uses it;
 * transparent huge pages are advised. -EINVAL: not page-aligned, empty or wrapping; -EEXIST:
 * overlaps; -ENOSPC: too many regions; else mmap's error. Nothing is logged.
 */
int memory_add(struct guest_memory *mem, gpa_t base, uint64_t size);
void memory_free(struct guest_memory *mem); /* unmaps all; accepts a zeroed struct */

/*
 * The only way from a guest address to a host pointer: NULL unless every byte of [gpa, gpa + len)
 * lies in one region of RAM. len 0 gives NULL. The pointer is good for len bytes and for as long as
 * the machine lives; the guest may change what it points to at any moment.
 */
void *memory_range(const struct guest_memory *mem, gpa_t gpa, uint64_t len,
		   enum memory_access access);

/* Copies between guest RAM and buf. 0, or -EFAULT with nothing copied. */
int memory_read(const struct guest_memory *mem, gpa_t gpa, void *buf, size_t len);
int memory_write(const struct guest_memory *mem, gpa_t gpa, const void *buf, size_t len);

/*
 * Makes [gpa, gpa + len) read as zeroes; whole pages are given back to the host, not touched. 0, or
 * -EFAULT with nothing changed.
 */
int memory_zero(const struct guest_memory *mem, gpa_t gpa, uint64_t len);

/* Sum of all regions, in bytes. */
uint64_t memory_total(const struct guest_memory *mem);

#endif
