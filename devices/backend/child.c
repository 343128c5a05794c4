/* child.c: posix_spawn, a pipe for its stderr, a pidfd for its end. */
#include "devices/backend/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"

extern char **environ;

static int spawn(char *const argv[], int fd, int out, int stderr_fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, ignored;
	int err;

	/* Our signals are blocked for a signalfd, and SIGPIPE is ignored: the child gets none of
	 * that. */
	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &ignored);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
	if (fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
	err = -posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return err;
}

/* Cuts what came in into lines; partial holds the beginning of the one that is not complete. */
struct lines {
	char partial[CHILD_LINE_SIZE];
	size_t len;
	char *last;
};

static void end_line(struct lines *lines)
{
	lines->partial[lines->len] = '\0';
	if (lines->len) {
		memcpy(lines->last, lines->partial, lines->len + 1);
		log_verbose("%s", lines->partial);
	}
	lines->len = 0;
}

static void take(struct lines *lines, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\n')
			end_line(lines);
		else if ((unsigned char)buf[i] >= ' ' && lines->len < sizeof(lines->partial) - 1)
			lines->partial[lines->len++] = buf[i];
	}
}

/* Takes what is in the pipe now. False: nobody can write to it any more. */
static bool drain(int fd, struct lines *lines)
{
	char buf[512];
	ssize_t len;

	while ((len = read(fd, buf, sizeof(buf))) > 0)
		take(lines, buf, (size_t)len);
	return len < 0;
}

/*
 * Until the program has ended; what it leaves in the background may keep the pipe. 0 or -errno.
 */
static int wait_for(pid_t pid, int fd, int timeout_ms, struct lines *lines)
{
	int64_t deadline = (int64_t)monotonic_ms() + timeout_ms;
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.events = POLLIN}};
	int err = 0;

	fds[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fds[1].fd < 0)
		return -errno;
	while (!err && !fds[1].revents) {
		int64_t left = timeout_ms < 0 ? -1 : deadline - (int64_t)monotonic_ms();

		if (timeout_ms >= 0 && left <= 0)
			err = -ETIMEDOUT;
		else if (poll(fds, 2, (int)left) > 0 && fds[0].revents && !drain(fd, lines))
			fds[0].fd = -1;
	}
	if (fds[0].fd >= 0)
		drain(fd, lines);
	end_line(lines);
	close(fds[1].fd);
	return err;
}

int child_run(char *const argv[], int fd, int timeout_ms, char line[static CHILD_LINE_SIZE])
{
	return child_run_output(argv, fd, -1, 0, timeout_ms, line);
}

int child_run_output(char *const argv[], int fd, int out, uint64_t most, int timeout_ms,
		     char line[static CHILD_LINE_SIZE])
{
	const struct rlimit limit = {most, most};
	struct lines lines = {.last = line};
	int status = 0;
	int pipe_fds[2];
	pid_t pid;
	int err;

	line[0] = '\0';
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	err = spawn(argv, fd, out, pipe_fds[1], &pid);
	close(pipe_fds[1]);
	/* By its number, since our own limit would be that of all our threads. */
	if (!err && most)
		prlimit(pid, RLIMIT_FSIZE, &limit, NULL);
	if (!err) {
		err = wait_for(pid, pipe_fds[0], timeout_ms, &lines);
		if (err)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(pipe_fds[0]);
	if (err)
		return err;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
