/* machine_host_keys.c: the host's ssh-keygen makes it. */
#include "vmm/machine_host_keys.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/backend/child.h"
#include "vmm/host_keys.h"
#include "vmm/log.h"

/* ssh-keygen writes the public half last: without it the key is not complete. */
static int make_key(const char *path, const char *public_path, const char *hostname)
{
	char line[CHILD_LINE_SIZE], *comment;
	int status;

	if (access(public_path, F_OK) == 0)
		return 0;
	if (unlink(path) < 0 && errno != ENOENT)
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

	if (asprintf(&path, "%s/%s", folder, HOST_KEYS_MADE) < 0)
		return err;
	if (asprintf(&public_path, "%s.pub", path) >= 0) {
		err = make_key(path, public_path, hostname);
		free(public_path);
	}
	free(path);
	return err;
}
