/* test_ending.c: which end counts when several come at once. */
#include "vmm/ending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/loop.h"
#include "vmm/util.h"

static struct ending ending;
static struct loop loop;

static int setup(void **state)
{
	(void)state;
	ending_init(&ending, false);
	return loop_init(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	ending_destroy(&ending);
	return 0;
}

static void assert_outcome(enum outcome_kind kind, uint32_t value)
{
	struct outcome outcome = ending_outcome(&ending);

	assert_int_equal(outcome.kind, kind);
	assert_int_equal(outcome.value, value);
}

static void the_first_end_counts(void **state)
{
	(void)state;
	ending_by_guest(&ending, OUTCOME_DEBUG_EXIT, 7);
	ending_by_guest(&ending, OUTCOME_POWEROFF, 0);
	ending_by_host(&ending, OUTCOME_TIMEOUT, 0);
	ending_reset(&ending);
	assert_false(ending_take_reset(&ending));
	assert_outcome(OUTCOME_DEBUG_EXIT, 7);
}

static void what_a_guest_does_behind_its_reset_does_not_count(void **state)
{
	(void)state;
	ending_reset(&ending);
	ending_by_guest(&ending, OUTCOME_DEBUG_EXIT, 7);
	ending_reset(&ending);
	assert_true(ending_take_reset(&ending));
	assert_false(ending_take_reset(&ending));
	assert_outcome(OUTCOME_NONE, 0);
}

/* The timer fires once: a guest that resets at that moment would never be stopped. */
static void a_reset_does_not_save_a_guest_from_its_host(void **state)
{
	static const struct outcome ends[] = {{OUTCOME_TIMEOUT, 0}, {OUTCOME_SIGNAL, SIGTERM}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		ending_destroy(&ending);
		ending_init(&ending, false);
		ending_reset(&ending);
		ending_by_host(&ending, ends[i].kind, ends[i].value);
		ending_reset(&ending);
		assert_true(ending_is_well(&ending)); /* it had wanted to go */
		assert_false(ending_take_reset(&ending));
		assert_outcome(ends[i].kind, ends[i].value);
	}
}

static void without_reboot_a_reset_is_an_end_and_behind_a_panic_that_of_the_panic(void **state)
{
	(void)state;
	ending.no_reboot = true;
	ending_reset(&ending);
	assert_false(ending_take_reset(&ending));
	assert_outcome(OUTCOME_RESET, 0);
	ending_destroy(&ending);
	ending_init(&ending, true);
	ending_panic(&ending);
	ending_reset(&ending);
	assert_outcome(OUTCOME_PANIC, 0);
	assert_false(ending_is_well(&ending));
}

static void a_guest_that_panicked_did_not_end_well_but_its_next_boot_may(void **state)
{
	(void)state;
	ending_panic(&ending);
	assert_outcome(OUTCOME_NONE, 0);
	ending_reset(&ending);
	assert_false(ending_is_well(&ending));
	assert_true(ending_take_reset(&ending));
	ending_reset(&ending);
	assert_true(ending_is_well(&ending));
}

struct guest {
	struct loop_source source;
	unsigned int turns;
};

/* Ends itself in the second turn of the loop. */
static void take_turn(struct loop_source *source, uint32_t events)
{
	struct guest *guest = container_of(source, struct guest, source);

	(void)events;
	if (++guest->turns < 2)
		return;
	ending_by_guest(&ending, OUTCOME_POWEROFF, 0);
	loop_stop(&loop);
}

/* Two CPUs reset the machine, the second when the loop has been left for the first already. */
static void a_stop_of_the_loop_alone_is_no_end(void **state)
{
	struct guest guest = {.source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = take_turn}};

	(void)state;
	ending_reset(&ending);
	loop_stop(&loop);
	assert_int_equal(ending_wait(&ending, &loop), 0);
	ending_reset(&ending);
	loop_stop(&loop);
	assert_true(ending_take_reset(&ending));

	assert_int_equal(loop_add(&loop, &guest.source, EPOLLIN), 0);
	assert_int_equal(ending_wait(&ending, &loop), 0);
	assert_outcome(OUTCOME_POWEROFF, 0);
	loop_remove(&loop, &guest.source);
	close(guest.source.fd);
}

#define ending_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ending_test(the_first_end_counts),
		ending_test(what_a_guest_does_behind_its_reset_does_not_count),
		ending_test(a_reset_does_not_save_a_guest_from_its_host),
		ending_test(without_reboot_a_reset_is_an_end_and_behind_a_panic_that_of_the_panic),
		ending_test(a_guest_that_panicked_did_not_end_well_but_its_next_boot_may),
		ending_test(a_stop_of_the_loop_alone_is_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
