/* test_worker.c: the I/O engine of threads, by the stories that io_uring's is held to. */
#include "devices/backend/worker.h"

#include "tests/fake/engine_stories.h"

static int setup(void **state)
{
	*state = engine_context_new();
	return worker_create(engine_fd(*state), engine_wake_fd(*state), engine_slot(*state));
}

int main(void)
{
	return engine_stories_run(setup);
}
