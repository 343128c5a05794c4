/* test_exit.c: every exit that ends a run has its event and its sentence. */
#include "vmm/arch/x86/exit.h"

#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util.h"

static void exits_are_told_in_words(void **state)
{
	static const struct {
		struct kvm_run run;
		enum machine_event event;
		const char *words;
	} rows[] = {
		{{.exit_reason = KVM_EXIT_SHUTDOWN}, MACHINE_RESET, "triple fault"},
		{{.exit_reason = KVM_EXIT_SYSTEM_EVENT,
		  .system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN},
		 MACHINE_POWEROFF,
		 "switched itself off"},
		{{.exit_reason = KVM_EXIT_SYSTEM_EVENT,
		  .system_event.type = KVM_SYSTEM_EVENT_RESET},
		 MACHINE_RESET,
		 "reset"},
		{{.exit_reason = KVM_EXIT_SYSTEM_EVENT,
		  .system_event.type = KVM_SYSTEM_EVENT_CRASH},
		 MACHINE_CRASHED,
		 "crash"},
		{{.exit_reason = KVM_EXIT_SYSTEM_EVENT, .system_event.type = 77},
		 MACHINE_CRASHED,
		 "system event 77"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = 0x80000021},
		 MACHINE_CRASHED,
		 "registers invalid"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = 0x80000022},
		 MACHINE_CRASHED,
		 "model-specific registers"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = 0x80000029},
		 MACHINE_CRASHED,
		 "machine check"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = 7},
		 MACHINE_CRASHED,
		 "control fields"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = 8},
		 MACHINE_CRASHED,
		 "host's own state"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = UINT64_MAX},
		 MACHINE_CRASHED,
		 "registers or control bits"},
		{{.exit_reason = KVM_EXIT_FAIL_ENTRY,
		  .fail_entry.hardware_entry_failure_reason = 0x80001234},
		 MACHINE_CRASHED,
		 "0x80001234"},
		{{.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal.suberror = 1},
		 MACHINE_CRASHED,
		 "emulator"},
		{{.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal.suberror = 2},
		 MACHINE_CRASHED,
		 "two exceptions"},
		{{.exit_reason = KVM_EXIT_INTERNAL_ERROR,
		  .internal = {.suberror = 3, .ndata = 2, .data = {0x11, 0x22}}},
		 MACHINE_CRASHED,
		 "data 0x11 0x22"},
		{{.exit_reason = KVM_EXIT_INTERNAL_ERROR,
		  .internal = {.suberror = 4, .ndata = UINT32_MAX, .data = {0x33}}},
		 MACHINE_CRASHED,
		 "data 0x33 0x0 0x0 0x0"},
		{{.exit_reason = KVM_EXIT_INTERNAL_ERROR, .internal.suberror = 99},
		 MACHINE_CRASHED,
		 "internal error 99"},
		{{.exit_reason = KVM_EXIT_UNKNOWN, .hw.hardware_exit_reason = 0x5a},
		 MACHINE_CRASHED,
		 "reason 0x5a"},
		{{.exit_reason = KVM_EXIT_HLT}, MACHINE_CRASHED, "HLT (exit 5)"},
		{{.exit_reason = KVM_EXIT_DEBUG}, MACHINE_CRASHED, "debug trap"},
		{{.exit_reason = KVM_EXIT_X86_WRMSR}, MACHINE_CRASHED, "write of a model-specific"},
		{{.exit_reason = KVM_EXIT_S390_SIEIC}, MACHINE_CRASHED, "(exit 13)"},
		{{.exit_reason = UINT32_MAX}, MACHINE_CRASHED, "(exit 4294967295)"},
	};
	char text[EXIT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(text, 'x', sizeof(text));
		assert_int_equal(exit_explain(&rows[i].run, text, sizeof(text)), rows[i].event);
		assert_non_null(memchr(text, 0, sizeof(text)));
		if (!strstr(text, rows[i].words))
			fail_msg("'%s' does not say '%s'", text, rows[i].words);
	}
}

static void a_sentence_is_cut_where_there_is_no_room(void **state)
{
	const struct kvm_run run = {.exit_reason = KVM_EXIT_INTERNAL_ERROR,
				    .internal = {.suberror = 3, .ndata = 4}};
	char text[32];

	(void)state;
	exit_explain(&run, text, sizeof(text));
	assert_true(strlen(text) == sizeof(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exits_are_told_in_words),
		cmocka_unit_test(a_sentence_is_cut_where_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
