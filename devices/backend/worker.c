/*
 * worker.c: see worker.h. A few threads take operations from one list and put them on another.
 */
#include "devices/backend/worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/util.h"

/* Enough that a flush does not hold up the reads beside it. */
enum { WORKER_THREADS = 4 };

struct worker {
	struct io_engine engine;
	int fd, wake_fd;		   /* borrowed; constant */
	pthread_t threads[WORKER_THREADS]; /* constant */
	unsigned int nthreads;

	struct io_list added; /* loop thread: not yet submitted */
	struct io_list taken; /* loop thread: finished, not yet reaped */

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t work, result;
	struct io_list waiting, finished;
	bool stopping;
};

static int perform(const struct worker *worker, const struct io_op *op)
{
	ssize_t n = 0;

	switch (op->code) {
	case IO_READ:
		n = preadv2(worker->fd, op->iov, (int)op->n, (off_t)op->offset, op->flags);
		break;
	case IO_WRITE:
		n = pwritev2(worker->fd, op->iov, (int)op->n, (off_t)op->offset, op->flags);
		break;
	case IO_SYNC:
		n = fdatasync(worker->fd);
		break;
	case IO_ALLOCATE:
		n = fallocate(worker->fd, op->flags, (off_t)op->offset, (off_t)op->len);
		break;
	}
	return n < 0 ? -errno : (int)n;
}

static void *worker_thread(void *arg)
{
	struct worker *worker = arg;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		struct io_op *op;

		while (!worker->waiting.first && !worker->stopping)
			pthread_cond_wait(&worker->work, &worker->lock);
		op = io_list_take(&worker->waiting);
		if (!op)
			break;
		pthread_mutex_unlock(&worker->lock);
		op->result = perform(worker, op);
		pthread_mutex_lock(&worker->lock);
		/* Where there is one already, its signal has not been answered yet. */
		if (!worker->finished.first)
			eventfd_write(worker->wake_fd, 1);
		io_list_append(&worker->finished, op);
		pthread_cond_signal(&worker->result);
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static void worker_add(struct io_engine *engine, struct io_op *op)
{
	struct worker *worker = container_of(engine, struct worker, engine);

	io_list_append(&worker->added, op);
}

static void worker_submit(struct io_engine *engine)
{
	struct worker *worker = container_of(engine, struct worker, engine);
	struct io_op *op;

	if (!worker->added.first)
		return;
	pthread_mutex_lock(&worker->lock);
	while ((op = io_list_take(&worker->added)) != NULL)
		io_list_append(&worker->waiting, op);
	pthread_cond_broadcast(&worker->work);
	pthread_mutex_unlock(&worker->lock);
}

static struct io_op *worker_reap(struct io_engine *engine)
{
	struct worker *worker = container_of(engine, struct worker, engine);

	if (!worker->taken.first) {
		pthread_mutex_lock(&worker->lock);
		worker->taken = worker->finished;
		worker->finished = (struct io_list){0};
		pthread_mutex_unlock(&worker->lock);
	}
	return io_list_take(&worker->taken);
}

static void worker_wait(struct io_engine *engine)
{
	struct worker *worker = container_of(engine, struct worker, engine);

	worker_submit(engine);
	if (worker->taken.first)
		return;
	pthread_mutex_lock(&worker->lock);
	while (!worker->finished.first)
		pthread_cond_wait(&worker->result, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
}

static void worker_free(struct io_engine *engine)
{
	struct worker *worker = container_of(engine, struct worker, engine);

	pthread_mutex_lock(&worker->lock);
	worker->stopping = true;
	pthread_cond_broadcast(&worker->work);
	pthread_mutex_unlock(&worker->lock);
	for (unsigned int i = 0; i < worker->nthreads; i++)
		pthread_join(worker->threads[i], NULL);
	pthread_cond_destroy(&worker->work);
	pthread_cond_destroy(&worker->result);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

static const struct io_engine_ops worker_ops = {
	.add = worker_add,
	.submit = worker_submit,
	.reap = worker_reap,
	.wait = worker_wait,
	.free = worker_free,
};

int worker_create(int fd, int wake_fd, struct io_engine **engine)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err = 0;

	if (!worker)
		return -ENOMEM;
	worker->engine.ops = &worker_ops;
	worker->fd = fd;
	worker->wake_fd = wake_fd;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->work, NULL);
	pthread_cond_init(&worker->result, NULL);
	while (worker->nthreads < WORKER_THREADS) {
		pthread_t *thread = &worker->threads[worker->nthreads];

		err = -pthread_create(thread, NULL, worker_thread, worker);
		if (err < 0)
			break;
		worker->nthreads++;
	}
	/* One thread will do where there are no more to be had. */
	if (worker->nthreads == 0) {
		worker_free(&worker->engine);
		return err;
	}
	*engine = &worker->engine;
	return 0;
}
