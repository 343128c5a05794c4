/* boot_common.c: places in RAM, the memory map, segments, command line and initrd. */
#include "vmm/arch/x86/boot_common.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/arch/x86/layout.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	PAGE_BYTES = 4096,
	LOW_STRUCTURES_END = LAYOUT_CMDLINE + LAYOUT_CMDLINE_SIZE,
};

static void map_add(struct boot_map *map, gpa_t start, gpa_t end, uint32_t type)
{
	if (start >= end)
		return;
	assert(map->n < BOOT_MAP_MAX);
	map->entries[map->n].base = start;
	map->entries[map->n].size = end - start;
	map->entries[map->n].type = type;
	map->n++;
}

static gpa_t min_address(gpa_t a, gpa_t b)
{
	return a < b ? a : b;
}

static gpa_t max_address(gpa_t a, gpa_t b)
{
	return a > b ? a : b;
}

/* End of the RAM that starts at 0. */
static gpa_t low_ram_end(const struct guest_memory *mem)
{
	return mem->regions[0].base == 0 ? mem->regions[0].size : 0;
}

void boot_map_make(const struct guest_memory *mem, struct boot_map *map)
{
	gpa_t end = low_ram_end(mem);

	map->n = 0;
	map_add(map, 0, min_address(end, LAYOUT_HOLE), BOOT_MAP_RAM);
	map_add(map, LAYOUT_HOLE, LAYOUT_HIGH_MEMORY, BOOT_MAP_RESERVED);
	map_add(map, LAYOUT_HIGH_MEMORY, end, BOOT_MAP_RAM);
	/* Linux uses configuration space by memory only where it is reserved. */
	map_add(map, LAYOUT_ECAM_BASE, LAYOUT_ECAM_BASE + LAYOUT_ECAM_SIZE, BOOT_MAP_RESERVED);
	for (unsigned int i = 1; i < mem->nregions; i++)
		map_add(map, mem->regions[i].base, mem->regions[i].base + mem->regions[i].size,
			BOOT_MAP_RAM);
}

/* Says why [at, at + size) cannot be used, and what would help. */
static void refuse_place(const struct boot_file *file, gpa_t at, uint64_t size, const char *part)
{
	gpa_t end;

	if (__builtin_add_overflow(at, size, &end) || end > LAYOUT_LOW_RAM_END)
		boot_file_bad(file, "its %s (%llu bytes at %#llx) leaves the guest's RAM", part,
			      (unsigned long long)size, (unsigned long long)at);
	else
		boot_file_bad(
			file,
			"its %s (%llu bytes at %#llx) does not fit into the guest's RAM; give "
			"it at least --mem %lluM",
			part, (unsigned long long)size, (unsigned long long)at,
			(unsigned long long)(align_up(end, 1 << 20) >> 20));
}

void *boot_place(const struct boot_request *request, gpa_t at, uint64_t size, const char *part)
{
	void *place = memory_range(request->mem, at, size, MEMORY_WRITE);

	if (!place) {
		refuse_place(request->kernel, at, size, part);
		return NULL;
	}
	/* In RAM, so at + size does not wrap. */
	if (at < LOW_STRUCTURES_END || (at < LAYOUT_HIGH_MEMORY && at + size > LAYOUT_HOLE)) {
		boot_file_bad(request->kernel,
			      "its %s (%llu bytes at %#llx) overlaps boot structures or firmware; "
			      "link it at 1 MiB or above",
			      part, (unsigned long long)size, (unsigned long long)at);
		return NULL;
	}
	return place;
}

static int load_segment(const struct boot_request *request, const struct elf_segment *segment,
			unsigned int number)
{
	char part[32];
	void *place;
	int err;

	snprintf(part, sizeof(part), "segment %u", number);
	place = boot_place(request, segment->paddr, segment->mem_size, part);
	if (!place)
		return -EINVAL;
	err = boot_file_read(request->kernel, segment->offset, place, segment->file_size);
	if (err < 0 || segment->mem_size == segment->file_size)
		return err;
	return memory_zero(request->mem, segment->paddr + segment->file_size,
			   segment->mem_size - segment->file_size);
}

int boot_load_segments(const struct boot_request *request, const struct elf_image *elf,
		       struct boot_span *span)
{
	*span = (struct boot_span){.start = UINT64_MAX, .end = 0};
	for (unsigned int i = 0; i < elf->nsegments; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		int err = load_segment(request, segment, i);

		if (err < 0)
			return err;
		span->start = min_address(span->start, segment->paddr);
		span->end = max_address(span->end, segment->paddr + segment->mem_size);
	}
	return 0;
}

int boot_write_cmdline(const struct boot_request *request, uint64_t longest)
{
	size_t len = strlen(request->cmdline);

	if (longest > LAYOUT_CMDLINE_SIZE - 1)
		longest = LAYOUT_CMDLINE_SIZE - 1;
	if (len > longest)
		return boot_file_bad(
			request->kernel,
			"takes a command line of at most %llu bytes, not %zu; shorten it",
			(unsigned long long)longest, len);
	boot_write(request, LAYOUT_CMDLINE, request->cmdline, len + 1);
	return 0;
}

/* Puts size bytes into the window, whole pages apart from its other end. */
static bool fit(struct boot_span window, enum boot_where where, uint64_t size,
		struct boot_span *place)
{
	window.start = align_up(window.start, PAGE_BYTES);
	if (window.start >= window.end || window.end - window.start < size)
		return false;
	place->start = window.start;
	if (where == BOOT_HIGH)
		place->start = (window.end - size) & ~(gpa_t)(PAGE_BYTES - 1);
	place->end = place->start + size;
	return true;
}

/* Above the kernel, else below it, else in high RAM. */
static bool find_room(const struct boot_request *request, const struct boot_span *kernel,
		      enum boot_where where, gpa_t limit, struct boot_span *place)
{
	const struct guest_memory *mem = request->mem;
	uint64_t size = request->initrd->size;
	gpa_t low_end = min_address(low_ram_end(mem), limit);
	struct boot_span above = {max_address(kernel->end, LAYOUT_HIGH_MEMORY), low_end};
	struct boot_span below = {LAYOUT_HIGH_MEMORY, min_address(kernel->start, low_end)};

	if (fit(above, where, size, place) || fit(below, where, size, place))
		return true;
	for (unsigned int i = 1; i < mem->nregions; i++) {
		const struct memory_region *region = &mem->regions[i];
		gpa_t end = min_address(region->base + region->size, limit);
		struct boot_span high = {max_address(region->base, kernel->end), end};

		if (fit(high, where, size, place))
			return true;
	}
	return false;
}

int boot_load_initrd(const struct boot_request *request, const struct boot_span *kernel,
		     enum boot_where where, gpa_t last, struct boot_span *initrd)
{
	const struct boot_file *file = request->initrd;
	gpa_t limit = last == UINT64_MAX ? last : last + 1;
	void *place;

	*initrd = (struct boot_span){0, 0};
	if (!file)
		return 0;
	if (!find_room(request, kernel, where, limit, initrd))
		return boot_file_bad(file,
				     "finds no room for its %llu bytes beside the kernel and below "
				     "%#llx; give the guest more memory or a smaller initrd",
				     (unsigned long long)file->size, (unsigned long long)limit);
	place = memory_range(request->mem, initrd->start, file->size, MEMORY_WRITE);
	assert(place);
	return boot_file_read(file, 0, place, file->size);
}

void boot_write(const struct boot_request *request, gpa_t at, const void *from, size_t len)
{
	int err = memory_write(request->mem, at, from, len);

	assert(err == 0);
	(void)err;
}
