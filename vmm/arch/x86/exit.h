/*
 * exit.h: what an exit of KVM_RUN that no device answers means for the machine, in numbers and in
 * words.
 */
#ifndef VMM_ARCH_X86_EXIT_H
#define VMM_ARCH_X86_EXIT_H

#include <stddef.h>

#include "vmm/event.h"

struct kvm_run;

enum { EXIT_TEXT_SIZE = 240 };

/* The event that ends the run, and a sentence for the user: why. size is text's. */
enum machine_event exit_explain(const struct kvm_run *run, char *text, size_t size);

#endif
