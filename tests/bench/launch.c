/*
 * launch.c: runs a command over and over and measures each run from just before exec: until the
 * line on its stderr that has a mark in it, and until it has ended. For scripts/bench-*.
 *
 *	launch [-k] [-m] [-o] RUNS MARK COMMAND [ARGUMENT...]
 *
 * Prints per run, in microseconds: until the mark, until the end, and the first number behind the
 * mark. -k kills the command at the mark. -o looks for the mark on its stdout. -m, for one run,
 * prints instead what the process has in memory at the mark: lines of /proc/PID/smaps and VmHWM.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run {
	pid_t pid;
	uint64_t start, mark, end; /* nanoseconds */
	unsigned long long number; /* behind the mark */
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Starts the command with its stderr or stdout in a pipe, whose other end is returned. */
static FILE *start(struct run *run, int stream, char **command)
{
	int ends[2];
	FILE *lines;

	if (pipe(ends) < 0)
		fail("pipe");
	run->start = now();
	run->pid = vfork(); /* no copy of us that would count against the command */
	if (run->pid < 0)
		fail("vfork");
	if (run->pid == 0) {
		dup2(ends[1], stream);
		close(ends[0]);
		close(ends[1]);
		execvp(command[0], command);
		_exit(127);
	}
	close(ends[1]);
	lines = fdopen(ends[0], "r");
	if (!lines)
		fail("fdopen");
	return lines;
}

static bool wait_for_mark(struct run *run, FILE *lines, const char *mark)
{
	char line[1024];

	while (fgets(line, sizeof(line), lines)) {
		const char *found = strstr(line, mark);

		if (!found)
			continue;
		run->mark = now();
		found += strlen(mark);
		found += strcspn(found, "0123456789");
		run->number = strtoull(found, NULL, 10);
		return true;
	}
	return false;
}

static void copy_file(pid_t pid, const char *name)
{
	char path[64], line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "r");
	if (!file)
		fail(path);
	while (fgets(line, sizeof(line), file))
		fputs(line, stdout);
	fclose(file);
}

static void finish(struct run *run, FILE *lines)
{
	char line[1024];

	while (fgets(line, sizeof(line), lines))
		;
	fclose(lines);
	while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
		;
	run->end = now();
}

int main(int argc, char **argv)
{
	bool kill_at_mark = false, memory = false;
	int option, stream = STDERR_FILENO;

	while ((option = getopt(argc, argv, "+kmo")) > 0) {
		kill_at_mark |= option == 'k';
		memory |= option == 'm';
		if (option == 'o')
			stream = STDOUT_FILENO;
	}
	if (argc - optind < 3) {
		fprintf(stderr, "usage: launch [-k] [-m] [-o] RUNS MARK COMMAND [ARGUMENT...]\n");
		return 2;
	}
	for (int left = atoi(argv[optind]); left > 0; left--) {
		struct run run = {0};
		FILE *lines = start(&run, stream, argv + optind + 2);

		if (!wait_for_mark(&run, lines, argv[optind + 1])) {
			fprintf(stderr, "launch: %s said nothing with '%s'\n", argv[optind + 2],
				argv[optind + 1]);
			return 1;
		}
		if (memory) {
			copy_file(run.pid, "smaps");
			copy_file(run.pid, "status");
		}
		if (kill_at_mark)
			kill(run.pid, SIGKILL);
		finish(&run, lines);
		if (!memory)
			printf("%llu %llu %llu\n",
			       (unsigned long long)(run.mark - run.start) / 1000,
			       (unsigned long long)(run.end - run.start) / 1000, run.number);
	}
	return 0;
}
