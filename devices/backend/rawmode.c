/* rawmode.c: a terminal in raw mode, always put back. */
#include "devices/backend/rawmode.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <termios.h>
#include <unistd.h>

#include "vmm/util.h"

/* The last two stop and continue; the others end the process if no signalfd takes them. */
static const int signals[] = {SIGSEGV, SIGBUS, SIGILL,	SIGFPE, SIGABRT, SIGSYS,
			      SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT};

/* Global because a signal handler is given nothing. Constant while handlers are installed, but for
 * raw. */
static struct {
	int fd;
	struct termios saved, wanted;
	struct sigaction actions[ARRAY_SIZE(signals)]; /* the former ones */
	struct loop_timer *continued;		       /* borrowed */
	bool entered;
	atomic_bool raw;
} guard;

bool rawmode_in_background(int fd)
{
	pid_t front = tcgetpgrp(fd);

	return front > 0 &&
	       front != getpgrp(); /* -1: not our controlling terminal, nothing to fear */
}

/* From here to on_signal() only what is safe in a signal handler. */

static void put_back(void)
{
	if (!atomic_exchange(&guard.raw, false) || rawmode_in_background(guard.fd))
		return;
	tcsetattr(guard.fd, TCSANOW, &guard.saved);
}

static void stop_here(void)
{
	struct sigaction ours;
	sigset_t set;

	put_back();
	sigaction(SIGTSTP, &(struct sigaction){.sa_handler = SIG_DFL}, &ours);
	raise(SIGTSTP); /* waits, as its handler runs */
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &set,
			NULL); /* stops; returns when continued, SIGCONT does the rest */
	sigaction(SIGTSTP, &ours, NULL);
}

static void on_signal(int number)
{
	int err = errno;

	switch (number) {
	case SIGCONT:
		loop_timer_set(guard.continued, 1, 0);
		break;
	case SIGTSTP:
		stop_here();
		break;
	default:
		put_back();
		raise(number); /* with its default action, by SA_RESETHAND, when we return */
	}
	errno = err;
}

static void install_handlers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		bool stays = signals[i] == SIGTSTP || signals[i] == SIGCONT;
		struct sigaction action = {
			.sa_handler = on_signal,
			.sa_flags = SA_RESTART | (stays ? 0 : (int)SA_RESETHAND),
		};

		sigaction(signals[i], NULL, &guard.actions[i]);
		if (guard.actions[i].sa_handler != SIG_IGN) /* nohup's wish */
			sigaction(signals[i], &action, NULL);
	}
}

int rawmode_enter(int fd, struct loop_timer *continued)
{
	assert(!guard.entered);
	if (tcgetattr(fd, &guard.saved) < 0)
		return -errno;
	guard.fd = fd;
	guard.continued = continued;
	guard.wanted = guard.saved;
	cfmakeraw(&guard.wanted);
	guard.entered = true;
	install_handlers();
	rawmode_renew();
	return 0;
}

void rawmode_renew(void)
{
	if (!guard.entered || rawmode_in_background(guard.fd))
		return;
	atomic_store(&guard.raw,
		     true); /* before: a signal in between puts back what may be raw already */
	tcsetattr(guard.fd, TCSANOW, &guard.wanted);
}

void rawmode_leave(void)
{
	if (!guard.entered)
		return;
	put_back();
	guard.entered = false;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &guard.actions[i], NULL);
}
