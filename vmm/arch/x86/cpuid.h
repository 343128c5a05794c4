/*
 * cpuid.h: what the guest's CPUs say of themselves. A pure function of what KVM supports here, made
 * of tables, without a call to KVM (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).
 *
 * The machine has one socket with as many cores as it has CPUs, one thread each; a CPU's APIC id is
 * its number.
 */
#ifndef VMM_ARCH_X86_CPUID_H
#define VMM_ARCH_X86_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CPUID_MAX_ENTRIES = 256,   /* KVM's own limit */
	CPUID_MAX_SUPPORTED = 240, /* leaves room for the topology's sub-leaves */
};

/* A struct kvm_cpuid2, with room for all that KVM takes. */
struct cpuid_list {
	uint32_t nent;
	uint32_t padding;
	struct kvm_cpuid_entry2 entries[CPUID_MAX_ENTRIES];
};

struct cpuid_config {
	unsigned int cpus;	 /* 1 to 255 */
	bool hypervisor_visible; /* the HYPERVISOR bit and the leaves from 0x40000000 on */
	bool tsc_deadline;	 /* KVM_CAP_TSC_DEADLINE_TIMER */
	unsigned int tsc_khz;	 /* for leaf 0x15, on Intel only; 0: the guest measures */
};

/* From supported, as KVM_GET_SUPPORTED_CPUID gave it (at most CPUID_MAX_SUPPORTED entries), to CPU
 * id's own list. */
void cpuid_make(const struct cpuid_list *supported, const struct cpuid_config *config,
		unsigned int id, struct cpuid_list *list);

/* The entry of a leaf and sub-leaf, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_find(const struct cpuid_list *list, uint32_t function,
					  uint32_t index);

/* AMD, or Hygon, which follows it. */
bool cpuid_is_amd(const struct cpuid_list *list);

#endif
