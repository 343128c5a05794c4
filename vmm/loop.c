/* loop.c: epoll(7), timerfd and one eventfd for everything that comes from other threads. */
#include "vmm/loop.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/util.h"

enum { EVENTS_PER_WAIT = 32 };

/* Lives on the stack of the thread that waits for it. */
struct loop_call {
	void (*fn)(void *arg);
	void *arg;
	bool finished; /* guarded by the loop's lock */
	struct loop_call *next;
};

static void wake_up(struct loop *loop)
{
	uint64_t one = 1;

	if (write(loop->wake.fd, &one, sizeof(one)) < 0)
		return; /* only when the counter is full: then it wakes anyway */
}

/*
 * Those that wait now. CPUs that post the next one at once would otherwise keep everything else on
 * the loop from its turn: signals and timers, too. The lock is held.
 */
static void serve_calls(struct loop *loop)
{
	struct loop_call *calls = loop->calls;

	loop->calls = NULL;
	loop->calls_end = &loop->calls;
	while (calls) {
		struct loop_call *call = calls;

		calls = call->next;
		pthread_mutex_unlock(&loop->lock);
		call->fn(call->arg);
		pthread_mutex_lock(&loop->lock);
		call->finished = true; /* from here on its owner may be gone */
		pthread_cond_broadcast(&loop->changed);
	}
}

void loop_serve_calls(struct loop *loop)
{
	assert(loop_is_current(loop));
	pthread_mutex_lock(&loop->lock);
	while (!loop->calls)
		pthread_cond_wait(&loop->changed, &loop->lock);
	serve_calls(loop);
	pthread_mutex_unlock(&loop->lock);
}

static void woken(struct loop_source *source, uint32_t events)
{
	struct loop *loop = container_of(source, struct loop, wake);
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&loop->lock);
	serve_calls(loop);
	pthread_mutex_unlock(&loop->lock);
}

int loop_init(struct loop *loop)
{
	int err;

	*loop = (struct loop){.epoll_fd = -1, .wake = {.fd = -1, .ready = woken}};
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->changed, NULL);
	loop->calls_end = &loop->calls;
	loop->thread = pthread_self();
	loop->initialised = true;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake.fd < 0)
		err = -errno;
	else
		err = loop_add(loop, &loop->wake, EPOLLIN);
	if (err)
		loop_destroy(loop);
	return err;
}

void loop_destroy(struct loop *loop)
{
	if (!loop->initialised)
		return;
	if (loop->own_thread) {
		loop_stop(loop);
		pthread_join(loop->thread, NULL);
	}
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	pthread_cond_destroy(&loop->changed);
	pthread_mutex_destroy(&loop->lock);
	*loop = (struct loop){.epoll_fd = -1, .wake = {.fd = -1}};
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	source->added = true;
	return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (source->events == events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	if (!source->added)
		return;
	assert(loop_is_current(loop));
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->added = false;
	/* Events of this round that are fetched but not served yet may name it. */
	for (unsigned int i = 0; i < loop->nfetched; i++) {
		if (loop->fetched[i].data.ptr == source)
			loop->fetched[i].data.ptr = NULL;
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	bool stop = false;
	int err = 0;

	assert(loop_is_current(loop));
	while (!stop && !err) {
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, -1);

		if (n < 0 && errno != EINTR)
			err = -errno;
		loop->fetched = events;
		loop->nfetched = n > 0 ? (unsigned int)n : 0;
		for (unsigned int i = 0; i < loop->nfetched; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (source)
				source->ready(source, events[i].events);
		}
		loop->nfetched = 0;
		pthread_mutex_lock(&loop->lock);
		stop = loop->stopping;
		pthread_mutex_unlock(&loop->lock);
	}
	pthread_mutex_lock(&loop->lock);
	serve_calls(loop);
	loop->stopping = false;
	pthread_mutex_unlock(&loop->lock);
	return err;
}

void loop_stop(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	pthread_mutex_unlock(&loop->lock);
	wake_up(loop);
}

bool loop_is_current(const struct loop *loop)
{
	return pthread_equal(loop->thread, pthread_self());
}

void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_call call = {.fn = fn, .arg = arg};

	if (loop_is_current(loop)) {
		fn(arg);
		return;
	}
	pthread_mutex_lock(&loop->lock);
	*loop->calls_end = &call;
	loop->calls_end = &call.next;
	/* Under the lock: once the call is served, the loop may be destroyed. */
	wake_up(loop);
	pthread_cond_broadcast(&loop->changed);
	while (!call.finished)
		pthread_cond_wait(&loop->changed, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
}

static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct loop_timer *timer = container_of(source, struct loop_timer, source);
	uint64_t expirations;

	(void)events;
	/* Nothing to read: it was set anew between the event and now. */
	if (read(source->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		timer->fired(timer);
}

int loop_timer_init(struct loop *loop, struct loop_timer *timer)
{
	int err;

	timer->source = (struct loop_source){.ready = timer_ready};
	timer->source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->source.fd < 0)
		return -errno;
	err = loop_add(loop, &timer->source, EPOLLIN);
	if (err)
		loop_timer_destroy(loop, timer);
	return err;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ns, uint64_t period_ns)
{
	struct itimerspec spec;

	if (delay_ns == 0 && period_ns != 0)
		delay_ns = 1; /* a zero delay would disarm it */
	spec.it_value = to_timespec(delay_ns);
	spec.it_interval = to_timespec(period_ns);
	timerfd_settime(timer->source.fd, 0, &spec, NULL);
}

void loop_timer_destroy(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->source.ready)
		return;
	loop_remove(loop, &timer->source);
	close(timer->source.fd);
	timer->source = (struct loop_source){.fd = -1};
}

static void *own_thread(void *arg)
{
	struct loop *loop = arg;

	pthread_mutex_lock(&loop->lock); /* until pthread_create() has said who we are */
	pthread_mutex_unlock(&loop->lock);
	loop_run(loop);
	return NULL;
}

int loop_start(struct loop *loop, const char *name)
{
	int err;

	pthread_mutex_lock(&loop->lock);
	err = pthread_create(&loop->thread, NULL, own_thread, loop);
	if (err)
		loop->thread = pthread_self(); /* undefined, where there is none */
	pthread_mutex_unlock(&loop->lock);
	if (err)
		return -err;
	loop->own_thread = true;
	pthread_setname_np(loop->thread, name);
	return 0;
}
