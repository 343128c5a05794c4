/* file_lock.c: see file_lock.h. */
#include "devices/backend/file_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/ofd_lock.h"

enum { WAIT_MS = 3000 };

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

/*
 * What was killed in the middle of its I/O leaves it to the kernel, which keeps the file, and the
 * lock with it, until that has ended. Nobody has the file then.
 */
int file_lock(int fd, bool alone, pid_t *holder)
{
	const short type = alone ? F_WRLCK : F_RDLCK;
	int err = ofd_lock(fd, type, 0);

	*holder = 0;
	if (err == -EBUSY && !find_holder(fd, holder))
		err = ofd_lock(fd, type, WAIT_MS);
	return err == -ENOLCK || err == -EOPNOTSUPP || err == -EINVAL ? 0 : err;
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
	ofd_lock(fd, F_UNLCK, 0); /* without locks there is nothing to give back */
}
