/*
 * host.h: what kind of host this is, as far as an x86 processor and its KVM tell; arch_host_kind()
 * of vmm/arch.h stands in host.c too.
 */
#ifndef VMM_ARCH_X86_HOST_H
#define VMM_ARCH_X86_HOST_H

#include <stdbool.h>

#include "vmm/arch/x86/boot.h"

/*
 * KVM's backend may be a program that interprets the guest's kernel (module kvm_pvm): bare-metal
 * programs run, Linux dies of the first instruction that it does not know. Says so.
 */
void host_warn_of_software_kvm(const struct boot_entry *entry);

/* Whether this host's kernel keeps time by the TSC, and so has found it to be reliable. */
bool host_clock_is_tsc(void);

#endif
