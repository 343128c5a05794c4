/*
 * loop.h: an epoll loop: sources, timers, calls from other threads, stop. The machine has one
 * (main's thread); a disk or a network card may have one of its own, with its own thread.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct loop_call;

/* ready() runs on the loop's thread, never twice at once. Embed it; level-triggered epoll events.
 */
struct loop_source {
	int fd; /* borrowed */
	void (*ready)(struct loop_source *source, uint32_t events);
	uint32_t events; /* the loop's: what it waits for */
	bool added;	 /* the loop's */
};

/* A timer on the loop: fired() runs on its thread. Embed it. */
struct loop_timer {
	struct loop_source source; /* a timerfd, owned */
	void (*fired)(struct loop_timer *timer);
};

struct loop {
	int epoll_fd;		 /* owned */
	struct loop_source wake; /* an eventfd, owned: calls and stop */
	pthread_mutex_t lock;	 /* guards the next four */
	pthread_cond_t done;
	struct loop_call *calls; /* waiting to be run, oldest first */
	struct loop_call **calls_end;
	bool stopping;
	pthread_t thread; /* who runs the loop; constant after loop_bind() */
	bool bound;
	bool own_thread; /* loop_start() made it */
};

int loop_init(struct loop *loop); /* 0 or -errno; the calling thread is taken for the loop's own */
void loop_destroy(struct loop *loop); /* accepts a zeroed struct; stops its own thread first */

/* Waits for events (EPOLLIN, EPOLLOUT) on source->fd. Loop's thread, or before it runs. 0 or
 * -errno. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
int loop_modify(struct loop *loop, struct loop_source *source,
		uint32_t events); /* 0: none for now */
/* After it ready() is not called again, not even for events already fetched. Loop's thread; twice
 * is fine. */
void loop_remove(struct loop *loop, struct loop_source *source);

int loop_timer_init(struct loop *loop,
		    struct loop_timer *timer); /* fired must be set before; 0 or -errno */
void loop_timer_set(struct loop_timer *timer, uint64_t delay_ns,
		    uint64_t period_ns);			      /* any thread; 0, 0 disarms */
void loop_timer_destroy(struct loop *loop, struct loop_timer *timer); /* accepts a zeroed struct */

/* Runs until loop_stop(), serving calls until the last. 0, or epoll's -errno. */
int loop_run(struct loop *loop);
void loop_stop(
	struct loop *loop); /* any thread, also before loop_run(): that then returns at once */

/* Serves what is there without waiting; for a thread that waits for others who may be in
 * loop_call(). */
void loop_serve_calls(struct loop *loop);

/*
 * Runs fn(arg) on the loop's thread and returns when it has returned. Called there, it just calls.
 * No lock may be held. A loop that is not running serves calls at its next loop_run() or
 * loop_serve_calls().
 */
void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg);

bool loop_is_current(const struct loop *loop); /* is this the loop's thread? For asserts */

int loop_start(struct loop *loop, const char *name); /* gives it a thread of its own; 0 or -errno */

#endif
