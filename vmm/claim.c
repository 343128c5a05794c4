/* claim.c: open file description locks (fcntl(2)) on files that are made and removed safely. */
#include "vmm/claim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/ofd_lock.h"

enum { ATTEMPTS = 200, CONTENT_SIZE = 256, WAIT_MS = 500 };

static const int open_flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/* Does the name still lead to what was opened? Its last holder may have removed it meanwhile. */
static bool is_current(int folder, const char *file, int fd)
{
	struct stat named, opened;

	return fstatat(folder, file, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &opened) == 0 &&
	       named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/*
 * Never O_CREAT on a file that exists: with fs.protected_regular the kernel refuses that where the
 * file is another user's (proc_sys_fs(5)).
 */
static int open_file(int folder, const char *file)
{
	struct stat status;
	int fd = openat(folder, file, open_flags);

	if (fd < 0 && errno == ENOENT) {
		mode_t mask = umask(0); /* a lock for writing asks for a file open for it */

		fd = openat(folder, file, open_flags | O_CREAT | O_EXCL, 0666);
		umask(mask);
	}
	if (fd < 0)
		return errno == EEXIST ? -ENOENT : -errno;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink > 1) {
		close(fd); /* somebody wants us to write elsewhere */
		return -EPERM;
	}
	return fd;
}

static void write_holder(int fd, const struct holder *self)
{
	char text[CONTENT_SIZE];
	int len = snprintf(text, sizeof(text), "%d %s %s\n", (int)self->pid,
			   self->uuid[0] ? self->uuid : "-", self->name[0] ? self->name : "-");

	/* What does not fit on the file system is missing in a message of somebody else's. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) < 0)
		log_verbose("cannot say in a claim who has it");
}

static void read_holder(int fd, struct holder *holder)
{
	char text[CONTENT_SIZE], uuid[UUID_TEXT_SIZE], name[IDENTITY_NAME_SIZE];
	struct uuid parsed;
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	int pid;

	*holder = (struct holder){0};
	text[len > 0 ? len : 0] = '\0';
	if (sscanf(text, "%d %36s %63s", &pid, uuid, name) != 3 || pid <= 0)
		return;
	holder->pid = pid;
	if (uuid_parse(&parsed, uuid) == 0)
		uuid_format(&parsed, holder->uuid);
	if (identity_hostname_valid(name))
		strcpy(holder->name, name);
}

/*
 * One attempt: -ENOENT when the file vanished under it. Whoever removes a file has it locked for a
 * moment, and whoever takes it has it before it says so: only what is busy for a while has
 * somebody.
 */
static int try_to_take(struct claim *claim, bool shared, const struct holder *self,
		       struct holder *other)
{
	int fd = open_file(claim->folder, claim->file);
	bool alone;
	int err;

	claim->fd = fd;
	if (fd < 0)
		return fd;
	err = ofd_lock(fd, F_WRLCK, 0);
	alone = !err || !shared;
	if (err == -EBUSY)
		err = ofd_lock(fd, alone ? F_WRLCK : F_RDLCK, WAIT_MS);
	if (err == -EBUSY)
		read_holder(fd, other);
	if ((!err || err == -EBUSY) && !is_current(claim->folder, claim->file, fd))
		return -ENOENT;
	if (err || !alone)
		return err;
	write_holder(fd, self);
	return shared ? ofd_lock(fd, F_RDLCK, 0) : 0;
}

int claim_take(struct claim *claim, int folder, const char *file, bool shared,
	       const struct holder *self, struct holder *other)
{
	int err = -ENOENT;

	*claim = (struct claim){.folder = folder, .fd = -1};
	snprintf(claim->file, sizeof(claim->file), "%s", file);
	*other = (struct holder){0};
	for (int i = 0; i < ATTEMPTS && err == -ENOENT; i++) {
		err = try_to_take(claim, shared, self, other);
		if (err && claim->fd >= 0)
			close(claim->fd);
	}
	if (err)
		claim->fd = -1;
	return err;
}

void claim_release(struct claim *claim)
{
	if (claim->fd < 0)
		return;
	/* Only who has it alone may remove it. Where the folder's stickiness forbids it, the file
	 * stays and means nothing. */
	if (ofd_lock(claim->fd, F_WRLCK, 0) == 0 &&
	    is_current(claim->folder, claim->file, claim->fd))
		unlinkat(claim->folder, claim->file, 0);
	close(claim->fd);
	claim->fd = -1;
}

bool claim_held(int folder, const char *file, struct holder *holder)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool held;

	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (held)
		read_holder(fd, holder);
	close(fd);
	return held;
}

/* A file that nobody has locked, of ours or for root of anybody's. */
static void remove_stale(int folder, const char *file)
{
	struct stat status;
	int fd = openat(folder, file, open_flags);

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && (geteuid() == 0 || status.st_uid == geteuid()) &&
	    ofd_lock(fd, F_WRLCK, 0) == 0 && is_current(folder, file, fd))
		unlinkat(folder, file, 0);
	close(fd);
}

void claim_sweep(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (entries && (entry = readdir(entries)) != NULL) {
		if (entry->d_name[0] != '.')
			remove_stale(folder, entry->d_name);
	}
	if (entries)
		closedir(entries);
}

/* A folder where everybody makes files, and only removes their own: from its first moment on, or
 * who comes a moment later would go elsewhere. */
static int open_folder(const char *path)
{
	mode_t mask = umask(0);
	struct stat status;
	int fd;

	mkdir(path, 01777);
	umask(mask);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0 || ((status.st_mode & 0022) && !(status.st_mode & S_ISVTX)) ||
	    faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

int claim_folder_open(void)
{
	static const char *const paths[] = {"/run/lock/minivmm", "/tmp/minivmm-claims"};
	const char *asked = getenv("MINIVMM_CLAIMS");
	const char *first = asked && *asked == '/' ? asked : paths[0];
	int err, fd = open_folder(first);

	if (fd >= 0)
		return fd;
	err = fd;
	if (first == paths[0])
		fd = open_folder(paths[1]);
	if (fd < 0)
		log_error(err, "'%s': cannot keep there which ids are in use", first);
	return fd < 0 ? err : fd;
}

void holder_format(const struct holder *holder, char text[HOLDER_TEXT_SIZE])
{
	size_t used;

	if (holder->name[0])
		snprintf(text, HOLDER_TEXT_SIZE, "machine '%s'", holder->name);
	else if (holder->uuid[0])
		snprintf(text, HOLDER_TEXT_SIZE, "machine %s", holder->uuid);
	else
		snprintf(text, HOLDER_TEXT_SIZE, "another machine");
	used = strlen(text);
	if (holder->pid)
		snprintf(text + used, HOLDER_TEXT_SIZE - used, " (process %d)", (int)holder->pid);
}
