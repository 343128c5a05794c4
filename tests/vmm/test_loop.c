/* test_loop.c: sources, timers, and calls from other threads. */
#include "vmm/loop.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"

static struct loop loop;

static int make_loop(void **state)
{
	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	return 0;
}

static int drop_loop(void **state)
{
	(void)state;
	loop_destroy(&loop);
	return 0;
}

struct counter {
	struct loop_source source;
	struct counter *other;
	unsigned int n;
};

static void count_and_stop(struct loop_source *source, uint32_t events)
{
	struct counter *counter = container_of(source, struct counter, source);

	assert_true(events & EPOLLIN);
	counter->n++;
	loop_stop(&loop);
}

static void a_ready_descriptor_is_served(void **state)
{
	struct counter counter = {.source = {.ready = count_and_stop}};

	(void)state;
	counter.source.fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(loop_add(&loop, &counter.source, EPOLLIN), 0);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(counter.n, 1);
	loop_remove(&loop, &counter.source);
	loop_remove(&loop, &counter.source);
	close(counter.source.fd);
}

static void remove_the_other(struct loop_source *source, uint32_t events)
{
	struct counter *counter = container_of(source, struct counter, source);

	(void)events;
	counter->n++;
	loop_remove(&loop, &counter->other->source);
	loop_stop(&loop);
}

static void a_removed_source_is_not_served_even_if_its_event_was_fetched(void **state)
{
	struct counter a = {.source = {.ready = remove_the_other}};
	struct counter b = {.source = {.ready = remove_the_other}};

	(void)state;
	a.other = &b;
	b.other = &a;
	a.source.fd = eventfd(1, EFD_CLOEXEC);
	b.source.fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(loop_add(&loop, &a.source, EPOLLIN), 0);
	assert_int_equal(loop_add(&loop, &b.source, EPOLLIN), 0);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(a.n + b.n, 1);
	loop_remove(&loop, &a.source);
	loop_remove(&loop, &b.source);
	close(a.source.fd);
	close(b.source.fd);
}

static void stop_before_run_returns_at_once(void **state)
{
	(void)state;
	loop_stop(&loop);
	assert_int_equal(loop_run(&loop), 0);
}

static unsigned int fired;

static void timer_fired(struct loop_timer *timer)
{
	(void)timer;
	if (++fired == 3)
		loop_stop(&loop);
}

static void a_periodic_timer_fires_again(void **state)
{
	struct loop_timer timer = {.fired = timer_fired};

	(void)state;
	fired = 0;
	assert_int_equal(loop_timer_init(&loop, &timer), 0);
	loop_timer_set(&timer, 0, 1);
	assert_int_equal(loop_run(&loop), 0);
	assert_true(fired >= 3);
	loop_timer_destroy(&loop, &timer);
}

static unsigned int total;

static void add_one(void *arg)
{
	(void)arg;
	assert_true(loop_is_current(&loop));
	total++; /* no lock: only the loop's thread comes here */
}

static void *many_calls(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		loop_call(&loop, add_one, NULL);
	return NULL;
}

static void *caller_of_others(void *arg)
{
	pthread_t threads[4];

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, many_calls, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	loop_stop(&loop);
	return NULL;
}

static void calls_from_many_threads_run_one_at_a_time_on_the_loop(void **state)
{
	pthread_t thread;

	(void)state;
	total = 0;
	pthread_create(&thread, NULL, caller_of_others, NULL);
	assert_int_equal(loop_run(&loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(total, 4000);
	loop_call(&loop, add_one, NULL); /* on the loop's own thread it is a plain call */
	assert_int_equal(total, 4001);
}

/* A hundred calls, each of which waits until the next one does: the loop is never without. */
enum { CHAIN_LENGTH = 100, CALLERS = 2 };

static struct chain {
	struct loop_source source; /* is ready from the first call on */
	sem_t go[CALLERS];
	unsigned int served, served_before; /* calls; before the source had its turn */
} chain;

static void have_turn(struct loop_source *source, uint32_t events)
{
	(void)events;
	chain.served_before = chain.served;
	loop_remove(&loop, source);
}

static void wait_for_the_next_call(void *arg)
{
	(void)arg;
	if (++chain.served == 1)
		assert_int_equal(loop_add(&loop, &chain.source, EPOLLIN), 0);
	sem_post(&chain.go[chain.served % CALLERS]);
	if (chain.served == CHAIN_LENGTH) {
		loop_stop(&loop);
		return;
	}
	pthread_mutex_lock(&loop.lock);
	while (!loop.calls)
		pthread_cond_wait(&loop.changed, &loop.lock);
	pthread_mutex_unlock(&loop.lock);
}

static void *call_in_turn(void *arg)
{
	for (unsigned int i = 0; i < CHAIN_LENGTH / CALLERS; i++) {
		sem_wait(arg);
		loop_call(&loop, wait_for_the_next_call, NULL);
	}
	return NULL;
}

static void calls_without_end_take_turns_with_the_rest_of_the_loop(void **state)
{
	pthread_t threads[CALLERS];

	(void)state;
	chain = (struct chain){.source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = have_turn}};
	for (unsigned int i = 0; i < CALLERS; i++) {
		sem_init(&chain.go[i], 0, i == 0);
		pthread_create(&threads[i], NULL, call_in_turn, &chain.go[i]);
	}
	assert_int_equal(loop_run(&loop), 0);
	for (unsigned int i = 0; i < CALLERS; i++) {
		pthread_join(threads[i], NULL);
		sem_destroy(&chain.go[i]);
	}
	assert_in_range(chain.served_before, 1, CALLERS);
	close(chain.source.fd);
}

static void store_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
}

static void a_loop_can_have_a_thread_of_its_own(void **state)
{
	struct loop own;
	pthread_t where = pthread_self();

	(void)state;
	assert_int_equal(loop_init(&own), 0);
	assert_int_equal(loop_start(&own, "own"), 0);
	loop_call(&own, store_thread, &where);
	assert_false(pthread_equal(where, pthread_self()));
	loop_destroy(&own);
	loop_destroy(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_ready_descriptor_is_served, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(
			a_removed_source_is_not_served_even_if_its_event_was_fetched, make_loop,
			drop_loop),
		cmocka_unit_test_setup_teardown(stop_before_run_returns_at_once, make_loop,
						drop_loop),
		cmocka_unit_test_setup_teardown(a_periodic_timer_fires_again, make_loop, drop_loop),
		cmocka_unit_test_setup_teardown(
			calls_from_many_threads_run_one_at_a_time_on_the_loop, make_loop,
			drop_loop),
		cmocka_unit_test_setup_teardown(
			calls_without_end_take_turns_with_the_rest_of_the_loop, make_loop,
			drop_loop),
		cmocka_unit_test(a_loop_can_have_a_thread_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
