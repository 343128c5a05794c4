/* test_worker.c: the I/O engine of threads, by the stories that io_uring's is held to. */
#include "devices/backend/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fake/engine_stories.h"

static int setup(void **state)
{
	*state = engine_context_new();
	return worker_create(engine_fd(*state), engine_wake_fd(*state), engine_slot(*state));
}

#define story(name) cmocka_unit_test_setup_teardown(name, setup, engine_context_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		story(what_is_written_is_read_back),
		story(all_operations_report_as_the_system_calls_do),
		story(a_full_engine_finishes_everything),
		story(a_finished_operation_signals_unless_it_was_reaped_at_once),
		story(nothing_to_reap_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
