/*
 * boot.h: from a kernel file to a guest ready to run: the boot protocol is chosen by looking into
 * the file, the kernel loaded into RAM, and what it expects to find there written beside it.
 *
 * Nothing here knows KVM, and nothing is kept between calls: a reset calls boot_load() again.
 */
#ifndef VMM_ARCH_X86_BOOT_H
#define VMM_ARCH_X86_BOOT_H

#include <stdint.h>

#include "vmm/boot_file.h"
#include "vmm/memory.h"

enum boot_protocol {
	BOOT_AUTO,	/* look into the file */
	BOOT_LINUX64,	/* Linux by its 64-bit entry and zero page: bzImage or ELF64 vmlinux */
	BOOT_PVH,	/* ELF with a PVH note, by hvm_start_info */
	BOOT_MULTIBOOT, /* Multiboot 1 */
};

/* "auto", "linux64", ...: indexed by enum boot_protocol, ended by NULL. */
extern const char *const boot_protocol_names[];

struct boot_request {
	const struct guest_memory *mem; /* has RAM from 0 on */
	const struct boot_file *kernel; /* open */
	const struct boot_file *initrd; /* open, or NULL for none */
	const char *cmdline;
	gpa_t rsdp; /* of the ACPI tables; 0: the guest gets none */
	enum boot_protocol protocol;
};

enum boot_mode {
	BOOT_LONG_MODE,	     /* 64-bit code, the first 4 GiB mapped to themselves */
	BOOT_PROTECTED_MODE, /* flat 32-bit segments, no paging */
};

/* The state in which the first CPU enters the kernel; boot_registers() spells it out. */
struct boot_entry {
	enum boot_protocol protocol; /* the one that was chosen */
	enum boot_mode mode;
	uint64_t rip, rax, rbx, rsi;
};

/*
 * Loads kernel and initrd and writes all boot structures but ACPI and SMBIOS, whose places it
 * leaves alone. Fills entry. 0 or -errno, logged in one line that names the file.
 */
int boot_load(const struct boot_request *request, struct boot_entry *entry);

#endif
