/*
 * stats.h: exits to us counted by reason, for --stats, benchmarks and crash reports. Each vCPU
 * writes its own.
 */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stdint.h>

enum { STATS_REASONS = 64 }; /* KVM_EXIT_* numbers in use are below 40 */

struct exit_stats {
	uint64_t exits[STATS_REASONS];
	uint64_t unclaimed; /* port and MMIO accesses that no device answered */
};

#endif
