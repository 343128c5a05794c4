/* boot_linux.h: what bzImage and vmlinux share: the zero page and the 64-bit entry. */
#ifndef VMM_ARCH_X86_BOOT_LINUX_H
#define VMM_ARCH_X86_BOOT_LINUX_H

#include "vmm/arch/x86/boot_common.h"

struct setup_header;

/*
 * Writes command line, initrd, RNG seed and the zero page around the header, for a kernel that
 * occupies span and starts at rip. 0 or -errno, logged.
 */
int boot_linux_enter(const struct boot_request *request, const struct setup_header *header,
		     const struct boot_span *span, gpa_t rip, struct boot_entry *entry);

#endif
