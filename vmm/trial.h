/*
 * trial.h: what one machine did while its guest went through the workload: counters as they were at
 * each of its marks, and what a phase cost by their difference.
 */
#ifndef VMM_TRIAL_H
#define VMM_TRIAL_H

#include <stdbool.h>

#include "vmm/kvm_stats.h"
#include "vmm/stats.h"
#include "vmm/workload.h"

enum {
	TRIAL_NAME_SIZE = 32,
	TRIAL_ROUNDS_MAX = 99,
	TRIAL_WHOLE = WORKLOAD_PHASES, /* as a phase: from the beginning to the last mark */
};

struct sample {
	bool taken;
	uint64_t ns; /* CLOCK_MONOTONIC */
	struct exit_stats exits;
	uint64_t kvm[KVM_STATS_MAX];
};

struct trial {
	char name[TRIAL_NAME_SIZE]; /* "full" */
	struct sample begins[WORKLOAD_PHASES], ends[WORKLOAD_PHASES];
	/* Names of what the counters count. */
	char ports[BUS_MAX_REGIONS][TRIAL_NAME_SIZE], mmio[BUS_MAX_REGIONS][TRIAL_NAME_SIZE];
	char counters[KVM_STATS_MAX][KVM_STATS_NAME_SIZE];
	unsigned int ncounters;
	/* As the guest said. */
	char clock[TRIAL_NAME_SIZE], disk[TRIAL_NAME_SIZE], card[TRIAL_NAME_SIZE];
	bool well; /* it went through all that it could try, and the machine ended */
};

enum trial_result {
	TRIAL_DONE,
	TRIAL_UNTRIED, /* the guest has no such device, or no driver for it */
	TRIAL_FAILED,  /* begun and not ended */
};

/* What the whole of a phase cost. */
struct trial_cost {
	uint64_t ns;
	struct exit_stats exits; /* without the one of the mark at its end */
	uint64_t kvm[KVM_STATS_MAX];
};

/* What a phase is called, how often its operation is done, and how many bytes it moves in all. */
struct trial_phase {
	const char *name;
	const char *id; /* in JSON */
	unsigned int operations;
	uint64_t bytes; /* 0: none worth dividing by exits */
};

extern const struct trial_phase trial_phases[WORKLOAD_PHASES];

/* Of so many rounds of the same, the cost in the one whose time is the median; rounds in which the
 * phase did not come to its end do not count, unless it never did. */
enum trial_result trial_cost(const struct trial *rounds, unsigned int n, unsigned int phase,
			     struct trial_cost *cost);

/* The place of a mark that a guest made; NULL when it is none or came before. */
struct sample *trial_sample(struct trial *trial, uint32_t mark);

/* A line of the guest's console: takes what it tells of the machine, and how it went. */
void trial_take_line(struct trial *trial, const char *line);

#endif
