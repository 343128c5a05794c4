/* ending.c: which of several ends counts. */
#include "vmm/ending.h"

#include "vmm/loop.h"

void ending_init(struct ending *ending, bool no_reboot)
{
	*ending = (struct ending){.no_reboot = no_reboot};
	pthread_mutex_init(&ending->lock, NULL);
}

void ending_destroy(struct ending *ending)
{
	pthread_mutex_destroy(&ending->lock);
}

/* The lock is held. */
static void end(struct ending *ending, enum outcome_kind kind, uint32_t value)
{
	if (ending->outcome.kind == OUTCOME_NONE)
		ending->outcome = (struct outcome){.kind = kind, .value = value};
}

void ending_by_guest(struct ending *ending, enum outcome_kind kind, uint32_t value)
{
	pthread_mutex_lock(&ending->lock);
	if (!ending->reset)
		end(ending, kind, value);
	pthread_mutex_unlock(&ending->lock);
}

void ending_by_host(struct ending *ending, enum outcome_kind kind, uint32_t value)
{
	pthread_mutex_lock(&ending->lock);
	end(ending, kind, value);
	pthread_mutex_unlock(&ending->lock);
}

void ending_reset(struct ending *ending)
{
	pthread_mutex_lock(&ending->lock);
	if (ending->no_reboot)
		end(ending, ending->panicked ? OUTCOME_PANIC : OUTCOME_RESET, 0);
	else if (ending->outcome.kind == OUTCOME_NONE)
		ending->reset = true;
	pthread_mutex_unlock(&ending->lock);
}

void ending_panic(struct ending *ending)
{
	pthread_mutex_lock(&ending->lock);
	ending->panicked = true;
	if (ending->no_reboot)
		end(ending, OUTCOME_PANIC, 0);
	pthread_mutex_unlock(&ending->lock);
}

static bool has_come(struct ending *ending)
{
	bool come;

	pthread_mutex_lock(&ending->lock);
	come = ending->outcome.kind != OUTCOME_NONE || ending->reset;
	pthread_mutex_unlock(&ending->lock);
	return come;
}

int ending_wait(struct ending *ending, struct loop *loop)
{
	int err;

	do
		err = loop_run(loop);
	while (!err && !has_come(ending));
	return err;
}

bool ending_is_well(struct ending *ending)
{
	bool well;

	pthread_mutex_lock(&ending->lock);
	well = ending->outcome.kind == OUTCOME_POWEROFF || ending->outcome.kind == OUTCOME_RESET ||
	       (ending->reset && !ending->panicked);
	pthread_mutex_unlock(&ending->lock);
	return well;
}

bool ending_take_reset(struct ending *ending)
{
	bool reset;

	pthread_mutex_lock(&ending->lock);
	reset = ending->reset && ending->outcome.kind == OUTCOME_NONE;
	ending->reset = false;
	ending->panicked = false;
	pthread_mutex_unlock(&ending->lock);
	return reset;
}

struct outcome ending_outcome(struct ending *ending)
{
	struct outcome outcome;

	pthread_mutex_lock(&ending->lock);
	outcome = ending->outcome;
	pthread_mutex_unlock(&ending->lock);
	return outcome;
}
