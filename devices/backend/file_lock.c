/* file_lock.c: see file_lock.h. */
#include "devices/backend/file_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Has process pid this file open? Only for our own user's processes is that to be seen. */
static bool has_open(long pid, const struct stat *file)
{
	char path[sizeof("/proc//fd") + 3 * sizeof(pid)];
	struct dirent *entry;
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	fds = opendir(path);
	if (!fds)
		return false;
	while (!found && (entry = readdir(fds)) != NULL) {
		struct stat open_file;

		found = fstatat(dirfd(fds), entry->d_name, &open_file, 0) == 0 &&
			open_file.st_dev == file->st_dev && open_file.st_ino == file->st_ino;
	}
	closedir(fds);
	return found;
}

/* The kernel does not tell who holds such a lock; whoever has the file open is a good answer. */
static pid_t find_holder(int fd)
{
	struct stat file;
	struct dirent *entry;
	pid_t holder = 0;
	DIR *proc;

	if (fstat(fd, &file) < 0)
		return 0;
	proc = opendir("/proc");
	if (!proc)
		return 0;
	while (holder == 0 && (entry = readdir(proc)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != getpid() && has_open(pid, &file))
			holder = (pid_t)pid;
	}
	closedir(proc);
	return holder;
}

int file_lock(int fd, bool alone, pid_t *holder)
{
	struct flock lock = {.l_type = alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	*holder = 0;
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES) {
		*holder = find_holder(fd);
		return -EBUSY;
	}
	return errno == ENOLCK || errno == EOPNOTSUPP || errno == EINVAL ? 0 : -errno;
}

void file_unlock(int fd)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	fcntl(fd, F_OFD_SETLK, &lock); /* without locks there is nothing to give back */
}
