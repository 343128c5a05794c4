/* modules.c: lines of modules.dep, "path: path path", what is needed last stands first. */
#include "vmm/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/log.h"

extern char **environ;

enum { READ_AT_ONCE = 64 << 10, WORDS_MAX = 64, MODULE_MAX = 64 << 20 };

size_t modules_name(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	const char *end;

	*name = slash ? slash + 1 : path;
	end = strstr(*name, ".ko");
	return end ? (size_t)(end - *name) + 3 : strlen(*name);
}

/* A hyphen and an underscore are the same in names of modules. */
static bool is_module(const char *path, const char *wanted)
{
	const char *name;
	size_t len = modules_name(path, &name);

	if (len != strlen(wanted) + 3)
		return false;
	for (size_t i = 0; wanted[i]; i++) {
		if ((name[i] == '-' ? '_' : name[i]) != (wanted[i] == '-' ? '_' : wanted[i]))
			return false;
	}
	return true;
}

static int append(struct module_list *list, const char *path)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (strcmp(list->paths[i], path) == 0)
			return 0;
	}
	if (list->n == MODULES_MAX)
		return -E2BIG;
	list->paths[list->n] = strdup(path);
	if (!list->paths[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

/* Cuts the line up; the module itself is its first word. */
static int take_line(struct module_list *list, char *line)
{
	char *words[WORDS_MAX], *rest;
	unsigned int n = 0;
	int err = 0;

	for (char *word = strtok_r(line, ": \n", &rest); word && n < WORDS_MAX;
	     word = strtok_r(NULL, ": \n", &rest))
		words[n++] = word;
	while (n > 0 && !err)
		err = append(list, words[--n]);
	return err;
}

static int take_module(FILE *index, const char *wanted, struct module_list *list)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	int err = 0;

	rewind(index);
	while (!found && getline(&line, &size, index) > 0) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		found = is_module(line, wanted);
		*colon = ':';
		if (found)
			err = take_line(list, line);
	}
	free(line);
	return err;
}

int modules_order(const char *folder, const char *const *names, struct module_list *list)
{
	char *path = NULL;
	FILE *index = NULL;
	int err = 0;

	if (asprintf(&path, "%s/modules.dep", folder) < 0)
		return -ENOMEM;
	index = fopen(path, "re");
	if (!index) {
		err = -errno;
		log_error(err, "modules '%s': cannot open", path);
	}
	for (; *names && !err; names++)
		err = take_module(index, *names, list);
	if (index)
		fclose(index);
	free(path);
	return err;
}

void modules_free(struct module_list *list)
{
	while (list->n)
		free(list->paths[--list->n]);
}

/* All that comes from fd. */
static int drain(int fd, void **data, size_t *len)
{
	char *buf = NULL;
	ssize_t n = 1;

	for (*len = 0; n > 0; *len += (size_t)n) {
		char *more = *len > MODULE_MAX ? NULL : realloc(buf, *len + READ_AT_ONCE);

		if (!more) {
			free(buf);
			return -ENOMEM;
		}
		buf = more;
		n = read(fd, buf + *len, READ_AT_ONCE);
		if (n < 0) {
			int err = -errno;

			free(buf);
			return err;
		}
	}
	*data = buf;
	return 0;
}

static const char *unpacker(const char *path)
{
	const char *end = strrchr(path, '.');

	if (end && strcmp(end, ".xz") == 0)
		return "xz";
	if (end && strcmp(end, ".zst") == 0)
		return "zstd";
	if (end && strcmp(end, ".gz") == 0)
		return "gzip";
	return NULL;
}

static int start(const char *program, int input, int output, pid_t *pid)
{
	char *const argv[] = {(char[]){"unpack"}, (char[]){"-dc"}, NULL};
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	if (!err)
		err = posix_spawnp(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int unpack(const char *program, int input, void **data, size_t *len)
{
	int ends[2], status = 0, err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	err = start(program, input, ends[1], &pid);
	close(ends[1]);
	if (!err) {
		err = drain(ends[0], data, len);
		close(ends[0]);
		ends[0] = -1;
		if (waitpid(pid, &status, 0) < 0 || status != 0) {
			if (!err)
				free(*data);
			err = -EIO;
		}
	}
	if (ends[0] >= 0)
		close(ends[0]);
	return err;
}

int modules_read(const char *folder, const char *path, void **data, size_t *len)
{
	const char *program = unpacker(path);
	char *whole = NULL;
	int fd, err;

	if (asprintf(&whole, "%s/%s", folder, path) < 0)
		return -ENOMEM;
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err = -errno;
	else
		err = program ? unpack(program, fd, data, len) : drain(fd, data, len);
	if (err)
		log_error(err, "module '%s': cannot %s%s", whole,
			  program ? "unpack it with " : "read", program ? program : "");
	if (fd >= 0)
		close(fd);
	free(whole);
	return err;
}
