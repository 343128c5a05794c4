/*
 * rawmode.h: a terminal in raw mode, put back however the process ends or stops: by itself, by
 * abort(), by a fault, by a signal that nobody else takes, by SIGTSTP. SIGKILL alone leaves it raw.
 *
 * There is one such terminal in a process, as there is one set of signal handlers.
 */
#ifndef DEVICES_BACKEND_RAWMODE_H
#define DEVICES_BACKEND_RAWMODE_H

#include <stdbool.h>

#include "vmm/loop.h"

/*
 * Saves the modes of the terminal fd and makes it raw, or leaves it alone for now if we are in the
 * background. After each SIGCONT the timer fires at once, for a call of rawmode_renew(). Main
 * thread. 0 or -errno.
 */
int rawmode_enter(int fd, struct loop_timer *continued);

/* Raw again, if we are in front: the shell may have changed it while we were stopped. */
void rawmode_renew(void);

/* Puts terminal and signal handlers back as they were. */
void rawmode_leave(void);

/* Whether somebody else has the terminal: reading it would stop us. */
bool rawmode_in_background(int fd);

#endif
