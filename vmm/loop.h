/*
 * loop.h: an epoll loop: sources, timers, calls from other threads, stop. The machine has one
 * (main's thread); a disk or a network card may have one of its own, with its own thread.
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct epoll_event;
struct loop_call;

/* ready() runs on the loop's thread, never twice at once; events are epoll's. Embed it. */
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
	struct loop_source wake; /* an eventfd, owned: for calls and stop */
	pthread_mutex_t lock;	 /* guards the next four */
	pthread_cond_t changed;
	struct loop_call *calls; /* waiting to be run, oldest first */
	struct loop_call **calls_end;
	bool stopping;
	pthread_t thread; /* who runs the loop; changes only while nobody else knows it */
	bool own_thread;  /* loop_start() made it */
	bool initialised;
	struct epoll_event *fetched; /* loop thread: this round's events */
	unsigned int nfetched;	     /* loop thread */
};

/* 0 or -errno. The calling thread is the loop's own until loop_start(). */
int loop_init(struct loop *loop);
/* Accepts a zeroed struct; ends and joins the loop's own thread first. */
void loop_destroy(struct loop *loop);

/* Waits for events (EPOLLIN, EPOLLOUT) on source->fd. Loop's thread, or before it runs. 0 or
 * -errno. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
/* Changes what is waited for; 0 waits for nothing but errors. Loop's thread. 0 or -errno. */
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
/* After it ready() is not called again, not even for events already fetched. Loop's thread; twice
 * is fine. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* fired must be set before. 0 or -errno. */
int loop_timer_init(struct loop *loop, struct loop_timer *timer);
/* Any thread. A period of 0 fires once; 0 and 0 disarms. */
void loop_timer_set(struct loop_timer *timer, uint64_t delay_ns, uint64_t period_ns);
/* Accepts a zeroed struct. Loop's thread. */
void loop_timer_destroy(struct loop *loop, struct loop_timer *timer);

/* Runs until loop_stop(), serving calls until the last. 0, or epoll's -errno. */
int loop_run(struct loop *loop);
/* Any thread, also before loop_run(): that then returns at once. */
void loop_stop(struct loop *loop);

/*
 * Waits until there is a call and serves all that wait: for the loop's thread while it waits for
 * other threads, which may be in loop_call() and say by one that they are done.
 */
void loop_serve_calls(struct loop *loop);

/*
 * Runs fn(arg) on the loop's thread and returns when it has returned; called there, it just calls.
 * No lock may be held. A loop that does not run serves calls at its next loop_run() or
 * loop_serve_calls().
 */
void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Is this the loop's thread? For asserts. */
bool loop_is_current(const struct loop *loop);

/* Gives the loop a thread of its own, which runs it until loop_destroy(). 0 or -errno. */
int loop_start(struct loop *loop, const char *name);

#endif
