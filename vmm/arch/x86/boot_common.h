/*
 * boot_common.h: what the boot protocols share: the file looked into, places in RAM, the memory
 * map, command line and initrd. For boot*.c and their tests only.
 */
#ifndef VMM_ARCH_X86_BOOT_COMMON_H
#define VMM_ARCH_X86_BOOT_COMMON_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/arch/x86/boot.h"
#include "vmm/arch/x86/elf.h"

enum {
	BOOT_HEAD_SIZE = 8192, /* a Multiboot header lies in the first 8 KiB */
	BOOT_MAP_MAX = 8,
};

/* A kernel file looked into once, for all protocols. */
struct boot_image {
	const struct boot_file *file;
	uint64_t head_size; /* bytes of the file in head */
	bool is_elf;	    /* elf is filled in */
	struct elf_image elf;
	uint8_t head[BOOT_HEAD_SIZE];
};

/* A way to boot a kind of file. */
struct boot_loader {
	enum boot_protocol protocol;
	/* Is the file of this kind? With forced, the user says so: can it be tried? */
	bool (*accepts)(const struct boot_image *image, bool forced);
	int (*load)(const struct boot_request *request, const struct boot_image *image,
		    struct boot_entry *entry); /* 0 or -errno, logged */
};

extern const struct boot_loader boot_bzimage, boot_vmlinux, boot_multiboot, boot_pvh;

/* Physical addresses [start, end); empty when both are equal. */
struct boot_span {
	gpa_t start, end;
};

/* Types of the memory map; the same numbers in e820, PVH and Multiboot. */
enum { BOOT_MAP_RAM = 1, BOOT_MAP_RESERVED = 2 };

struct boot_map {
	unsigned int n;
	struct {
		gpa_t base;
		uint64_t size;
		uint32_t type;
	} entries[BOOT_MAP_MAX]; /* ascending, disjoint */
};

/* What firmware would tell about memory: RAM around the ISA hole, and the PCI window (ECAM). */
void boot_map_make(const struct guest_memory *mem, struct boot_map *map);

/*
 * Room for size bytes of kernel at an address that the file wants: NULL, logged, unless all of it
 * is RAM and free of what the protocols, ACPI and SMBIOS keep below 1 MiB. part names it in the
 * message ("segment 2").
 */
void *boot_place(const struct boot_request *request, gpa_t at, uint64_t size, const char *part);

/*
 * Loads the segments of an ELF kernel, zeroes behind them; span is what they cover. 0 or -errno,
 * logged.
 */
int boot_load_segments(const struct boot_request *request, const struct elf_image *elf,
		       struct boot_span *span);

/* The command line to LAYOUT_CMDLINE. longest: what the kernel takes, without the NUL. 0 or -errno,
 * logged. */
int boot_write_cmdline(const struct boot_request *request, uint64_t longest);

enum boot_where {
	BOOT_HIGH,	   /* as high as allowed, out of the kernel's way */
	BOOT_AFTER_KERNEL, /* as low as possible */
};

/*
 * Loads the initrd, if there is one, page-aligned, outside of kernel, with no byte above last.
 * initrd is empty when there is none. 0 or -errno, logged.
 */
int boot_load_initrd(const struct boot_request *request, const struct boot_span *kernel,
		     enum boot_where where, gpa_t last, struct boot_span *initrd);

/* Writes len bytes of a boot structure, or zeroes them, at a place of layout.h;
 * that cannot fail. */
void boot_write(const struct boot_request *request, gpa_t at, const void *from, size_t len);

#endif
