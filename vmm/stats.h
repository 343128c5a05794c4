/*
 * stats.h: exits to us counted by reason and by device, for --stats and "minivmm compare". Each
 * vCPU writes its own counters; whoever reads them while it runs gets each one as it was a moment
 * ago.
 */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stdint.h>
#include <stdio.h>

#include "vmm/bus.h"

enum { STATS_REASONS = 64 }; /* KVM_EXIT_* numbers in use are below 40 */

struct region_stats {
	uint64_t reads, writes; /* exits, one each */
};

struct exit_stats {
	uint64_t exits[STATS_REASONS]; /* by KVM_EXIT_* */
	uint64_t unclaimed;	       /* port and MMIO accesses that no device answered */
	struct region_stats ports[BUS_MAX_REGIONS],
		mmio[BUS_MAX_REGIONS]; /* by io_region's index */
};

/* One more: no read-modify-write, since only the vCPU's own thread writes; whole for who reads. */
static inline void stats_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* Adds one vCPU's counters to a sum. */
void stats_add(struct exit_stats *sum, const struct exit_stats *stats);

uint64_t stats_total(const struct exit_stats *stats); /* exits of all reasons */

/* What KVM_EXIT_* number is called: "port"; "other" where it has no name here. */
const char *stats_reason(unsigned int number);

/* A table for a person: every row that is not zero, the largest first. */
void stats_print(const struct exit_stats *stats, const struct bus *ports, const struct bus *mmio,
		 FILE *out);

#endif
