/*
 * boot_pvh.c: an ELF kernel by its 32-bit entry of the x86/HVM direct boot ABI (PVH), which is told
 * everything in one hvm_start_info, version 1.
 */
#include <errno.h>
#include <string.h>

#include "vmm/arch/x86/boot_common.h"
#include "vmm/arch/x86/layout.h"

enum {
	START_MAGIC = 0x336ec578,
	START_VERSION = 1, /* the first with a memory map */
};

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr; /* from here on: version 1 */
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct map_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

/* What start_info points at. */
struct lists {
	struct module module;
	struct map_entry map[BOOT_MAP_MAX];
};

_Static_assert(LAYOUT_BOOT_LISTS + sizeof(struct lists) <= LAYOUT_BOOT_LISTS_END, "the lists fit");

static bool accepts(const struct boot_image *image, bool forced)
{
	(void)forced;
	return image->is_elf && image->elf.has_pvh_entry;
}

static void write_start_info(const struct boot_request *request, const struct boot_span *initrd)
{
	struct lists lists = {
		.module = {.paddr = initrd->start, .size = initrd->end - initrd->start},
	};
	struct start_info info = {
		.magic = START_MAGIC,
		.version = START_VERSION,
		.cmdline_paddr = LAYOUT_CMDLINE,
		.rsdp_paddr = request->rsdp,
		.memmap_paddr = LAYOUT_BOOT_LISTS + offsetof(struct lists, map),
	};
	struct boot_map map;

	if (request->initrd) {
		info.nr_modules = 1;
		info.modlist_paddr = LAYOUT_BOOT_LISTS + offsetof(struct lists, module);
	}
	boot_map_make(request->mem, &map);
	info.memmap_entries = map.n;
	for (unsigned int i = 0; i < map.n; i++)
		lists.map[i] = (struct map_entry){
			.addr = map.entries[i].base,
			.size = map.entries[i].size,
			.type = map.entries[i].type,
		};
	boot_write(request, LAYOUT_BOOT_LISTS, &lists, sizeof(lists));
	boot_write(request, LAYOUT_START_INFO, &info, sizeof(info));
}

static int load(const struct boot_request *request, const struct boot_image *image,
		struct boot_entry *entry)
{
	uint64_t start = image->elf.pvh_entry;
	struct boot_span span, initrd;
	int err;

	if (start > UINT32_MAX || !elf_contains(&image->elf, start))
		return boot_file_bad(image->file,
				     "has its PVH entry point (%#llx) in no segment below 4 GiB",
				     (unsigned long long)start);
	err = boot_load_segments(request, &image->elf, &span);
	if (err == 0)
		err = boot_write_cmdline(request, LAYOUT_CMDLINE_SIZE - 1);
	/* The module's address has 64 bits, but Linux keeps 32 of them. */
	if (err == 0)
		err = boot_load_initrd(request, &span, BOOT_HIGH, UINT32_MAX, &initrd);
	if (err < 0)
		return err;
	write_start_info(request, &initrd);
	entry->mode = BOOT_PROTECTED_MODE;
	entry->rip = start;
	entry->rbx = LAYOUT_START_INFO;
	return 0;
}

const struct boot_loader boot_pvh = {
	.protocol = BOOT_PVH,
	.accepts = accepts,
	.load = load,
};
