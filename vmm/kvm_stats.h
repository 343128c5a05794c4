/*
 * kvm_stats.h: KVM's own counters of a VM or a vCPU, under the names that it gives them
 * (KVM_GET_STATS_FD, Linux Documentation/virt/kvm/api.rst, 4.133). Only what counts up is taken:
 * no histograms, no peaks, no momentary values.
 */
#ifndef VMM_KVM_STATS_H
#define VMM_KVM_STATS_H

#include <stdint.h>

enum { KVM_STATS_MAX = 96, KVM_STATS_NAME_SIZE = 48 };

struct kvm_counter {
	char name[KVM_STATS_NAME_SIZE];
	uint32_t offset; /* in the block of data */
};

struct kvm_stats {
	int fd; /* owned; -1: none */
	uint32_t data_offset, data_size;
	unsigned int n;
	struct kvm_counter counters[KVM_STATS_MAX];
};

/* Of the VM or vCPU behind that descriptor. 0 or -errno: older hosts have none. */
int kvm_stats_open(struct kvm_stats *stats, int vm_or_vcpu);

/* The same from the file of counters itself, which is taken over. -EPROTO when it is not one. */
int kvm_stats_init(struct kvm_stats *stats, int fd);
void kvm_stats_close(struct kvm_stats *stats);

/* Adds each counter's value to sums[0..n). 0 or -errno. Any thread. */
int kvm_stats_add(const struct kvm_stats *stats, uint64_t *sums);

/* The counter of that name, as it is now; 0 where there is none. */
uint64_t kvm_stats_value(const struct kvm_stats *stats, const char *name);

/* The same of the VM or vCPU behind that descriptor, of which nothing else is wanted. */
uint64_t kvm_stats_look_up(int vm_or_vcpu, const char *name);

#endif
