/*
 * elf.h: an executable ELF file, 32 or 64 bits, taken apart and checked: what of it is loaded
 * where, and what its notes say about booting.
 */
#ifndef VMM_ARCH_X86_ELF_H
#define VMM_ARCH_X86_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/boot_file.h"

enum { ELF_MAX_SEGMENTS = 64 };

/* A PT_LOAD: file_size bytes at offset go to paddr, zeroes follow up to mem_size. No sum wraps. */
struct elf_segment {
	uint64_t offset, file_size;
	uint64_t paddr, vaddr, mem_size;
};

struct elf_image {
	bool is_64bit;
	bool is_linux;	    /* a note says so */
	bool has_pvh_entry; /* XEN_ELFNOTE_PHYS32_ENTRY */
	uint64_t pvh_entry;
	uint64_t entry; /* as the file has it: physical or virtual */
	unsigned int nsegments;
	struct elf_segment segments[ELF_MAX_SEGMENTS]; /* those with mem_size > 0 */
};

/* Does a file that starts with these len bytes claim to be ELF? */
bool elf_is(const void *head, uint64_t len);

/* Reads headers and notes of an ELF file for x86. 0 or -errno, logged. */
int elf_parse(const struct boot_file *file, struct elf_image *elf);

/*
 * The physical address of the entry point: e_entry, where a segment is loaded there; else what it
 * is as a virtual address. False when it lies in no segment.
 */
bool elf_physical_entry(const struct elf_image *elf, uint64_t *entry);

/* Is the physical address in a segment? */
bool elf_contains(const struct elf_image *elf, uint64_t paddr);

#endif
