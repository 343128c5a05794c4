/* trial.c: differences between samples. */
#include "vmm/trial.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util.h"

const struct trial_phase trial_phases[WORKLOAD_PHASES] = {
	[WORKLOAD_BOOT] = {"boot to init", "boot", 1, 0},
	[WORKLOAD_RANDOM_READ] = {"4 KiB random read", "random-read", WORKLOAD_RANDOM_READS,
				  (uint64_t)WORKLOAD_RANDOM_READS *WORKLOAD_RANDOM_SIZE},
	[WORKLOAD_SEQUENTIAL_READ] =
		{"128 KiB sequential read", "sequential-read", WORKLOAD_SEQUENTIAL_READS,
		 (uint64_t)WORKLOAD_SEQUENTIAL_READS *WORKLOAD_SEQUENTIAL_SIZE},
	[WORKLOAD_PING] = {"ping, there and back", "ping", WORKLOAD_PINGS, 0},
	[WORKLOAD_CONSOLE_LINES] = {"80 bytes of text to the console", "console-lines",
				    WORKLOAD_CONSOLE_SIZE / WORKLOAD_LINE_SIZE,
				    WORKLOAD_CONSOLE_SIZE},
	[WORKLOAD_CONSOLE_BLOCKS] = {"4 KiB to the console, raw", "console-blocks",
				     WORKLOAD_CONSOLE_SIZE / WORKLOAD_BLOCK_SIZE,
				     WORKLOAD_CONSOLE_SIZE},
	[WORKLOAD_SLEEP] = {"sleep of 1 ms", "sleep", WORKLOAD_SLEEPS, 0},
};

static void subtract(const struct region_stats *from, const struct region_stats *what,
		     struct region_stats *left)
{
	left->reads = from->reads - what->reads;
	left->writes = from->writes - what->writes;
}

static void difference(const struct sample *begin, const struct sample *end,
		       struct trial_cost *cost)
{
	const struct exit_stats *a = &begin->exits, *b = &end->exits;

	cost->ns = end->ns - begin->ns;
	for (unsigned int i = 0; i < STATS_REASONS; i++)
		cost->exits.exits[i] = b->exits[i] - a->exits[i];
	cost->exits.unclaimed = b->unclaimed - a->unclaimed;
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		subtract(&b->ports[i], &a->ports[i], &cost->exits.ports[i]);
		subtract(&b->mmio[i], &a->mmio[i], &cost->exits.mmio[i]);
	}
	for (unsigned int i = 0; i < KVM_STATS_MAX; i++)
		cost->kvm[i] = end->kvm[i] - begin->kvm[i];
	/* The mark at the end is counted as an exit by then, and not yet as an access. */
	if (cost->exits.exits[KVM_EXIT_IO])
		cost->exits.exits[KVM_EXIT_IO]--;
}

/* The access of the mark at the beginning is counted after its sample was taken. */
static void leave_out_marks(const struct trial *trial, struct exit_stats *exits)
{
	for (unsigned int i = 0; i < BUS_MAX_REGIONS; i++) {
		if (strcmp(trial->ports[i], "mark-port") == 0)
			exits->ports[i] = (struct region_stats){0};
	}
}

/* What a phase lies between. */
struct span {
	const struct trial *trial;
	const struct sample *begin, *end;
};

static uint64_t length(const struct span *span)
{
	return span->end->ns - span->begin->ns;
}

static int by_length(const void *a, const void *b)
{
	uint64_t left = length(a), right = length(b);

	return left < right ? -1 : left > right;
}

static struct span span_of(const struct trial *trial, unsigned int phase)
{
	struct span span = {.trial = trial, .begin = &trial->begins[WORKLOAD_BOOT]};

	if (phase != TRIAL_WHOLE) {
		span.begin = &trial->begins[phase];
		span.end = &trial->ends[phase];
		return span;
	}
	span.end = span.begin;
	for (unsigned int i = 0; i < WORKLOAD_PHASES; i++) {
		if (trial->ends[i].taken && trial->ends[i].ns > span.end->ns)
			span.end = &trial->ends[i];
	}
	return span;
}

enum trial_result trial_cost(const struct trial *rounds, unsigned int n, unsigned int phase,
			     struct trial_cost *cost)
{
	enum trial_result result = TRIAL_UNTRIED;
	struct span spans[TRIAL_ROUNDS_MAX], *median;
	unsigned int done = 0;

	*cost = (struct trial_cost){0};
	for (unsigned int i = 0; i < n; i++) {
		spans[done] = span_of(&rounds[i], phase);
		if (!spans[done].begin->taken)
			continue;
		result = TRIAL_FAILED;
		if (spans[done].end->taken)
			done++;
	}
	if (done == 0)
		return result;
	qsort(spans, done, sizeof(spans[0]), by_length);
	median = &spans[(done - 1) / 2];
	difference(median->begin, median->end, cost);
	leave_out_marks(median->trial, &cost->exits);
	return TRIAL_DONE;
}

struct sample *trial_sample(struct trial *trial, uint32_t mark)
{
	for (unsigned int i = WORKLOAD_BOOT; i < WORKLOAD_PHASES; i++) {
		struct sample *sample = NULL;

		if (mark == workload_begin(i))
			sample = &trial->begins[i];
		if (mark == workload_end(i) && trial->begins[i].taken)
			sample = &trial->ends[i];
		if (sample)
			return sample->taken ? NULL : sample;
	}
	return NULL;
}

static const char *value_of(const char *line, const char *name)
{
	size_t len = strlen(name);

	return strncmp(line, name, len) == 0 && line[len] == ' ' ? line + len + 1 : NULL;
}

void trial_take_line(struct trial *trial, const char *line)
{
	const struct {
		const char *name;
		char *to;
	} facts[] = {{"clock", trial->clock}, {"disk", trial->disk}, {"card", trial->card}};
	const char *value;

	if (strncmp(line, WORKLOAD_FACT, strlen(WORKLOAD_FACT)) != 0)
		return;
	line += strlen(WORKLOAD_FACT);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		value = value_of(line, facts[i].name);
		if (value)
			snprintf(facts[i].to, TRIAL_NAME_SIZE, "%.*s", (int)strcspn(value, "\r\n"),
				 value);
	}
	value = value_of(line, "end");
	if (value)
		trial->well = strncmp(value, "well", 4) == 0;
}
