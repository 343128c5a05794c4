/* terminal.c: stdin and stdout as the guest's console. */
#include "devices/backend/terminal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices/backend/rawmode.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	CTRL_A = 0x01,
	READ_AT_ONCE = 512,
	READS_PER_TURN = 64, /* of a file: then others on the loop have their turn */
};

/* Input: from the descriptor into the ring on the loop's thread, out of it on any. */

static size_t ring_room(struct terminal *terminal)
{
	pthread_mutex_lock(&terminal->lock);
	size_t room = TERMINAL_INPUT_SIZE - terminal->count;
	terminal->starved = room == 0;
	pthread_mutex_unlock(&terminal->lock);
	return room;
}

/* What does not fit is lost: only somebody who types faster than the guest reads gets there. */
static void ring_put(struct terminal *terminal, const uint8_t *bytes, size_t len)
{
	pthread_mutex_lock(&terminal->lock);
	for (size_t i = 0; i < len && terminal->count < TERMINAL_INPUT_SIZE; i++)
		terminal->ring[(terminal->first + terminal->count++) % TERMINAL_INPUT_SIZE] =
			bytes[i];
	pthread_mutex_unlock(&terminal->lock);
}

static size_t terminal_read(struct stream *stream, void *buf, size_t len)
{
	struct terminal *terminal = container_of(stream, struct terminal, stream);
	uint8_t *bytes = buf;
	size_t n = 0;

	pthread_mutex_lock(&terminal->lock);
	while (n < len && terminal->count > 0) {
		bytes[n++] = terminal->ring[terminal->first];
		terminal->first = (terminal->first + 1) % TERMINAL_INPUT_SIZE;
		terminal->count--;
	}
	if (terminal->starved && terminal->count <= TERMINAL_INPUT_SIZE / 2) {
		terminal->starved = false;
		loop_timer_set(&terminal->again, 1, 0);
	}
	pthread_mutex_unlock(&terminal->lock);
	return n;
}

static size_t terminal_write(struct stream *stream, const void *buf, size_t len)
{
	struct terminal *terminal = container_of(stream, struct terminal, stream);

	return outbuf_write(&terminal->out, buf, len);
}

static const struct stream_ops terminal_ops = {
	.write = terminal_write,
	.read = terminal_read,
};

static void writable(struct outbuf *out)
{
	struct terminal *terminal = container_of(out, struct terminal, out);

	stream_tell_writable(&terminal->stream);
}

/* The letter after Ctrl-A. Whether it leaves a byte for the guest. */
static bool run_command(struct terminal *terminal, uint8_t letter)
{
	switch (letter) {
	case CTRL_A:
	case 'a':
		return true;
	case 'x':
		terminal->quit(terminal);
		return false;
	default:
		log_notice("Ctrl-A x: end the machine   Ctrl-A c: this help   "
			   "Ctrl-A Ctrl-A: send Ctrl-A to the guest");
		return false;
	}
}

/* Takes the commands out of what was typed, in place; returns the length of what is left. */
static size_t filter(struct terminal *terminal, uint8_t *bytes, size_t len)
{
	size_t left = 0;

	for (size_t i = 0; i < len; i++) {
		if (terminal->command) {
			terminal->command = false;
			if (run_command(terminal, bytes[i]))
				bytes[left++] = CTRL_A;
		} else if (bytes[i] == CTRL_A) {
			terminal->command = true;
		} else {
			bytes[left++] = bytes[i];
		}
	}
	return left;
}

/* One read. A terminal is read whether there is room or not, as the commands must always work.
 * Whether there may be more at once. */
static bool read_some(struct terminal *terminal)
{
	uint8_t bytes[READ_AT_ONCE];
	size_t most = ring_room(terminal);

	if (terminal->is_terminal || most > sizeof(bytes))
		most = sizeof(bytes);
	if (most == 0) {
		loop_remove(terminal->loop, &terminal->source);
		return false;
	}

	ssize_t n = read(terminal->in_fd, bytes, most);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) {
		terminal->ended = true;
		loop_remove(terminal->loop, &terminal->source);
		return false;
	}

	size_t len = terminal->is_terminal ? filter(terminal, bytes, (size_t)n) : (size_t)n;
	ring_put(terminal, bytes, len);
	if (len > 0)
		stream_tell_readable(&terminal->stream);
	return true;
}

static void input_ready(struct loop_source *source, uint32_t events)
{
	struct terminal *terminal = container_of(source, struct terminal, source);

	(void)events;
	/* A background job that reads its terminal is stopped: wait until SIGCONT tells that we are
	 * in front. */
	if (terminal->is_terminal && rawmode_in_background(terminal->in_fd))
		loop_remove(terminal->loop, source);
	else
		read_some(terminal);
}

static void read_file(struct terminal *terminal)
{
	unsigned int reads = 0;

	while (reads < READS_PER_TURN && read_some(terminal))
		reads++;
	if (reads == READS_PER_TURN)
		loop_timer_set(&terminal->again, 1, 0);
}

/* There is room again, or we continue after a stop. */
static void look_again(struct loop_timer *timer)
{
	struct terminal *terminal = container_of(timer, struct terminal, again);

	if (!terminal->started || terminal->ended)
		return;
	if (terminal->is_terminal)
		rawmode_renew();
	if (terminal->source.added)
		return;

	int err = loop_add(terminal->loop, &terminal->source, EPOLLIN);
	if (err == -EPERM) /* regular files and /dev/null, which epoll does not watch, are always
			      ready */
		read_file(terminal);
	else if (err < 0)
		terminal->ended = true; /* no stdin at all */
}

int terminal_init(struct terminal *terminal, struct loop *loop, int in_fd, int out_fd)
{
	terminal->stream.ops = &terminal_ops;
	terminal->out.name = "stdout";
	terminal->out.writable = writable;
	terminal->in_fd = in_fd;
	terminal->is_terminal = isatty(in_fd);
	terminal->source = (struct loop_source){.fd = in_fd, .ready = input_ready};
	terminal->again = (struct loop_timer){.fired = look_again};
	pthread_mutex_init(&terminal->lock, NULL);

	int err = outbuf_init(&terminal->out, loop, out_fd);
	if (err < 0)
		return err;
	terminal->loop = loop;
	err = loop_timer_init(loop, &terminal->again);
	if (err < 0) {
		log_error(err, "terminal: cannot make a timer");
		terminal_destroy(terminal);
	}
	return err;
}

void terminal_destroy(struct terminal *terminal)
{
	if (!terminal->loop)
		return;
	terminal_stop(terminal);
	loop_timer_destroy(terminal->loop, &terminal->again);
	outbuf_destroy(&terminal->out);
	pthread_mutex_destroy(&terminal->lock);
	terminal->loop = NULL;
}

int terminal_start(struct terminal *terminal)
{
	if (terminal->started)
		return 0;
	if (terminal->is_terminal) {
		int err = rawmode_enter(terminal->in_fd, &terminal->again);

		if (err < 0) {
			log_error(err, "terminal: cannot switch to raw mode");
			return err;
		}
		log_set_raw(true);
	}
	terminal->started = true;
	loop_timer_set(&terminal->again, 1, 0);
	return 0;
}

void terminal_stop(struct terminal *terminal)
{
	if (!terminal->started)
		return;
	terminal->started = false;
	loop_remove(terminal->loop, &terminal->source);
	if (terminal->is_terminal) {
		rawmode_leave();
		log_set_raw(false);
	}
}

void terminal_flush(struct terminal *terminal, int timeout_ms)
{
	outbuf_flush(&terminal->out, timeout_ms);
}

uint64_t terminal_written(struct terminal *terminal)
{
	return outbuf_total(&terminal->out);
}

bool terminal_size(const struct terminal *terminal, uint16_t *columns, uint16_t *rows)
{
	struct winsize size;

	if (!terminal->is_terminal || ioctl(terminal->in_fd, TIOCGWINSZ, &size) < 0)
		return false;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return size.ws_col > 0 && size.ws_row > 0;
}

void terminal_winch(struct terminal *terminal)
{
	if (terminal->resized)
		terminal->resized(terminal);
}
