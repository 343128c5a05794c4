/*
 * boot_multiboot.c: a kernel with a Multiboot header, version 0.6.96 of the specification
 * ("Multiboot 1"): loaded as ELF or by the addresses in the header, entered in protected mode.
 */
#include <errno.h>
#include <string.h>

#include "vmm/arch/x86/boot_common.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	HEADER_MAGIC = 0x1badb002,
	ENTRY_MAGIC = 0x2badb002, /* in EAX at entry, 3.2 */

	/* Flags of the header, 3.1.2; the low half is what the kernel cannot do without. */
	WANTS_ALIGNED_MODULES = 1 << 0,
	WANTS_MEMORY = 1 << 1,
	WANTS_VIDEO = 1 << 2,
	WANTS_UNKNOWN = 0xffff & ~(WANTS_ALIGNED_MODULES | WANTS_MEMORY | WANTS_VIDEO),
	HAS_ADDRESSES = 1 << 16,

	/* Flags of the information, 3.3. */
	INFO_MEMORY = 1 << 0,
	INFO_CMDLINE = 1 << 2,
	INFO_MODULES = 1 << 3,
	INFO_MAP = 1 << 6,
	INFO_LOADER_NAME = 1 << 9,
};

/* 3.1.1; what follows is of no use without a display. */
struct multiboot_header {
	uint32_t magic;
	uint32_t flags;
	uint32_t checksum;
	/* With HAS_ADDRESSES only. */
	uint32_t header_addr;
	uint32_t load_addr;
	uint32_t load_end_addr; /* 0: to the end of the file */
	uint32_t bss_end_addr;	/* 0: no bss */
	uint32_t entry_addr;
};

enum { SHORT_HEADER = offsetof(struct multiboot_header, header_addr) };

/* 3.3 */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB from 0 and from 1 MiB on */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t vbe_and_framebuffer[11];
};

struct module {
	uint32_t start, end, string, reserved;
};

struct map_entry {
	uint32_t size; /* of the rest */
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

/* What the information points at. */
struct lists {
	struct module module;
	struct map_entry map[BOOT_MAP_MAX];
	char loader_name[16];
	char module_string[4]; /* "" */
};

_Static_assert(LAYOUT_BOOT_LISTS + sizeof(struct lists) <= LAYOUT_BOOT_LISTS_END, "the lists fit");

/* The header, wholly in the first 8 KiB and 4-byte aligned, 3.1. */
static bool find_header(const struct boot_image *image, struct multiboot_header *header,
			uint64_t *offset)
{
	for (uint64_t at = 0; at + SHORT_HEADER <= image->head_size; at += 4) {
		const uint8_t *raw = image->head + at;
		uint32_t flags = load_le32(raw + 4);
		uint64_t size = flags & HAS_ADDRESSES ? sizeof(*header) : SHORT_HEADER;

		if (load_le32(raw) != HEADER_MAGIC ||
		    HEADER_MAGIC + flags + load_le32(raw + 8) != 0 || size > image->head_size - at)
			continue;
		*offset = at;
		memset(header, 0, sizeof(*header));
		memcpy(header, raw, size);
		return true;
	}
	return false;
}

static bool accepts(const struct boot_image *image, bool forced)
{
	struct multiboot_header header;
	uint64_t offset;

	(void)forced;
	return find_header(image, &header, &offset);
}

static int check_wishes(const struct boot_file *file, uint32_t flags)
{
	if (flags & WANTS_UNKNOWN)
		return boot_file_bad(file,
				     "needs something unknown of its Multiboot loader (flags %#x)",
				     flags & WANTS_UNKNOWN);
	if (flags & WANTS_VIDEO)
		log_warning("kernel '%s': asks for a video mode, but there is no display",
			    file->path);
	return 0;
}

/* Loads as the header's addresses say, 3.1.3. */
static int load_addresses(const struct boot_request *request, const struct multiboot_header *header,
			  uint64_t header_offset, struct boot_span *span)
{
	const struct boot_file *file = request->kernel;
	uint64_t before = (uint64_t)header->header_addr - header->load_addr;
	uint64_t offset, size, end;
	void *place;
	int err;

	if (header->header_addr < header->load_addr || before > header_offset)
		return boot_file_bad(file, "has a Multiboot header at %#x, loaded from %#x on",
				     header->header_addr, header->load_addr);
	offset = header_offset - before;
	size = file->size - offset;
	if (header->load_end_addr != 0) {
		if (header->load_end_addr <= header->load_addr)
			return boot_file_bad(file,
					     "has a Multiboot load end (%#x) before its start",
					     header->load_end_addr);
		size = header->load_end_addr - header->load_addr;
	}
	end = header->load_addr + size;
	if (header->bss_end_addr != 0 && header->bss_end_addr < end)
		return boot_file_bad(file, "has a Multiboot bss end (%#x) before its start",
				     header->bss_end_addr);
	if (header->bss_end_addr != 0)
		end = header->bss_end_addr;
	if (header->entry_addr < header->load_addr || header->entry_addr >= end)
		return boot_file_bad(file, "has its Multiboot entry point (%#x) outside of itself",
				     header->entry_addr);
	place = boot_place(request, header->load_addr, end - header->load_addr, "image");
	if (!place)
		return -EINVAL;
	*span = (struct boot_span){header->load_addr, end};
	err = boot_file_read(file, offset, place, size);
	if (err < 0 || span->start + size == end)
		return err;
	return memory_zero(request->mem, span->start + size, end - span->start - size);
}

static int load_elf(const struct boot_request *request, const struct boot_image *image,
		    struct boot_span *span, uint64_t *start)
{
	if (!image->is_elf)
		return boot_file_bad(image->file, "has a Multiboot header without addresses, but "
						  "is not ELF");
	if (!elf_physical_entry(&image->elf, start) || *start > UINT32_MAX)
		return boot_file_bad(image->file,
				     "has its entry point (%#llx) in no segment below 4 GiB",
				     (unsigned long long)image->elf.entry);
	return boot_load_segments(request, &image->elf, span);
}

static void write_information(const struct boot_request *request, const struct boot_span *initrd)
{
	struct lists lists = {
		.module = {.start = (uint32_t)initrd->start,
			   .end = (uint32_t)initrd->end,
			   .string = LAYOUT_BOOT_LISTS + offsetof(struct lists, module_string)},
		.loader_name = "minivmm",
	};
	struct multiboot_info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MAP | INFO_LOADER_NAME,
		.cmdline = LAYOUT_CMDLINE,
		.mem_lower = LAYOUT_HOLE / 1024,
		.mmap_addr = LAYOUT_BOOT_LISTS + offsetof(struct lists, map),
		.boot_loader_name = LAYOUT_BOOT_LISTS + offsetof(struct lists, loader_name),
	};
	struct boot_map map;

	if (request->initrd) {
		info.flags |= INFO_MODULES;
		info.mods_count = 1;
		info.mods_addr = LAYOUT_BOOT_LISTS + offsetof(struct lists, module);
	}
	boot_map_make(request->mem, &map);
	info.mmap_length = map.n * (uint32_t)sizeof(struct map_entry);
	for (unsigned int i = 0; i < map.n; i++) {
		lists.map[i] = (struct map_entry){
			.size = sizeof(struct map_entry) - sizeof(uint32_t),
			.addr = map.entries[i].base,
			.len = map.entries[i].size,
			.type = map.entries[i].type,
		};
		if (map.entries[i].base == LAYOUT_HIGH_MEMORY)
			info.mem_upper = (uint32_t)(map.entries[i].size / 1024);
	}
	boot_write(request, LAYOUT_BOOT_LISTS, &lists, sizeof(lists));
	boot_write(request, LAYOUT_START_INFO, &info, sizeof(info));
}

static int load(const struct boot_request *request, const struct boot_image *image,
		struct boot_entry *entry)
{
	struct multiboot_header header;
	struct boot_span span, initrd;
	uint64_t offset, start;
	int err;

	if (!find_header(image, &header, &offset))
		return -EINVAL;
	err = check_wishes(image->file, header.flags);
	if (err < 0)
		return err;
	start = header.entry_addr;
	if (header.flags & HAS_ADDRESSES)
		err = load_addresses(request, &header, offset, &span);
	else
		err = load_elf(request, image, &span, &start);
	if (err == 0)
		err = boot_write_cmdline(request, LAYOUT_CMDLINE_SIZE - 1);
	/* Small kernels map little at first: modules follow the kernel closely. */
	if (err == 0)
		err = boot_load_initrd(request, &span, BOOT_AFTER_KERNEL, UINT32_MAX, &initrd);
	if (err < 0)
		return err;
	write_information(request, &initrd);
	entry->mode = BOOT_PROTECTED_MODE;
	entry->rip = start;
	entry->rax = ENTRY_MAGIC;
	entry->rbx = LAYOUT_START_INFO;
	return 0;
}

const struct boot_loader boot_multiboot = {
	.protocol = BOOT_MULTIBOOT,
	.accepts = accepts,
	.load = load,
};
