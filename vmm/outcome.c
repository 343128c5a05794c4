/* outcome.c: one table says which status stands for what. */
#include "vmm/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/uuid.h"

static const struct {
	const char *name;
	int status; /* -1: from the value */
} kinds[] = {
	[OUTCOME_NONE] = {"none", 0},
	[OUTCOME_POWEROFF] = {"poweroff", 0},
	[OUTCOME_DEBUG_EXIT] = {"debug-exit", -1},
	[OUTCOME_HOST] = {"host-error", 1},
	[OUTCOME_RESET] = {"reset", 120},
	[OUTCOME_CRASH] = {"crash", 121},
	[OUTCOME_PANIC] = {"panic", 122},
	[OUTCOME_TIMEOUT] = {"timeout", 124},
	[OUTCOME_SIGNAL] = {"signal", -1},
};

int outcome_status(const struct outcome *outcome)
{
	switch (outcome->kind) {
	case OUTCOME_DEBUG_EXIT:
		return outcome->value > 255 ? 255 : (int)outcome->value;
	case OUTCOME_SIGNAL:
		return 128 + (int)outcome->value;
	default:
		return kinds[outcome->kind].status;
	}
}

static int write_object(const struct outcome *outcome, const struct uuid *uuid, FILE *file)
{
	char text[UUID_TEXT_SIZE];

	fprintf(file, "{\"outcome\": \"%s\", \"status\": %d", kinds[outcome->kind].name,
		outcome_status(outcome));
	if (outcome->kind == OUTCOME_DEBUG_EXIT)
		fprintf(file, ", \"value\": %u", outcome->value);
	if (outcome->kind == OUTCOME_SIGNAL)
		fprintf(file, ", \"signal\": %u", outcome->value);
	if (uuid) {
		uuid_format(uuid, text);
		fprintf(file, ", \"uuid\": \"%s\"", text);
	}
	fprintf(file, "}\n");
	return ferror(file) ? -EIO : 0;
}

/* A device or a pipe is written to: root could replace it. So is what we cannot look at. */
static bool may_replace(const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int write_to(const struct outcome *outcome, const struct uuid *uuid, int fd)
{
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	int err;

	if (!file) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = write_object(outcome, uuid, file);
	if (fclose(file) != 0 && !err)
		err = -errno;
	return err;
}

static int write_new(const struct outcome *outcome, const struct uuid *uuid, const char *path)
{
	char *temporary = NULL;
	int fd, err;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd >= 0)
		fchmod(fd, 0644);
	err = write_to(outcome, uuid, fd);
	if (!err && rename(temporary, path) < 0)
		err = -errno;
	if (err && fd >= 0)
		unlink(temporary);
	free(temporary);
	return err;
}

int outcome_write(const struct outcome *outcome, const struct uuid *uuid, const char *path)
{
	char *target = realpath(path, NULL); /* a link stays one; NULL: there is nothing yet */
	int err;

	if (may_replace(path))
		err = write_new(outcome, uuid, target ? target : path);
	else
		err = write_to(outcome, uuid,
			       open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0644));
	if (err)
		log_error(err, "--status-file '%s': cannot write", path);
	free(target);
	return err;
}
