/* killed.h: kill -9 at a place that is the same in every run. */
#ifndef TESTS_FAKE_KILLED_H
#define TESTS_FAKE_KILLED_H

#include <stdbool.h>

/*
 * Runs fn(arg) in a process of its own, which is killed before its system call number call (from 0)
 * is made. False: it ended before it made so many. Skips the test where no process may be traced.
 */
bool killed_before_call(unsigned int call, void (*fn)(void *arg), void *arg);

#endif
