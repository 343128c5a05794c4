/* file_lock.c: see file_lock.h. */
#include "devices/backend/file_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/log.h"

enum { WAIT_SECONDS = 3 };

/* How often process pid has this file open; only of our own user's is that to be seen. */
static unsigned int count_open(long pid, const struct stat *file)
{
	char path[sizeof("/proc//fd") + 3 * sizeof(pid)];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	fds = opendir(path);
	if (!fds)
		return 0;
	while ((entry = readdir(fds)) != NULL) {
		struct stat open_file;

		n += fstatat(dirfd(fds), entry->d_name, &open_file, 0) == 0 &&
		     open_file.st_dev == file->st_dev && open_file.st_ino == file->st_ino;
	}
	closedir(fds);
	return n;
}

/*
 * The kernel does not tell who holds such a lock; whoever has the file open is a good answer. True
 * where there is somebody: another process, or 0 for ourselves by another descriptor than fd.
 */
static bool find_holder(int fd, pid_t *holder)
{
	struct stat file;
	struct dirent *entry;
	bool found = false;
	DIR *proc;

	if (fstat(fd, &file) < 0)
		return false;
	proc = opendir("/proc");
	if (!proc)
		return false;
	while (*holder == 0 && (entry = readdir(proc)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid == getpid())
			found = found || count_open(pid, &file) > 1;
		else if (pid > 0 && count_open(pid, &file) > 0)
			*holder = (pid_t)pid;
	}
	closedir(proc);
	return found || *holder;
}

/* command: F_OFD_SETLK, or F_OFD_SETLKW to wait for whoever has it. */
static int try_to_lock(int fd, bool alone, int command)
{
	struct flock lock = {.l_type = alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, command, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return -EBUSY;
	return errno == ENOLCK || errno == EOPNOTSUPP || errno == EINVAL ? 0 : -errno;
}

struct wait {
	int fd, err;
	bool alone;
};

static void *wait_thread(void *arg)
{
	struct wait *wait = arg;

	wait->err = try_to_lock(wait->fd, wait->alone, F_OFD_SETLKW);
	return NULL;
}

/* In a thread: fcntl() can be given up there, but knows no time. */
static int wait_to_lock(int fd, bool alone)
{
	struct wait wait = {.fd = fd, .err = -EBUSY, .alone = alone};
	struct timespec until;
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_thread, &wait) != 0)
		return -EBUSY;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
		pthread_cancel(thread);
		pthread_join(thread, NULL);
	}
	return wait.err;
}

/*
 * What was killed in the middle of its I/O leaves it to the kernel, which keeps the file, and the
 * lock with it, until that has ended. Nobody has the file then.
 */
int file_lock(int fd, bool alone, pid_t *holder)
{
	int err = try_to_lock(fd, alone, F_OFD_SETLK);

	*holder = 0;
	if (err == -EBUSY && !find_holder(fd, holder))
		err = wait_to_lock(fd, alone);
	return err;
}

void file_lock_refused(const char *disk, pid_t holder)
{
	if (holder)
		log_error(0, "disk '%s': in use by another program (process %d)", disk,
			  (int)holder);
	else
		log_error(0, "disk '%s': in use by another program", disk);
}

void file_unlock(int fd)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	fcntl(fd, F_OFD_SETLK, &lock); /* without locks there is nothing to give back */
}
