/* exit.c: KVM's exit reasons in plain words. Documentation/virt/kvm/api.rst, struct kvm_run. */
#include "vmm/arch/x86/exit.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmm/util.h"

/* Of VMX: SDM volume 3C, appendix C; an error without the top bit is a VM-instruction
 * error, 31.4. */
#define VMX_ENTRY_FAILED (1u << 31)

enum {
	VMX_INVALID_GUEST_STATE = 33,
	VMX_MSR_LOADING = 34,
	VMX_MACHINE_CHECK = 41,
	VMX_ERROR_CONTROLS = 7,
	VMX_ERROR_HOST_STATE = 8,
};

/* SVM: APM volume 2, appendix C; VMEXIT_INVALID is -1, which KVM hands over at either width. */
static bool is_svm_invalid(uint64_t reason)
{
	return reason == UINT64_MAX || reason == UINT32_MAX;
}

static const char *entry_failure(uint64_t reason)
{
	if (is_svm_invalid(reason))
		return "the processor found its registers or control bits invalid";
	if (reason & VMX_ENTRY_FAILED) {
		switch (reason & 0xffff) {
		case VMX_INVALID_GUEST_STATE:
			return "the processor found its registers invalid";
		case VMX_MSR_LOADING:
			return "the processor could not load its model-specific registers";
		case VMX_MACHINE_CHECK:
			return "the processor reported a machine check";
		}
	} else if (reason == VMX_ERROR_CONTROLS) {
		return "the processor found KVM's control fields invalid";
	} else if (reason == VMX_ERROR_HOST_STATE) {
		return "the processor found the host's own state invalid";
	}
	return "the processor did not say why in words we know";
}

static const char *internal_error(uint32_t suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "the instruction has to be emulated and KVM's emulator does not know it";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "two exceptions at once could not be delivered";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "an interrupt or exception could not be delivered: its tables or stack lie "
		       "where there is no RAM";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "the processor left the guest for a reason that KVM does not know";
	default:
		return "KVM does not say why in words we know";
	}
}

static const char *const reason_names[] = {
	[KVM_EXIT_EXCEPTION] = "an exception",
	[KVM_EXIT_HYPERCALL] = "a hypercall",
	[KVM_EXIT_DEBUG] = "a debug trap",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "an open interrupt window",
	[KVM_EXIT_SET_TPR] = "a write of the task priority",
	[KVM_EXIT_TPR_ACCESS] = "an access to the task priority",
	[KVM_EXIT_NMI] = "an NMI",
	[KVM_EXIT_IOAPIC_EOI] = "an end of interrupt",
	[KVM_EXIT_HYPERV] = "a Hyper-V call",
	[KVM_EXIT_X86_RDMSR] = "a read of a model-specific register",
	[KVM_EXIT_X86_WRMSR] = "a write of a model-specific register",
	[KVM_EXIT_DIRTY_RING_FULL] = "a full ring of dirty pages",
	[KVM_EXIT_X86_BUS_LOCK] = "a locked bus",
	[KVM_EXIT_XEN] = "a Xen call",
	[KVM_EXIT_NOTIFY] = "a guest that let no interrupt in",
};

static const char *reason_name(uint32_t reason)
{
	if (reason < ARRAY_SIZE(reason_names) && reason_names[reason])
		return reason_names[reason];
	return "a reason of its own";
}

static void explain_internal_error(const struct kvm_run *run, char *text, size_t size)
{
	uint32_t n = run->internal.ndata;
	int used = snprintf(text, size, "KVM stopped it (internal error %u): %s",
			    run->internal.suberror, internal_error(run->internal.suberror));

	if (n > ARRAY_SIZE(run->internal.data))
		n = ARRAY_SIZE(run->internal.data);
	/* Of an emulation the data are flags and instruction bytes, which the dump shows anyway. */
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		return;
	for (uint32_t i = 0; i < n && i < 4 && used > 0 && (size_t)used < size; i++)
		used += snprintf(text + used, size - (size_t)used, "%s0x%" PRIx64,
				 i ? " " : "; data ", (uint64_t)run->internal.data[i]);
}

static enum machine_event explain_system_event(const struct kvm_run *run, char *text, size_t size)
{
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		snprintf(text, size, "KVM says that the guest switched itself off");
		return MACHINE_POWEROFF;
	case KVM_SYSTEM_EVENT_RESET:
		snprintf(text, size, "KVM says that the guest asked for a reset");
		return MACHINE_RESET;
	case KVM_SYSTEM_EVENT_CRASH:
		snprintf(text, size, "KVM says that the guest reported a crash");
		return MACHINE_CRASHED;
	default:
		snprintf(text, size, "KVM ended it with system event %u", run->system_event.type);
		return MACHINE_CRASHED;
	}
}

enum machine_event exit_explain(const struct kvm_run *run, char *text, size_t size)
{
	switch (run->exit_reason) {
	case KVM_EXIT_SHUTDOWN:
		snprintf(text, size, "triple fault: an exception in the double fault handler");
		return MACHINE_RESET;
	case KVM_EXIT_SYSTEM_EVENT:
		return explain_system_event(run, text, size);
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(text, size, "it could not be entered (reason 0x%" PRIx64 "): %s",
			 (uint64_t)run->fail_entry.hardware_entry_failure_reason,
			 entry_failure(run->fail_entry.hardware_entry_failure_reason));
		return MACHINE_CRASHED;
	case KVM_EXIT_INTERNAL_ERROR:
		explain_internal_error(run, text, size);
		return MACHINE_CRASHED;
	case KVM_EXIT_UNKNOWN:
		snprintf(text, size,
			 "the processor left it for reason 0x%" PRIx64 ", which KVM does not know",
			 (uint64_t)run->hw.hardware_exit_reason);
		return MACHINE_CRASHED;
	default:
		snprintf(text, size, "KVM stopped it for %s (exit %u), which we never ask for",
			 reason_name(run->exit_reason), run->exit_reason);
		return MACHINE_CRASHED;
	}
}
