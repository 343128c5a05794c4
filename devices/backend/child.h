/* child.h: runs a program to its end: a script of the user's, or one that goes into
 * the background. */
#ifndef DEVICES_BACKEND_CHILD_H
#define DEVICES_BACKEND_CHILD_H

#include <stdint.h>

enum { CHILD_FD = 3, CHILD_LINE_SIZE = 200 };

/*
 * Runs argv[0] (searched for in PATH unless it has a slash), with fd, if not -1, as its descriptor
 * CHILD_FD and /dev/null as its input and output, until it ends. What it writes to stderr goes to
 * log_verbose(); line gets the last one of it that is not empty. Its exit status, 128 and the
 * signal that killed it, or -errno: -ENOENT where there is no such program, -ETIMEDOUT when it was
 * killed after timeout_ms (-1: as long as it takes). For start-up: it blocks.
 */
int child_run(char *const argv[], int fd, int timeout_ms, char line[static CHILD_LINE_SIZE]);

/* The same with out, if not -1, as its standard output. Who writes behind the first most bytes of
 * any file (0: nobody minds) is killed by SIGXFSZ. */
int child_run_output(char *const argv[], int fd, int out, uint64_t most, int timeout_ms,
		     char line[static CHILD_LINE_SIZE]);

#endif
