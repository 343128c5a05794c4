/* test_cpu.c: a CPU that cannot go on ends the run, even where KVM tells nothing more about it. */
#include "vmm/arch/x86/cpu.h"

#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "vmm/arch.h"
#include "vmm/event.h"
#include "vmm/util.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

struct recorder {
	struct event_sink sink;
	enum machine_event event;
	unsigned int events;
};

static void record(struct event_sink *sink, enum machine_event event, uint32_t value)
{
	struct recorder *recorder = container_of(sink, struct recorder, sink);

	(void)value;
	recorder->event = event;
	recorder->events++;
}

static void an_exit_that_nobody_answers_ends_the_run(void **state)
{
	static const struct {
		uint32_t reason;
		enum machine_event event;
	} rows[] = {
		{KVM_EXIT_SHUTDOWN, MACHINE_RESET},
		{KVM_EXIT_INTERNAL_ERROR, MACHINE_CRASHED},
		{KVM_EXIT_FAIL_ENTRY, MACHINE_CRASHED},
		{KVM_EXIT_HLT, MACHINE_CRASHED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recorder recorder = {.sink.post = record};
		struct vm vm = {.kvm_fd = -1, .fd = -1, .events = &recorder.sink};
		struct kvm_run run = {.exit_reason = rows[i].reason};
		struct vcpu vcpu = {.vm = &vm, .fd = -1, .run = &run};

		assert_int_equal(arch_vcpu_exit(&vcpu), VCPU_LEAVE);
		assert_int_equal(recorder.events, 1);
		assert_int_equal(recorder.event, rows[i].event);
	}
}

static void without_kvm_every_step_reports_its_error(void **state)
{
	static struct cpu_model model;
	struct vm vm = {.kvm_fd = -1, .fd = -1};
	struct vcpu vcpu = {.vm = &vm, .fd = -1};
	struct cpuid_config config = {.cpus = 1};

	(void)state;
	assert_int_equal(cpu_model_init(&model, &vm, &config), -EBADF);
	model.supported.nent = 0;
	assert_int_equal(cpu_power_on(&model, &vcpu), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_that_nobody_answers_ends_the_run),
		cmocka_unit_test(without_kvm_every_step_reports_its_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
