/*
 * terminal.h: the host's side of the guest's console: stdin and stdout, a terminal or not.
 *
 * A terminal is raw between terminal_start() and terminal_stop(), and is put back whatever ends the
 * process, short of SIGKILL. There Ctrl-A begins a command: x ends the run, c shows the commands, a
 * or Ctrl-A sends Ctrl-A. What is not a terminal passes all bytes unchanged, and its end does not
 * stop anything. Output holds the guest's bytes only.
 */
#ifndef DEVICES_BACKEND_TERMINAL_H
#define DEVICES_BACKEND_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "devices/backend/outbuf.h"
#include "devices/backend/stream.h"
#include "vmm/loop.h"

enum { TERMINAL_INPUT_SIZE = 4096 };

struct terminal {
	struct stream stream;			    /* what the console device uses */
	void (*quit)(struct terminal *terminal);    /* Ctrl-A x; set by the owner; loop thread */
	void (*resized)(struct terminal *terminal); /* the window changed; or NULL; loop thread */

	struct outbuf out;
	struct loop *loop;	   /* borrowed */
	int in_fd;		   /* borrowed; others may share it: never made non-blocking */
	bool is_terminal;	   /* constant after start */
	bool started;		   /* loop thread, as the next five */
	bool ended;		   /* end of file or an error: nothing more will come */
	bool command;		   /* Ctrl-A was typed, its letter not yet */
	struct loop_source source; /* on the loop while there is room for input */
	struct loop_timer again;   /* looks at the input when the source does not */

	pthread_mutex_t lock; /* guards the rest */
	uint8_t ring[TERMINAL_INPUT_SIZE];
	size_t first, count;
	bool starved; /* there was no room for more: again is set when there is */
};

/* quit must be set before. Neither descriptor is changed or closed. 0 or -errno, logged. */
int terminal_init(struct terminal *terminal, struct loop *loop, int in_fd, int out_fd);
/* Stops, and does not flush. Accepts a zeroed struct. */
void terminal_destroy(struct terminal *terminal);

/* Raw mode, if in_fd is a terminal, and input from now on. Loop thread, or before it runs. 0 or
 * -errno. */
int terminal_start(struct terminal *terminal);
void terminal_stop(struct terminal *terminal); /* restores; twice is fine */

/* Waits until everything written has gone out, at most timeout_ms. Loop thread, with the loop not
 * running. */
void terminal_flush(struct terminal *terminal, int timeout_ms);

/* Bytes the guest has written so far. Any thread. */
uint64_t terminal_written(struct terminal *terminal);

/* Columns and rows of the window; false where there is no window. */
bool terminal_size(const struct terminal *terminal, uint16_t *columns, uint16_t *rows);
/* SIGWINCH came: calls resized(). Loop thread. */
void terminal_winch(struct terminal *terminal);

#endif
