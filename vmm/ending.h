/*
 * ending.h: how the run of a guest comes to its end, or to a reset. Guest and host may both want
 * one at the same moment, and several CPUs of the guest: the first end counts.
 */
#ifndef VMM_ENDING_H
#define VMM_ENDING_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/outcome.h"

struct loop;

struct ending {
	bool no_reboot;		/* constant: a reset is an end */
	pthread_mutex_t lock;	/* guards the rest */
	struct outcome outcome; /* NONE while the run goes on */
	bool reset;		/* the guest wants to boot again */
	bool panicked;		/* since it booted */
};

void ending_init(struct ending *ending, bool no_reboot);
void ending_destroy(struct ending *ending);

/* Any thread. None of these stops the loop. */
void ending_by_guest(struct ending *ending, enum outcome_kind kind, uint32_t value);
/* A timeout, a signal: counts also where the guest has just asked for a reset,
 * or it would live on. */
void ending_by_host(struct ending *ending, enum outcome_kind kind, uint32_t value);
void ending_reset(struct ending *ending);
/* Its kernel says so. Ends the run under no_reboot; otherwise its panic= decides. */
void ending_panic(struct ending *ending);

/*
 * Runs the loop until there is an end or a reset. That the loop was stopped is neither: a CPU may
 * have asked for it when the guest before had ended already. 0, or loop_run()'s -errno.
 */
int ending_wait(struct ending *ending, struct loop *loop);

/* After ending_wait(), with no vCPU running: did the guest end by its own will? */
bool ending_is_well(struct ending *ending);
/* Is the guest to boot again? Then nothing is left of what the last one did. */
bool ending_take_reset(struct ending *ending);
struct outcome ending_outcome(struct ending *ending);

#endif
