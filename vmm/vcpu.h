/*
 * vcpu.h: one virtual CPU: its thread, run loop, kick and stop.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vmm/stats.h"
#include "vmm/vm.h"

struct loop;

struct vcpu {
	struct vm *vm;	     /* borrowed; constant */
	struct loop *loop;   /* borrowed: the machine's loop, served while we wait for threads */
	unsigned int id;     /* also its local APIC id */
	int fd;		     /* owned; -1 when closed */
	struct kvm_run *run; /* owned mapping */
	pthread_t thread;
	bool running;		 /* loop thread: it has not said yet that it is done */
	bool started;		 /* loop thread: there is a thread to join */
	atomic_bool stop;	 /* asks the run loop to leave */
	struct exit_stats stats; /* written by its thread alone; kept over resets */
};

enum vcpu_next {
	VCPU_CONTINUE, /* run on */
	VCPU_LEAVE,    /* this vCPU's thread ends (the machine has been told why) */
};

/* Makes vCPU id of vm in a zeroed struct, or in one that vcpu_destroy() has left; KVM_CREATE_VCPU
 * and the mapping only, registers are arch's. 0 or -errno, logged. */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, struct loop *loop, unsigned int id);
void vcpu_destroy(struct vcpu *vcpu); /* accepts fd -1; its thread must be gone */

/* Its thread runs until vcpu_stop(). 0 or -errno, logged. */
int vcpu_start(struct vcpu *vcpu);

/*
 * Any thread: it does not enter the guest again, until it is started anew. One that is inside the
 * guest stays there until it exits: vcpu_ask_stop() gets it out. For a vCPU whose own access has
 * ended the run.
 */
void vcpu_leave(struct vcpu *vcpu);
/*
 * Loop thread only. Asks it to leave KVM_RUN, with a pending port or MMIO access finished; several
 * can be asked before the first is waited for.
 */
void vcpu_ask_stop(struct vcpu *vcpu);
/* Loop thread only, whose calls are served meanwhile; returns when the vCPU's thread is gone. */
void vcpu_stop(struct vcpu *vcpu);

/* Installs the empty handler of the kick signal; once per process, before the first vCPU starts. */
void vcpu_init_signals(void);

#endif
