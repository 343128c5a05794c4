/*
 * cpu.h: a vCPU as it is at power-on: CPUID, MSRs, local APIC. Its first registers are the
 * loader's.
 *
 * arch_vcpu_exit() and arch_vcpu_dump() of vmm/arch.h stand in cpu.c too; arch_vcpu_init() is the
 * platform's, which owns the model, and is one call of cpu_power_on().
 */
#ifndef VMM_ARCH_X86_CPU_H
#define VMM_ARCH_X86_CPU_H

#include "vmm/arch/x86/cpuid.h"

struct vcpu;
struct vm;

/* What all CPUs of a machine have in common; constant after start. */
struct cpu_model {
	struct cpuid_config config;
	struct cpuid_list supported;
	uint64_t microcode; /* the host's revision, in the form of MSR 0x8b; 0: KVM does not tell */
};

/*
 * Asks KVM once what it supports. config->tsc_deadline is filled in here: a guest that knows of KVM
 * gets it where there is one, others may have measured the TSC wrongly. 0 or -errno, logged.
 */
int cpu_model_init(struct cpu_model *model, const struct vm *vm, const struct cpuid_config *config);

/*
 * Power-on state of a vCPU that vcpu_create() just made. KVM has seen to its registers already and
 * to who runs: CPU 0 may, the others wait for INIT and SIPI. 0 or -errno, logged.
 */
int cpu_power_on(const struct cpu_model *model, struct vcpu *vcpu);

#endif
