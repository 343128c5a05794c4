/* machine_host_keys.c: the host's ssh-keygen makes it. */
#include "vmm/machine_host_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/backend/child.h"
#include "vmm/host_keys.h"
#include "vmm/log.h"

/* A client that was told of the key is to find it after a power failure, too. */
static int sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int sync_key(const char *folder, const char *path, const char *public_path)
{
	int err = sync_path(path);

	if (!err)
		err = sync_path(public_path);
	if (!err)
		err = sync_path(folder);
	if (err)
		log_error(err, "SSH host key '%s': cannot write", path);
	return err;
}

/* What is left of one that was not finished goes: ssh-keygen would ask about it. */
static int make_key(const char *path, const char *public_path, const char *hostname)
{
	char line[CHILD_LINE_SIZE], *comment;
	int status;

	if ((unlink(path) < 0 && errno != ENOENT) || (unlink(public_path) < 0 && errno != ENOENT))
		return -errno;
	if (asprintf(&comment, "root@%s", hostname) < 0)
		return -ENOMEM;

	char *const argv[] = {"ssh-keygen", "-q", "-t",	   "ed25519", "-N",
			      "",	    "-C", comment, "-f",      (char *)(uintptr_t)path,
			      NULL};

	status = child_run(argv, -1, -1, line);
	free(comment);
	if (status > 0) {
		log_error(0, "ssh-keygen '%s': %s", path, line[0] ? line : "failed");
		return -EIO;
	}
	if (status < 0 && status != -ENOENT)
		log_error(status, "ssh-keygen: cannot run it");
	return status;
}

int machine_host_keys_make(const char *folder, const char *hostname)
{
	char *path, *public_path;
	int err = -ENOMEM;

	if (host_keys_are_in(folder))
		return 0;
	if (asprintf(&path, "%s/%s", folder, HOST_KEYS_MADE) < 0)
		return err;
	if (asprintf(&public_path, "%s.pub", path) >= 0) {
		err = make_key(path, public_path, hostname);
		if (!err)
			err = sync_key(folder, path, public_path);
		free(public_path);
	}
	free(path);
	return err;
}
