/*
 * vm_generation.h: tells a guest that it is another one than it was: cloned, or restored from a
 * snapshot, so that random numbers, clocks and addresses must not be trusted any more.
 *
 * In two ways: 16 bytes of memory (the Virtual Machine Generation ID, ACPI VMGENCTR), and a page
 * with the VMClock structure (ACPI AMZNC10C; the UAPI group's VMClock specification), of which we
 * fill in the disruption marker and the generation counter, no time. Both lie in guest RAM and are
 * the guest's to spoil: nothing is ever read back.
 */
#ifndef DEVICES_VM_GENERATION_H
#define DEVICES_VM_GENERATION_H

#include <stdint.h>

#include "vmm/irq.h"
#include "vmm/memory.h"
#include "vmm/uuid.h"

enum { VM_GENERATION_CLOCK_SIZE = 4096 }; /* a page: guests map it into their programs */

/* What the guest is shown. */
struct vm_generation_state {
	struct uuid id;
	uint32_t sequence; /* even; counts changes in steps of 2 */
	uint64_t disruption_marker;
	uint64_t counter;
};

struct vm_generation_config {
	const struct guest_memory *mem; /* borrowed */
	gpa_t id, clock;		/* 0: there is none */
	struct irq_line id_irq, clock_irq;
};

struct vm_generation {
	struct vm_generation_config config; /* constant after start */
	struct vm_generation_state state;   /* loop thread */
};

/* id is the generation in which the machine starts. */
void vm_generation_init(struct vm_generation *generation, const struct vm_generation_config *config,
			const struct uuid *id);

/* Puts both into RAM, before the guest runs: at its start and after each reset. 0, or -EFAULT where
 * there is no RAM. */
int vm_generation_write(const struct vm_generation *generation);

/* Another generation, while vCPUs run or not: both are written anew and the guest is notified.
 * Loop thread. 0 or -EFAULT. */
int vm_generation_change(struct vm_generation *generation, const struct uuid *id);

#endif
