/* compare_table.c: a row a quantity, a column a trial. */
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/compare.h"
#include "vmm/util.h"

enum { LABEL_WIDTH = 36, COLUMN_WIDTH = 13, CELL_SIZE = 32, REGIONS_SHOWN = 5 };

/* What all rows are made of: each phase of each trial. */
struct table {
	const struct comparison *comparison;
	FILE *out;
	enum trial_result results[COMPARE_MAX];
	struct trial_cost costs[COMPARE_MAX]; /* of the phase in hand */
	double operations;
};

static void label(const struct table *table, const char *text)
{
	fprintf(table->out, "%-*s", LABEL_WIDTH, text);
}

static void cell(const struct table *table, const char *text)
{
	fprintf(table->out, "%*s", COLUMN_WIDTH, text);
}

static void end_row(const struct table *table)
{
	fputc('\n', table->out);
}

/* As many digits as say something. */
static void number(const struct table *table, double value)
{
	char text[CELL_SIZE];

	if (value >= 99.95 || value == (double)(uint64_t)value)
		snprintf(text, sizeof(text), "%.0f", value);
	else
		snprintf(text, sizeof(text), value < 9.995 ? "%.2f" : "%.1f", value);
	cell(table, text);
}

static bool has_number(const struct table *table, unsigned int trial)
{
	if (table->results[trial] == TRIAL_DONE)
		return true;
	cell(table, table->results[trial] == TRIAL_UNTRIED ? "n/a" : "failed");
	return false;
}

static void words(const struct table *table, const char *name, size_t offset)
{
	label(table, name);
	for (unsigned int i = 0; i < table->comparison->n; i++) {
		const char *word = (const char *)table->comparison->trials[i] + offset;

		cell(table, *word ? word : "n/a");
	}
	end_row(table);
}

static uint64_t accesses(const struct region_stats *stats)
{
	return stats->reads + stats->writes;
}

/* A device's registers: the counts of one name in all trials. */
struct region_row {
	const char *name;
	double counts[COMPARE_MAX], most;
};

static void add_regions(struct region_row *rows, unsigned int *n, unsigned int trial,
			const char (*names)[TRIAL_NAME_SIZE], const struct region_stats *stats)
{
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		unsigned int row = 0;

		if (accesses(&stats[i]) == 0)
			continue;
		while (row < *n && strcmp(rows[row].name, names[i]) != 0)
			row++;
		if (row == *n)
			rows[(*n)++] = (struct region_row){.name = names[i]};
		rows[row].counts[trial] += (double)accesses(&stats[i]);
		if (rows[row].counts[trial] > rows[row].most)
			rows[row].most = rows[row].counts[trial];
	}
}

static int by_most(const void *a, const void *b)
{
	const struct region_row *left = a, *right = b;

	return left->most < right->most ? 1 : left->most > right->most ? -1 : 0;
}

/* The busiest regions; what is below a hundredth of an operation is left out. */
static void region_rows(const struct table *table)
{
	struct region_row rows[COMPARE_MAX * 2 * BUS_MAX_REGIONS];
	unsigned int n = 0;

	for (unsigned int i = 0; i < table->comparison->n; i++) {
		const struct trial *trial = table->comparison->trials[i];

		add_regions(rows, &n, i, trial->ports, table->costs[i].exits.ports);
		add_regions(rows, &n, i, trial->mmio, table->costs[i].exits.mmio);
	}
	qsort(rows, n, sizeof(*rows), by_most);
	for (unsigned int row = 0; row < n && row < REGIONS_SHOWN; row++) {
		char text[LABEL_WIDTH];

		if (rows[row].most / table->operations < 0.01)
			continue;
		snprintf(text, sizeof(text), "    %s", rows[row].name);
		label(table, text);
		for (unsigned int i = 0; i < table->comparison->n; i++) {
			if (has_number(table, i))
				number(table, rows[row].counts[i] / table->operations);
		}
		end_row(table);
	}
}

/* One of the quantities of a cost, for a row. */
typedef double (*quantity)(const struct trial *trial, const struct trial_cost *cost);

static void row(const struct table *table, const char *name, quantity take, double divisor)
{
	label(table, name);
	for (unsigned int i = 0; i < table->comparison->n; i++) {
		if (has_number(table, i))
			number(table,
			       take(table->comparison->trials[i], &table->costs[i]) / divisor);
	}
	end_row(table);
}

static double nanoseconds(const struct trial *trial, const struct trial_cost *cost)
{
	(void)trial;
	return (double)cost->ns;
}

static double user_exits(const struct trial *trial, const struct trial_cost *cost)
{
	(void)trial;
	return (double)stats_total(&cost->exits);
}

static double counter(const struct trial *trial, const struct trial_cost *cost, const char *name)
{
	for (unsigned int i = 0; i < trial->ncounters; i++) {
		if (strcmp(trial->counters[i], name) == 0)
			return (double)cost->kvm[i];
	}
	return 0;
}

static double all_exits(const struct trial *trial, const struct trial_cost *cost)
{
	return counter(trial, cost, "exits");
}

static double injected(const struct trial *trial, const struct trial_cost *cost)
{
	return counter(trial, cost, "irq_injections");
}

static void bytes_row(const struct table *table, uint64_t bytes)
{
	label(table, "  bytes per exit to minivmm");
	for (unsigned int i = 0; i < table->comparison->n; i++) {
		uint64_t exits = stats_total(&table->costs[i].exits);

		if (!has_number(table, i))
			continue;
		if (exits)
			number(table, (double)bytes / (double)exits);
		else
			cell(table, "no exit");
	}
	end_row(table);
}

static bool has_any(const struct table *table)
{
	for (unsigned int i = 0; i < table->comparison->n; i++) {
		if (table->results[i] == TRIAL_DONE)
			return true;
	}
	return false;
}

static void phase(struct table *table, enum workload_phase which)
{
	const struct trial_phase *about = &trial_phases[which];

	table->operations = about->operations;
	for (unsigned int i = 0; i < table->comparison->n; i++)
		table->results[i] = trial_cost(table->comparison->trials[i],
					       table->comparison->rounds, which, &table->costs[i]);
	if (about->operations == 1)
		fprintf(table->out, "\n%s\n", about->name);
	else
		fprintf(table->out, "\n%s (each of %u)\n", about->name, about->operations);
	if (about->operations == 1)
		row(table, "  time, ms", nanoseconds, 1e6);
	else
		row(table, "  time, us", nanoseconds, 1e3 * table->operations);
	if (!has_any(table))
		return;
	row(table, "  exits to minivmm, by registers of", user_exits, table->operations);
	region_rows(table);
	row(table, "  exits in all (KVM: exits)", all_exits, table->operations);
	row(table, "  interrupts (KVM: irq_injections)", injected, table->operations);
	if (about->bytes)
		bytes_row(table, about->bytes);
}

static bool is_known(const struct comparison *comparison, unsigned int trial, const char *name)
{
	for (unsigned int i = 0; i < trial; i++) {
		for (unsigned int j = 0; j < comparison->trials[i]->ncounters; j++) {
			if (strcmp(comparison->trials[i]->counters[j], name) == 0)
				return true;
		}
	}
	return false;
}

/* Every counter of KVM's that is not zero everywhere, over the whole run. */
static void counter_rows(struct table *table)
{
	const struct comparison *comparison = table->comparison;

	for (unsigned int i = 0; i < comparison->n; i++) {
		table->results[i] = TRIAL_DONE;
		trial_cost(comparison->trials[i], comparison->rounds, TRIAL_WHOLE,
			   &table->costs[i]);
	}
	fprintf(table->out, "\nKVM's counters, whole run\n");
	for (unsigned int t = 0; t < comparison->n; t++) {
		for (unsigned int c = 0; c < comparison->trials[t]->ncounters; c++) {
			const char *name = comparison->trials[t]->counters[c];
			double values[COMPARE_MAX], most = 0;

			if (is_known(comparison, t, name))
				continue;
			for (unsigned int i = 0; i < comparison->n; i++) {
				values[i] = counter(comparison->trials[i], &table->costs[i], name);
				most = values[i] > most ? values[i] : most;
			}
			if (most == 0)
				continue;
			fprintf(table->out, "  %-*s", LABEL_WIDTH - 2, name);
			for (unsigned int i = 0; i < comparison->n; i++)
				number(table, values[i]);
			end_row(table);
		}
	}
}

void compare_print(const struct comparison *comparison, FILE *out)
{
	struct table table = {.comparison = comparison, .out = out};

	fprintf(out, "kernel: %s\nhost: %s\n", comparison->kernel, comparison->host);
	if (comparison->rounds > 1)
		fprintf(out, "rounds: %u, of which each figure is the median's\n",
			comparison->rounds);
	fputc('\n', out);
	label(&table, "mode");
	for (unsigned int i = 0; i < comparison->n; i++)
		cell(&table, comparison->trials[i]->name);
	end_row(&table);
	words(&table, "clock source", offsetof(struct trial, clock));
	words(&table, "disk", offsetof(struct trial, disk));
	words(&table, "network card", offsetof(struct trial, card));
	for (unsigned int i = 0; i < WORKLOAD_PHASES; i++)
		phase(&table, i);
	counter_rows(&table);
}
