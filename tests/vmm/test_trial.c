/* test_trial.c: marks, what lies between them, and what the guest says. */
#include "vmm/trial.h"

#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { UART = 2, MARKS = 5, DISK = 1 };

static struct trial trial;
static struct trial_cost cost;

static int a_trial(void **state)
{
	(void)state;
	trial = (struct trial){.name = "full"};
	strcpy(trial.ports[UART], "serial");
	strcpy(trial.ports[MARKS], "mark-port");
	strcpy(trial.mmio[DISK], "disk0");
	return 0;
}

static struct sample *take(uint32_t mark, uint64_t ns, uint64_t port_exits)
{
	struct sample *sample = trial_sample(&trial, mark);

	assert_non_null(sample);
	sample->taken = true;
	sample->ns = ns;
	sample->exits.exits[KVM_EXIT_IO] = port_exits;
	return sample;
}

static void a_phase_costs_what_lies_between_its_marks(void **state)
{
	struct sample *begin = take(workload_begin(WORKLOAD_PING), 1000, 10);
	struct sample *end = take(workload_end(WORKLOAD_PING), 6000, 25);

	(void)state;
	begin->exits.ports[UART].writes = 3;
	end->exits.ports[UART].writes = 12;
	begin->exits.mmio[DISK].reads = 1;
	end->exits.mmio[DISK].reads = 6;
	begin->exits.exits[KVM_EXIT_MMIO] = 1;
	end->exits.exits[KVM_EXIT_MMIO] = 6;
	begin->kvm[3] = 100;
	end->kvm[3] = 142;
	assert_int_equal(trial_cost(&trial, 1, WORKLOAD_PING, &cost), TRIAL_DONE);
	assert_int_equal(cost.ns, 5000);
	assert_int_equal(cost.exits.exits[KVM_EXIT_IO], 14); /* the last is the mark's */
	assert_int_equal(stats_total(&cost.exits), 19);
	assert_int_equal(cost.exits.ports[UART].writes, 9);
	assert_int_equal(cost.exits.mmio[DISK].reads, 5);
	assert_int_equal(cost.kvm[3], 42);
}

static void marks_themselves_are_not_counted_as_accesses(void **state)
{
	(void)state;
	take(workload_begin(WORKLOAD_SLEEP), 0, 1);
	take(workload_end(WORKLOAD_SLEEP), 1, 2)->exits.ports[MARKS].writes = 1;
	assert_int_equal(trial_cost(&trial, 1, WORKLOAD_SLEEP, &cost), TRIAL_DONE);
	assert_int_equal(stats_total(&cost.exits), 0);
	assert_int_equal(cost.exits.ports[MARKS].writes, 0);
}

static void a_phase_without_marks_was_not_tried_and_half_of_one_failed(void **state)
{
	(void)state;
	assert_int_equal(trial_cost(&trial, 1, WORKLOAD_PING, &cost), TRIAL_UNTRIED);
	take(workload_begin(WORKLOAD_PING), 1, 1);
	assert_int_equal(trial_cost(&trial, 1, WORKLOAD_PING, &cost), TRIAL_FAILED);
}

/* Whoever is root in the guest can write any byte there, at any time. */
static void marks_that_make_no_sense_have_no_place(void **state)
{
	(void)state;
	assert_null(trial_sample(&trial, workload_end(WORKLOAD_PING))); /* before it began */
	take(workload_begin(WORKLOAD_PING), 1, 1);
	assert_null(trial_sample(&trial, workload_begin(WORKLOAD_PING))); /* again */
	for (uint32_t mark = 2 * WORKLOAD_PHASES; mark <= UINT8_MAX; mark++)
		assert_null(trial_sample(&trial, mark));
	assert_null(trial_sample(&trial, UINT32_MAX));
}

static void the_whole_run_lasts_to_the_last_mark(void **state)
{
	(void)state;
	take(workload_begin(WORKLOAD_BOOT), 100, 0);
	take(workload_end(WORKLOAD_BOOT), 200, 5);
	take(workload_begin(WORKLOAD_SLEEP), 300, 6);
	take(workload_end(WORKLOAD_SLEEP), 400, 9);
	take(workload_begin(WORKLOAD_CONSOLE_LINES), 500, 10);
	trial_cost(&trial, 1, TRIAL_WHOLE, &cost);
	assert_int_equal(cost.ns, 300);
	assert_int_equal(cost.exits.exits[KVM_EXIT_IO], 8);
}

/* The middle one by its time, with all that it cost. */
static void of_several_rounds_the_median_counts(void **state)
{
	static const struct {
		uint64_t ns[4]; /* 0: begun and not ended; 1: not begun */
		unsigned int n;
		enum trial_result result;
		uint64_t median;
	} cases[] = {
		{{700, 500, 900}, 3, TRIAL_DONE, 700},	{{400, 300, 200, 100}, 4, TRIAL_DONE, 200},
		{{0, 500, 1, 600}, 4, TRIAL_DONE, 500}, {{0, 1}, 2, TRIAL_FAILED, 0},
		{{1, 1}, 2, TRIAL_UNTRIED, 0},
	};
	static struct trial rounds[4];

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		for (unsigned int i = 0; i < cases[c].n; i++) {
			uint64_t ns = cases[c].ns[i];

			rounds[i] = (struct trial){
				.begins[WORKLOAD_PING] = {.taken = ns != 1, .ns = 1000},
				.ends[WORKLOAD_PING] = {.taken = ns > 1, .ns = 1000 + ns},
			};
			rounds[i].ends[WORKLOAD_PING].exits.exits[KVM_EXIT_MMIO] = ns / 100;
		}
		assert_int_equal(trial_cost(rounds, cases[c].n, WORKLOAD_PING, &cost),
				 cases[c].result);
		assert_int_equal(cost.ns, cases[c].median);
		assert_int_equal(stats_total(&cost.exits), cases[c].median / 100);
	}
}

static void what_the_guest_says_is_taken_up(void **state)
{
	(void)state;
	trial_take_line(&trial, "workload: clock acpi_pm\r\nworkload: disk x");
	trial_take_line(&trial, "workload: disk nvme0n1\n");
	trial_take_line(&trial, "workload: card a-name-that-is-longer-than-there-is-room-for");
	trial_take_line(&trial, "[    0.1] workload: clock no");
	trial_take_line(&trial, "workload: clockwork no");
	assert_string_equal(trial.clock, "acpi_pm");
	assert_string_equal(trial.disk, "nvme0n1");
	assert_int_equal(strlen(trial.card), TRIAL_NAME_SIZE - 1);
	assert_false(trial.well);
	trial_take_line(&trial, "workload: end well");
	assert_true(trial.well);
	trial_take_line(&trial, "workload: end badly");
	assert_false(trial.well);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_phase_costs_what_lies_between_its_marks, a_trial),
		cmocka_unit_test_setup(marks_themselves_are_not_counted_as_accesses, a_trial),
		cmocka_unit_test_setup(a_phase_without_marks_was_not_tried_and_half_of_one_failed,
				       a_trial),
		cmocka_unit_test_setup(marks_that_make_no_sense_have_no_place, a_trial),
		cmocka_unit_test_setup(the_whole_run_lasts_to_the_last_mark, a_trial),
		cmocka_unit_test_setup(of_several_rounds_the_median_counts, a_trial),
		cmocka_unit_test_setup(what_the_guest_says_is_taken_up, a_trial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
