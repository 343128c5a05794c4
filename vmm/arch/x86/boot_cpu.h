/*
 * boot_cpu.h: the state of the first CPU at a kernel's entry: descriptor and page tables in RAM,
 * and the registers that agree with them.
 */
#ifndef VMM_ARCH_X86_BOOT_CPU_H
#define VMM_ARCH_X86_BOOT_CPU_H

#include "vmm/arch/x86/boot.h"

struct kvm_regs;
struct kvm_sregs;

/* GDT, TSS and, for long mode, page tables that map the first 4 GiB to themselves. */
void boot_cpu_tables(const struct guest_memory *mem, enum boot_mode mode);

/* sregs comes from KVM_GET_SREGS of a CPU at power-on: what no protocol names (apic_base) stays. */
void boot_registers(const struct boot_entry *entry, struct kvm_regs *regs, struct kvm_sregs *sregs);

#endif
