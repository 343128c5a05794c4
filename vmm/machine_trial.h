/*
 * machine_trial.h: one machine of "minivmm compare", in a process of its own, so that nothing of
 * one run is left for the next.
 */
#ifndef VMM_MACHINE_TRIAL_H
#define VMM_MACHINE_TRIAL_H

#include "vmm/trial.h"

struct trial_request {
	const char *kernel, *initramfs, *mode, *console; /* console: NULL: the mode's own */
	const char *disk;				 /* as --disk takes it */
	bool tsc_hint;
};

/* Told of each phase as it begins, for who waits. */
typedef void (*trial_progress)(void *arg, enum workload_phase phase);

/*
 * Boots the machine and waits for its end; *trial, of memory shared with child processes, is filled
 * in. 0, or -errno, logged, when there was no machine to be had (then not even the first sample is
 * taken) or the guest did not go through its work well; what was measured until then is there.
 */
int machine_trial_run(const struct trial_request *request, trial_progress progress, void *arg,
		      struct trial *trial);

#endif
