/* signals.h: which signals the machine's loop takes, by signalfd. */
#ifndef VMM_SIGNALS_H
#define VMM_SIGNALS_H

/*
 * Blocks SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGUSR1 and SIGUSR2 in this thread and those it makes,
 * ignores SIGPIPE, and returns a signalfd for them, owned by the caller. -errno on failure, logged.
 */
int signals_open(void);

/* Closes it and lets the signals act as before. Accepts -1. */
void signals_close(int fd);

#endif
