/* memory.c: guest RAM. */
#include "vmm/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096, HUGE_PAGE_BYTES = 2 << 20 };

static bool regions_overlap(gpa_t base, uint64_t size, const struct memory_region *region)
{
	return base < region->base + region->size && region->base < base + size;
}

/* An anonymous mapping whose address is a multiple of the huge page size,
 * or NULL with errno set. */
static uint8_t *map_aligned(uint64_t size)
{
	uint64_t reserve;
	uint8_t *map;
	size_t head;

	if (__builtin_add_overflow(size, (uint64_t)HUGE_PAGE_BYTES, &reserve)) {
		errno = ENOMEM;
		return NULL;
	}
	map = mmap(NULL, reserve, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	head = -(uintptr_t)map & (HUGE_PAGE_BYTES - 1);
	if (head)
		munmap(map, head);
	if (head < HUGE_PAGE_BYTES)
		munmap(map + head + size, HUGE_PAGE_BYTES - head);
	return map + head;
}

int memory_add(struct guest_memory *mem, gpa_t base, uint64_t size)
{
	struct memory_region *region;
	unsigned int at;
	gpa_t end;
	uint8_t *host;

	if (size == 0 || base % PAGE_BYTES || size % PAGE_BYTES ||
	    __builtin_add_overflow(base, size, &end))
		return -EINVAL;
	for (unsigned int i = 0; i < mem->nregions; i++) {
		if (regions_overlap(base, size, &mem->regions[i]))
			return -EEXIST;
	}
	if (mem->nregions == MEMORY_MAX_REGIONS)
		return -ENOSPC;
	host = map_aligned(size);
	if (!host)
		return -errno;
	/* Advice only: kernels without huge pages refuse it, and nothing depends on it. */
	madvise(host, size, MADV_HUGEPAGE);
	madvise(host, size, MADV_DONTDUMP);

	at = mem->nregions++;
	while (at > 0 && mem->regions[at - 1].base > base) {
		mem->regions[at] = mem->regions[at - 1];
		at--;
	}
	region = &mem->regions[at];
	*region = (struct memory_region){.base = base, .size = size, .host = host};
	return 0;
}

void memory_free(struct guest_memory *mem)
{
	for (unsigned int i = 0; i < mem->nregions; i++)
		munmap(mem->regions[i].host, mem->regions[i].size);
	mem->nregions = 0;
}

void *memory_range(const struct guest_memory *mem, gpa_t gpa, uint64_t len,
		   enum memory_access access)
{
	(void)access; /* all RAM is writable; a dirty bitmap of our own will want to know */

	if (len == 0)
		return NULL;
	for (unsigned int i = 0; i < mem->nregions; i++) {
		const struct memory_region *region = &mem->regions[i];

		if (gpa < region->base || gpa - region->base >= region->size)
			continue;
		if (len > region->size - (gpa - region->base))
			return NULL;
		return region->host + (gpa - region->base);
	}
	return NULL;
}

int memory_read(const struct guest_memory *mem, gpa_t gpa, void *buf, size_t len)
{
	const void *from = memory_range(mem, gpa, len, MEMORY_READ);

	if (!from)
		return -EFAULT;
	memcpy(buf, from, len);
	return 0;
}

int memory_write(const struct guest_memory *mem, gpa_t gpa, const void *buf, size_t len)
{
	void *to = memory_range(mem, gpa, len, MEMORY_WRITE);

	if (!to)
		return -EFAULT;
	memcpy(to, buf, len);
	return 0;
}

int memory_zero(const struct guest_memory *mem, gpa_t gpa, uint64_t len)
{
	uint8_t *at = memory_range(mem, gpa, len, MEMORY_WRITE);
	uint64_t head, whole;

	if (!at)
		return -EFAULT;
	head = -(uintptr_t)at & (PAGE_BYTES - 1);
	head = head < len ? head : len;
	whole = (len - head) & ~(uint64_t)(PAGE_BYTES - 1);
	memset(at, 0, head);
	/* A private anonymous page that is dropped comes back as zeroes. */
	if (whole && madvise(at + head, whole, MADV_DONTNEED) < 0)
		memset(at + head, 0, whole);
	memset(at + head + whole, 0, len - head - whole);
	return 0;
}

uint64_t memory_total(const struct guest_memory *mem)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < mem->nregions; i++)
		total += mem->regions[i].size;
	return total;
}
