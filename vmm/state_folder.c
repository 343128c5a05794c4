/* state_folder.c: folders made, claimed, written and cleared. */
#include "vmm/state_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/host_keys.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum { ATTEMPTS = 100 };

static const char lock_file[] = "lock";
static const char new_file[] = "new";	  /* one that is being written */
static const char disks_file[] = "disks"; /* names of those that were made for the machine */

/* All that minivmm puts there besides: whatever else is found is somebody's who put it there. */
static const char *const own_files[] = {new_file, HOST_KEYS_MADE, HOST_KEYS_MADE ".pub",
					STATE_RECORD};

char *state_folder_base(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int n;

	if (state && *state == '/') /* a relative one is to be ignored */
		n = asprintf(&path, "%s/minivmm", state);
	else if (geteuid() == 0)
		n = asprintf(&path, "/var/lib/minivmm");
	else if (home && *home == '/')
		n = asprintf(&path, "%s/.local/state/minivmm", home);
	else {
		log_error(0, "neither XDG_STATE_HOME nor HOME tells where machines are kept");
		return NULL;
	}
	return n < 0 ? NULL : path;
}

static int init(struct state_folder *folder, const char *name)
{
	char *base = state_folder_base();

	*folder = (struct state_folder){.fd = -1, .claim.fd = -1};
	if (!base)
		return -EINVAL;
	if (asprintf(&folder->path, "%s/%s", base, name) < 0)
		folder->path = NULL;
	free(base);
	return folder->path ? 0 : -ENOMEM;
}

static int failed(struct state_folder *folder, int err, const char *what)
{
	log_error(err, "'%s': %s", folder->path, what);
	state_folder_close(folder);
	return err;
}

int state_folder_open(struct state_folder *folder, const char *name)
{
	int err = init(folder, name);

	if (err)
		return err;
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder->fd >= 0)
		return 0;
	if (errno == ENOENT) {
		state_folder_close(folder);
		return -ENOENT;
	}
	return failed(folder, -errno, "cannot open");
}

/* As mkdir -p; those that are made are the user's alone. */
static int make_folders(const char *path)
{
	char *prefix = strdup(path);
	int err = prefix ? 0 : -ENOMEM;

	for (char *slash = prefix; !err && slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(prefix, 0700) < 0)
			err = -errno;
		if (err == -EEXIST || (err == -EROFS && access(prefix, F_OK) == 0))
			err = 0;
		if (slash)
			*slash = '/';
	}
	free(prefix);
	return err;
}

/* Whoever had it may have removed it while it was opened. */
static bool is_current(const struct state_folder *folder)
{
	struct stat named, opened;

	return lstat(folder->path, &named) == 0 && fstat(folder->fd, &opened) == 0 &&
	       named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* -ENOENT: it vanished meanwhile. */
static int try_to_take(struct state_folder *folder, bool shared, const struct holder *self,
		       struct holder *other)
{
	int err = shared ? 0 : make_folders(folder->path);

	if (err)
		return err;
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder->fd < 0)
		return -errno;
	err = claim_take(&folder->claim, folder->fd, lock_file, shared, self, other);
	if (!err && !is_current(folder)) {
		claim_release(&folder->claim);
		err = -ENOENT;
	}
	if (err) {
		close(folder->fd);
		folder->fd = -1;
		rmdir(folder->path); /* only if it is empty */
	}
	return err;
}

static int take(struct state_folder *folder, const char *name, bool shared)
{
	struct holder self = {.pid = getpid()}, other;
	int err = init(folder, name);

	if (err)
		return err;
	if (strlen(name) < sizeof(self.name))
		strcpy(self.name, name);
	err = -ENOENT;
	for (int i = 0; i < ATTEMPTS && err == -ENOENT; i++)
		err = try_to_take(folder, shared, &self, &other);
	if (!err)
		return 0;
	if (err == -ENOENT && shared) {
		state_folder_close(folder);
		return err;
	}
	if (err != -EBUSY)
		return failed(folder, err, "cannot be made or locked");
	if (other.pid)
		log_error(0, "machine '%s': in use by process %d", name, (int)other.pid);
	else
		log_error(0, "machine '%s': in use", name);
	state_folder_close(folder);
	return err;
}

int state_folder_take(struct state_folder *folder, const char *name)
{
	return take(folder, name, false);
}

int state_folder_share(struct state_folder *folder, const char *name)
{
	return take(folder, name, true);
}

void state_folder_close(struct state_folder *folder)
{
	if (folder->path && folder->claim.fd >= 0) {
		claim_release(&folder->claim);
		rmdir(folder->path); /* only if it is empty */
	}
	if (folder->path && folder->fd >= 0)
		close(folder->fd);
	free(folder->path);
	*folder = (struct state_folder){.fd = -1, .claim.fd = -1};
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int state_folder_write(const struct state_folder *folder, const char *file, const char *text,
		       size_t len)
{
	int fd = openat(folder->fd, new_file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int err = fd < 0 ? -errno : write_all(fd, text, len);

	if (fd >= 0)
		close(fd);
	if (!err && renameat(folder->fd, new_file, folder->fd, file) < 0)
		err = -errno;
	if (!err && fsync(folder->fd) < 0)
		err = -errno;
	if (err) {
		log_error(err, "'%s/%s': cannot write", folder->path, file);
		unlinkat(folder->fd, new_file, 0);
	}
	return err;
}

/* The disks, a line each. One that has gone already is no error. */
static int remove_disks(const struct state_folder *folder)
{
	int fd = openat(folder->fd, disks_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int err = 0;

	if (!list)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (len = getline(&line, &size, list)) > 0) {
		if (line[len - 1] != '\n' || (line[0] != '/' && strchr(line, '/')))
			continue;
		line[len - 1] = '\0';
		if (unlinkat(folder->fd, line, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
			err = -errno;
	}
	free(line);
	fclose(list);
	return err;
}

int state_folder_clear(const struct state_folder *folder)
{
	int err = remove_disks(folder);

	for (size_t i = 0; i < ARRAY_SIZE(own_files) && !err; i++) {
		if (unlinkat(folder->fd, own_files[i], 0) < 0 && errno != ENOENT)
			err = -errno;
	}
	/* The list last: what it names is only forgotten when it is gone. */
	if (!err && unlinkat(folder->fd, disks_file, 0) < 0 && errno != ENOENT)
		err = -errno;
	if (err)
		log_error(err, "'%s': cannot remove what is in it", folder->path);
	return err;
}

int state_folder_list_disks(const struct state_folder *folder, char *const *paths, unsigned int n)
{
	char *text = NULL;
	size_t len;
	FILE *list = open_memstream(&text, &len);
	int err;

	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		fprintf(list, "%s\n", paths[i]);
	err = fclose(list) ? -ENOMEM : state_folder_write(folder, disks_file, text, len);
	free(text);
	return err;
}

bool state_folder_has_record(const struct state_folder *folder)
{
	return faccessat(folder->fd, STATE_RECORD, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int is_name(const struct dirent *entry)
{
	return identity_hostname_valid(entry->d_name);
}

/* Folders that a machine came of: an interrupted clone's has no record. */
static bool is_machine(const char *name)
{
	struct state_folder folder;
	bool found;

	if (state_folder_open(&folder, name) < 0)
		return false;
	found = state_folder_has_record(&folder);
	state_folder_close(&folder);
	return found;
}

char **state_folder_names(void)
{
	char *base = state_folder_base();
	struct dirent **entries = NULL;
	char **names;
	int n, kept = 0;

	if (!base)
		return NULL;
	n = scandir(base, &entries, is_name, alphasort);
	if (n < 0 && errno != ENOENT) {
		log_error(-errno, "'%s': cannot read", base);
		free(base);
		return NULL;
	}
	free(base);
	n = n < 0 ? 0 : n;
	names = calloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (names && is_machine(entries[i]->d_name))
			names[kept++] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return names;
}

void state_folder_names_free(char **names)
{
	for (char **name = names; names && *name; name++)
		free(*name);
	free(names);
}
