/* killed.c: ptrace(2) stops a child twice for each system call: before it, and behind it. */
#include "tests/fake/killed.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t start(void (*fn)(void *arg), void *arg)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child > 0)
		return child;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(1);
	raise(SIGSTOP);
	fn(arg);
	_exit(0);
}

/* Until it stops for a system call; false: it ended. */
static bool go_on(pid_t child)
{
	int status, signal = 0;

	do {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)signal), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSTOPPED(status))
			return false;
		signal = WSTOPSIG(status);
	} while (signal != (SIGTRAP | 0x80));
	return true;
}

bool killed_before_call(unsigned int call, void (*fn)(void *arg), void *arg)
{
	pid_t child = start(fn, arg);
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSTOPPED(status))
		skip();
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL,
				(void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
			 0);
	for (unsigned int stops = 0; stops <= 2 * call; stops++) {
		if (!go_on(child))
			return false;
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return true;
}
