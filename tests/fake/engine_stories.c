/* engine_stories.c: see engine_stories.h. */
#include "tests/fake/engine_stories.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"
#include "vmm/util.h"

enum { MANY = 32, DEADLINE_MS = 20000 };

struct engine_context {
	struct io_engine *engine;
	int fd, wake_fd;
};

struct engine_context *engine_context_new(void)
{
	struct engine_context *context = calloc(1, sizeof(*context));
	char path[TEMP_PATH_BYTES];

	temp_file_make(path, 1 << 20);
	context->fd = open(path, O_RDWR | O_CLOEXEC);
	unlink(path);
	context->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(context->fd >= 0 && context->wake_fd >= 0);
	return context;
}

int engine_fd(const struct engine_context *context)
{
	return context->fd;
}

int engine_wake_fd(const struct engine_context *context)
{
	return context->wake_fd;
}

struct io_engine **engine_slot(struct engine_context *context)
{
	return &context->engine;
}

int engine_context_unavailable(struct engine_context *context)
{
	context->engine = NULL;
	return 0;
}

static int free_context(void **state)
{
	struct engine_context *context = *state;

	if (context->engine)
		context->engine->ops->free(context->engine);
	close(context->fd);
	close(context->wake_fd);
	free(context);
	return 0;
}

static struct io_engine *engine_of(void **state)
{
	struct engine_context *context = *state;

	if (!context->engine)
		skip();
	return context->engine;
}

static int run(struct io_engine *engine, struct io_op *op)
{
	struct io_op *finished;

	engine->ops->add(engine, op);
	engine->ops->submit(engine);
	engine->ops->wait(engine);
	finished = engine->ops->reap(engine);
	assert_ptr_equal(finished, op);
	return op->result;
}

static void what_is_written_is_read_back(void **state)
{
	struct io_engine *engine = engine_of(state);
	uint8_t bytes[8192];
	const struct iovec iov[] = {
		{.iov_base = bytes, .iov_len = 5000},
		{.iov_base = bytes + 5000, .iov_len = 3192},
	};
	struct io_op write = {.code = IO_WRITE, .iov = iov, .n = 2, .offset = 512};
	struct io_op read = {.code = IO_READ, .iov = iov, .n = 2, .offset = 512};

	memset(bytes, 0x3c, sizeof(bytes));
	assert_int_equal(run(engine, &write), sizeof(bytes));
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(run(engine, &read), sizeof(bytes));
	assert_int_equal(bytes[0], 0x3c);
	assert_int_equal(bytes[8191], 0x3c);
}

static void all_operations_report_as_the_system_calls_do(void **state)
{
	struct io_engine *engine = engine_of(state);
	uint8_t bytes[4096];
	const struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct {
		struct io_op op;
		int result;
	} cases[] = {
		{{.code = IO_SYNC}, 0},
		{{.code = IO_WRITE, .iov = &iov, .n = 1, .flags = RWF_DSYNC}, 4096},
		{{.code = IO_READ, .iov = &iov, .n = 1, .offset = (1 << 20) - 100}, 100},
		{{.code = IO_READ, .iov = &iov, .n = 1, .offset = 1 << 21}, 0},
		{{.code = IO_READ, .iov = &iov, .n = 1, .flags = 1 << 30}, -EOPNOTSUPP},
		{{.code = IO_ALLOCATE, .offset = 0, .len = 8192, .flags = punch}, 0},
		{{.code = IO_ALLOCATE, .offset = 0, .len = 0, .flags = punch}, -EINVAL},
	};

	memset(bytes, 1, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(run(engine, &cases[i].op), cases[i].result);
}

static void a_full_engine_finishes_everything(void **state)
{
	struct io_engine *engine = engine_of(state);
	static uint8_t bytes[MANY][4096];
	struct iovec iov[MANY];
	struct io_op ops[MANY];

	for (unsigned int round = 0; round < 20; round++) {
		unsigned int n = 0;
		struct io_op *op;

		for (unsigned int i = 0; i < MANY; i++) {
			iov[i] = (struct iovec){.iov_base = bytes[i], .iov_len = 4096};
			ops[i] = (struct io_op){.code = i % 8 == 7 ? IO_SYNC : IO_WRITE,
						.iov = &iov[i],
						.n = 1,
						.offset = i * 4096};
			engine->ops->add(engine, &ops[i]);
		}
		engine->ops->submit(engine);
		while (n < MANY) {
			engine->ops->wait(engine);
			while ((op = engine->ops->reap(engine)) != NULL)
				n++;
		}
		for (unsigned int i = 0; i < MANY; i++)
			assert_int_equal(ops[i].result, ops[i].code == IO_SYNC ? 0 : 4096);
	}
}

/* Whoever looks after submit() and then waits for the eventfd misses nothing. */
static void a_finished_operation_signals_unless_it_was_reaped_at_once(void **state)
{
	struct io_engine *engine = engine_of(state);
	struct engine_context *context = *state;
	uint8_t bytes[4096] = {0};
	const struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};

	for (unsigned int i = 0; i < 200; i++) {
		struct io_op op = {.code = i % 3 ? IO_WRITE : IO_SYNC, .iov = &iov, .n = 1};
		struct pollfd wait = {.fd = context->wake_fd, .events = POLLIN};
		struct io_op *finished;
		eventfd_t count;

		engine->ops->add(engine, &op);
		engine->ops->submit(engine);
		while ((finished = engine->ops->reap(engine)) == NULL) {
			assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
			eventfd_read(context->wake_fd, &count);
		}
		assert_ptr_equal(finished, &op);
	}
}

static void nothing_to_reap_is_null(void **state)
{
	struct io_engine *engine = engine_of(state);

	assert_null(engine->ops->reap(engine));
	engine->ops->submit(engine);
	assert_null(engine->ops->reap(engine));
}

int engine_stories_run(int (*setup)(void **state))
{
	const struct CMUnitTest stories[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, free_context)
		STORY(what_is_written_is_read_back),
		STORY(all_operations_report_as_the_system_calls_do),
		STORY(a_full_engine_finishes_everything),
		STORY(a_finished_operation_signals_unless_it_was_reaped_at_once),
		STORY(nothing_to_reap_is_null),
	};

	return cmocka_run_group_tests(stories, NULL, NULL);
}
