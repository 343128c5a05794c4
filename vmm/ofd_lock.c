/* ofd_lock.c: see ofd_lock.h. */
#include "vmm/ofd_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

struct attempt {
	struct flock lock;
	int fd, command, err;
};

/* Keeps nothing on its stack, which AddressSanitizer would not clear away when it is cancelled. */
static void *attempt(void *arg)
{
	struct attempt *attempt = arg;

	if (fcntl(attempt->fd, attempt->command, &attempt->lock) == 0)
		attempt->err = 0;
	else
		attempt->err = errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
	return NULL;
}

static struct timespec after(unsigned int ms)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_sec += ms / 1000;
	time.tv_nsec += ms % 1000 * 1000000L;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

/* In a thread: fcntl() can be given up there, but knows no time. */
int ofd_lock(int fd, short type, unsigned int wait_ms)
{
	struct attempt lock = {
		.lock = {.l_type = type, .l_whence = SEEK_SET}, .fd = fd, .command = F_OFD_SETLK};
	struct timespec until;
	pthread_t thread;

	attempt(&lock);
	if (lock.err != -EBUSY || wait_ms == 0)
		return lock.err;
	lock.command = F_OFD_SETLKW;
	if (pthread_create(&thread, NULL, attempt, &lock) != 0)
		return -EBUSY;
	until = after(wait_ms);
	if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	return lock.err;
}
