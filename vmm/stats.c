/* stats.c: counters summed up, and as a table. */
#include "vmm/stats.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>

#include "vmm/util.h"

static const char *const reasons[STATS_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "port",
	[KVM_EXIT_HYPERCALL] = "hypercall",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail-entry",
	[KVM_EXIT_INTR] = "interrupted",
	[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
	[KVM_EXIT_SYSTEM_EVENT] = "system-event",
};

/* The guest's vCPU may be adding to it: a plain load would be a race. */
static uint64_t look(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void stats_add(struct exit_stats *sum, const struct exit_stats *stats)
{
	for (unsigned int i = 0; i < STATS_REASONS; i++)
		sum->exits[i] += look(&stats->exits[i]);
	sum->unclaimed += look(&stats->unclaimed);
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		sum->ports[i].reads += look(&stats->ports[i].reads);
		sum->ports[i].writes += look(&stats->ports[i].writes);
		sum->mmio[i].reads += look(&stats->mmio[i].reads);
		sum->mmio[i].writes += look(&stats->mmio[i].writes);
	}
}

uint64_t stats_total(const struct exit_stats *stats)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < STATS_REASONS; i++)
		total += stats->exits[i];
	return total;
}

const char *stats_reason(unsigned int number)
{
	return number < STATS_REASONS && reasons[number] ? reasons[number] : "other";
}

struct row {
	const struct io_region *region;
	struct region_stats stats;
};

static int by_size(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	uint64_t l = left->stats.reads + left->stats.writes;
	uint64_t r = right->stats.reads + right->stats.writes;

	return l < r ? 1 : l > r ? -1 : 0;
}

/* The regions of one bus that were accessed, the most accessed first. */
static unsigned int collect(const struct bus *bus, const struct region_stats *stats,
			    struct row *rows)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < bus->nregions; i++) {
		if (stats[i].reads + stats[i].writes == 0)
			continue;
		rows[n].region = bus->regions[i];
		rows[n++].stats = stats[i];
	}
	qsort(rows, n, sizeof(*rows), by_size);
	return n;
}

static void print_regions(const struct bus *bus, const struct region_stats *stats, const char *kind,
			  FILE *out)
{
	struct row rows[BUS_MAX_REGIONS];
	unsigned int n = collect(bus, stats, rows);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t base = atomic_load_explicit(&rows[i].region->base, memory_order_relaxed);
		char place[40];

		if (base == BUS_UNDECODED)
			snprintf(place, sizeof(place), "%s, not decoded", kind);
		else
			snprintf(place, sizeof(place), "%s 0x%" PRIx64, kind, base);
		fprintf(out, "  %-24s %-20s %10" PRIu64 " reads %10" PRIu64 " writes\n",
			rows[i].region->name, place, rows[i].stats.reads, rows[i].stats.writes);
	}
}

void stats_print(const struct exit_stats *stats, const struct bus *ports, const struct bus *mmio,
		 FILE *out)
{
	fprintf(out, "exits to user space: %" PRIu64 "\n", stats_total(stats));
	for (unsigned int i = 0; i < STATS_REASONS; i++) {
		if (stats->exits[i])
			fprintf(out, "  %-24s %10" PRIu64 "\n", stats_reason(i), stats->exits[i]);
	}
	if (stats->unclaimed)
		fprintf(out, "  %-24s %10" PRIu64 "\n", "answered by no device", stats->unclaimed);
	print_regions(ports, stats->ports, "port", out);
	print_regions(mmio, stats->mmio, "memory", out);
}
