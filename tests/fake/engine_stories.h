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
int engine_context_free(void **state);

void what_is_written_is_read_back(void **state);
void all_operations_report_as_the_system_calls_do(void **state);
void a_full_engine_finishes_everything(void **state);
void a_finished_operation_signals_unless_it_was_reaped_at_once(void **state);
void nothing_to_reap_is_null(void **state);

#endif
