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
	bool running;		 /* loop thread: the thread exists */
	atomic_bool stop;	 /* asks the run loop to leave */
	struct exit_stats stats; /* written by its thread alone */
};

enum vcpu_next {
	VCPU_CONTINUE, /* run on */
	VCPU_LEAVE,    /* this vCPU's thread ends (the machine has been told why) */
};

/* Makes vCPU id of vm; KVM_CREATE_VCPU and the mapping only, registers are arch's. 0 or -errno,
 * logged. */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, struct loop *loop, unsigned int id);
void vcpu_destroy(struct vcpu *vcpu); /* accepts fd -1; its thread must be gone */

int vcpu_start(struct vcpu *vcpu); /* its thread runs until vcpu_stop(); 0 or -errno, logged */
void vcpu_stop(struct vcpu *vcpu); /* loop thread only; returns when its thread is gone */

void vcpu_signals_init(void); /* installs the empty kick handler; once per process */

#endif
