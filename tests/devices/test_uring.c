/* test_uring.c: the I/O engine on a real file. The one of worker.c must pass the same. */
#include "devices/backend/uring.h"

#include "tests/fake/engine_stories.h"

enum { DEPTH = 32 };

static int setup(void **state)
{
	*state = engine_context_new();
	return uring_create(engine_fd(*state), engine_wake_fd(*state), DEPTH,
			    engine_slot(*state)) == 0
		       ? 0
		       : engine_context_unavailable(*state);
}

int main(void)
{
	return engine_stories_run(setup);
}
