/*
 * smbios.h: what the machine says of itself: SMBIOS 3.1 entry point and structures (DMTF DSP0134),
 * found by kernels that scan 0xf0000 to 0xfffff.
 */
#ifndef VMM_ARCH_X86_SMBIOS_H
#define VMM_ARCH_X86_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/identity.h"
#include "vmm/memory.h"

enum {
	SMBIOS_MAX_STRING_BYTES = 32768, /* all strings together, with their NULs */
	SMBIOS_MAX_OEM_STRINGS = 255,
};

struct smbios_config {
	const struct identity *identity; /* borrowed */
	/* Product "KVM minivmm" and the virtual machine bit; else "PC", which tells nobody. */
	bool virtual_machine;
	unsigned int ncpus;		      /* cores of one socket, one thread each */
	uint32_t cpu_signature, cpu_features; /* CPUID leaf 1, EAX and EDX */
	const char *cpu_vendor, *cpu_name;    /* borrowed; CPUID leaf 0 and 0x80000002; or NULL */
	const struct guest_memory *mem;	      /* borrowed */
	const char *const *oem_strings;	      /* borrowed; type 11, none empty */
	unsigned int noem_strings;
};

/*
 * Writes the entry point and behind it the structures, as they stand at guest address
 * LAYOUT_SMBIOS, into buf. Returns the number of bytes used, -ENOSPC if that is more than size;
 * -E2BIG for more strings than the guest's kernel survives, -EINVAL for an empty one, both logged.
 */
int smbios_build(const struct smbios_config *config, void *buf, size_t size);

#endif
