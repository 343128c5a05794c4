/* engine_stories.h: what every I/O engine must do, told once for all of them. */
#ifndef TESTS_FAKE_ENGINE_STORIES_H
#define TESTS_FAKE_ENGINE_STORIES_H

#include "devices/backend/io_engine.h"

struct engine_context;

/* A file and an eventfd; the test makes the engine for them and puts it into the slot. */
struct engine_context *engine_context_new(void);
int engine_fd(const struct engine_context *context);
int engine_wake_fd(const struct engine_context *context);
struct io_engine **engine_slot(struct engine_context *context);
int engine_context_unavailable(struct engine_context *context); /* 0: the stories are skipped */

/* All stories, before each of which the set-up makes a context its state: main()'s value. */
int engine_stories_run(int (*setup)(void **state));

#endif
