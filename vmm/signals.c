/* signals.c: signals become events of the loop. */
#include "vmm/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/log.h"

static void fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGWINCH);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

int signals_open(void)
{
	sigset_t set;
	int fd;

	fill(&set);
	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of the write */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		return fd;
	fd = -errno;
	log_error(fd, "cannot make a signalfd");
	return fd;
}

void signals_close(int fd)
{
	sigset_t set;

	if (fd < 0)
		return;
	close(fd);
	fill(&set);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
