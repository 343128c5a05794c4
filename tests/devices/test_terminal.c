/* test_terminal.c: devices/backend/terminal.c and rawmode.c, on pipes, files and pseudo-terminals.
 */
#include "devices/backend/terminal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/rawmode.h"
#include "vmm/util.h"

static struct loop loop;
static struct terminal terminal;

/* The device behind the terminal: reads what comes and stops the loop when it has enough. */
static struct user {
	struct stream_client client;
	uint8_t got[200000];
	size_t len, wanted;
	bool idle; /* does not read */
	unsigned int quits, resizes;
} user;

static void readable(struct stream_client *client)
{
	size_t n;

	(void)client;
	if (user.idle)
		return;
	while ((n = stream_read(&terminal.stream, user.got + user.len, 100)) > 0)
		user.len += n;
	if (user.len >= user.wanted)
		loop_stop(&loop);
}

static void quit(struct terminal *which)
{
	(void)which;
	user.quits++;
	loop_stop(&loop);
}

static void resized(struct terminal *which)
{
	(void)which;
	user.resizes++;
}

static int set_up(void **state)
{
	(void)state;
	alarm(30);
	memset(&user, 0, sizeof(user));
	memset(&terminal, 0, sizeof(terminal));
	assert_int_equal(loop_init(&loop), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	terminal_destroy(&terminal);
	loop_destroy(&loop);
	return 0;
}

static void start(int in_fd, int out_fd)
{
	user.client.readable = readable;
	terminal.quit = quit;
	terminal.resized = resized;
	assert_int_equal(terminal_init(&terminal, &loop, in_fd, out_fd), 0);
	terminal.stream.client = &user.client;
	assert_int_equal(terminal_start(&terminal), 0);
}

static void run_until(size_t wanted)
{
	user.wanted = wanted;
	while (user.len < wanted)
		assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(user.len, wanted);
}

static void open_pty(int *master, int *slave)
{
	char name[64];

	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*master >= 0);
	assert_int_equal(grantpt(*master), 0);
	assert_int_equal(unlockpt(*master), 0);
	assert_int_equal(ptsname_r(*master, name, sizeof(name)), 0);
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*slave >= 0);
}

static bool is_raw(int fd)
{
	struct termios modes;

	assert_int_equal(tcgetattr(fd, &modes), 0);
	return !(modes.c_lflag & (ICANON | ECHO | ISIG)) && !(modes.c_oflag & OPOST);
}

static void assert_same_modes(const struct termios *a, const struct termios *b)
{
	assert_int_equal(a->c_iflag, b->c_iflag);
	assert_int_equal(a->c_oflag, b->c_oflag);
	assert_int_equal(a->c_cflag, b->c_cflag);
	assert_int_equal(a->c_lflag, b->c_lflag);
	assert_memory_equal(a->c_cc, b->c_cc, sizeof(a->c_cc));
}

static int temporary_file(const char *contents, size_t len)
{
	char path[] = "/tmp/test_terminal.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, contents, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void a_pipe_passes_all_bytes_unchanged(void **state)
{
	static const char bytes[] = "\x01x\x01"
				    "c\x01\x01\0\x04\x1c\r\nend";
	int in[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	start(in[0], null);
	assert_int_equal(write(in[1], bytes, sizeof(bytes)), sizeof(bytes));
	run_until(sizeof(bytes));
	assert_memory_equal(user.got, bytes, sizeof(bytes));
	assert_int_equal(user.quits, 0);
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	close(in[0]);
	close(in[1]);
	close(null);
}

static void other_work(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(&loop);
}

/* The loop has to go on after the end of the input: another source must still be served, and it
 * must not spin. */
static void the_end_of_input_stops_nothing(void **state)
{
	static const char *const inputs[] = {"/dev/null", "/dev/zero", NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (const char *const *input = inputs; *input; input++) {
		struct loop_timer timer = {.fired = other_work};
		int fd = open(*input, O_RDONLY | O_CLOEXEC);

		start(fd, null);
		assert_int_equal(loop_timer_init(&loop, &timer), 0);
		user.idle = true;
		loop_timer_set(&timer, 1000000, 0);
		assert_int_equal(loop_run(&loop), 0);
		assert_false(terminal.source.added);
		loop_timer_destroy(&loop, &timer);
		close(fd);
		tear_down(state);
		set_up(state);
	}

	int in[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	start(in[0], null);
	assert_int_equal(write(in[1], "last", 4), 4);
	close(in[1]);
	run_until(4);

	struct loop_timer timer = {.fired = other_work};

	assert_int_equal(loop_timer_init(&loop, &timer), 0);
	loop_timer_set(&timer, 1000000, 0);
	assert_int_equal(loop_run(&loop), 0);
	assert_true(terminal.ended);
	loop_timer_destroy(&loop, &timer);
	close(in[0]);
	close(null);
}

static void a_file_is_read_as_the_guest_takes_it(void **state)
{
	static char contents[150000];
	int fd, null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(contents); i++)
		contents[i] = (char)(i * 7 + i / 251);
	fd = temporary_file(contents, sizeof(contents));
	start(fd, null);
	run_until(sizeof(contents));
	assert_memory_equal(user.got, contents, sizeof(contents));
	close(fd);
	close(null);
}

struct neighbour {
	struct loop_source source;
	unsigned int turns;
};

static void take_turn(struct loop_source *source, uint32_t events)
{
	(void)events;
	container_of(source, struct neighbour, source)->turns++;
}

static void a_large_file_takes_turns_with_the_rest_of_the_loop(void **state)
{
	static char contents[150000];
	struct neighbour neighbour = {
		.source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = take_turn}};
	int fd = temporary_file(contents, sizeof(contents));
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(loop_add(&loop, &neighbour.source, EPOLLIN), 0);
	start(fd, null);
	run_until(sizeof(contents));
	assert_true(neighbour.turns >= 4);
	loop_remove(&loop, &neighbour.source);
	close(neighbour.source.fd);
	close(fd);
	close(null);
}

static void a_pipe_waits_while_the_guest_does_not_read(void **state)
{
	static char contents[50000];
	int in[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct loop_timer timer = {.fired = other_work};

	(void)state;
	memset(contents, 'w', sizeof(contents));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], contents, sizeof(contents)), sizeof(contents));
	user.idle = true;
	start(in[0], null);
	assert_int_equal(loop_timer_init(&loop, &timer), 0);
	loop_timer_set(&timer, 1000000, 0);
	while (terminal.count < TERMINAL_INPUT_SIZE) {
		loop_timer_set(&timer, 1000000, 0);
		assert_int_equal(loop_run(&loop), 0);
	}
	user.idle = false;
	readable(&user.client);
	run_until(sizeof(contents));
	loop_timer_destroy(&loop, &timer);
	close(in[0]);
	close(in[1]);
	close(null);
}

static void output_reaches_stdout_and_nothing_else_does(void **state)
{
	int in[2], out[2];
	char text[64] = "";

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	start(in[0], out[1]);
	assert_int_equal(stream_write(&terminal.stream, "hello\n", 6), 6);
	terminal_flush(&terminal, 1000);
	assert_int_equal(terminal_written(&terminal), 6);
	terminal_destroy(&terminal);
	close(out[1]);
	assert_int_equal(read(out[0], text, sizeof(text)), 6);
	assert_string_equal(text, "hello\n");
	assert_int_equal(read(out[0], text, sizeof(text)), 0);
	close(out[0]);
	close(in[0]);
	close(in[1]);
}

static void a_terminal_is_raw_from_start_to_stop(void **state)
{
	struct termios before, after;
	int master, slave;

	(void)state;
	open_pty(&master, &slave);
	assert_int_equal(tcgetattr(slave, &before), 0);
	start(slave, slave);
	assert_true(is_raw(slave));
	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	terminal_stop(&terminal);
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_same_modes(&before, &after);
	assert_int_equal(terminal_start(&terminal), 0);
	assert_true(is_raw(slave));
	terminal_destroy(&terminal);
	assert_false(is_raw(slave));
	close(master);
	close(slave);
}

static void ctrl_a_begins_a_command(void **state)
{
	static const struct {
		const char *typed, *guest;
		unsigned int quits;
	} table[] = {
		{"plain.", "plain.", 0},
		{"\x01\x01.", "\x01.", 0},
		{"\x01"
		 "a.",
		 "\x01.", 0},
		{"\x01"
		 "c.",
		 ".", 0},
		{"\x01"
		 "?.",
		 ".", 0},
		{"\x01x.", ".", 1},
		{"\x03\x1a\x1c\x04.", "\x03\x1a\x1c\x04.", 0},
		{"one\x01\x01two\x01"
		 "cthree\x01"
		 "afour.",
		 "one\x01twothree\x01"
		 "four.",
		 0},
		{"\x01\x01\x01x.", "\x01.", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		/* All at once, and byte by byte. */
		for (size_t step = 1; step <= 100; step += 99) {
			size_t len = strlen(table[i].typed);
			int master, slave;

			open_pty(&master, &slave);
			start(slave, slave);
			user.wanted = strlen(table[i].guest);
			for (size_t done = 0; done < len;) {
				size_t n = len - done < step ? len - done : step;

				assert_int_equal(write(master, table[i].typed + done, n),
						 (ssize_t)n);
				done += n;
			}
			while (user.len < user.wanted)
				assert_int_equal(loop_run(&loop), 0);
			assert_int_equal(user.len, strlen(table[i].guest));
			assert_memory_equal(user.got, table[i].guest, user.len);
			assert_int_equal(user.quits, table[i].quits);
			tear_down(state);
			close(master);
			close(slave);
			set_up(state);
		}
	}
}

static void ctrl_a_x_works_when_the_guest_does_not_read(void **state)
{
	static char typed[TERMINAL_INPUT_SIZE];
	int master, slave;

	(void)state;
	memset(typed, 'k', sizeof(typed));
	open_pty(&master, &slave);
	user.idle = true;
	start(slave, slave);
	for (unsigned int i = 0; i < 3; i++) {
		struct loop_timer timer = {.fired = other_work};

		assert_int_equal(write(master, typed, 2000), 2000);
		assert_int_equal(loop_timer_init(&loop, &timer), 0);
		while (ioctl(slave, FIONREAD, &(int){0}) == 0 && terminal.count < (i + 1) * 2000 &&
		       terminal.count < TERMINAL_INPUT_SIZE) {
			loop_timer_set(&timer, 1000000, 0);
			assert_int_equal(loop_run(&loop), 0);
		}
		loop_timer_destroy(&loop, &timer);
	}
	assert_int_equal(terminal.count, TERMINAL_INPUT_SIZE);
	assert_int_equal(write(master, "\x01x", 2), 2);
	while (user.quits == 0)
		assert_int_equal(loop_run(&loop), 0);
	close(master);
	close(slave);
}

static void a_terminal_that_hangs_up_is_the_end_of_input(void **state)
{
	struct loop_timer timer = {.fired = other_work};
	int master, slave;

	(void)state;
	open_pty(&master, &slave);
	start(slave, slave);
	close(master);
	assert_int_equal(loop_timer_init(&loop, &timer), 0);
	while (!terminal.ended) {
		loop_timer_set(&timer, 1000000, 0);
		assert_int_equal(loop_run(&loop), 0);
	}
	assert_int_equal(stream_write(&terminal.stream, "x", 1), 1);
	terminal_flush(&terminal, 1000);
	loop_timer_destroy(&loop, &timer);
	close(slave);
}

static void the_window_size_is_known_and_its_change_told(void **state)
{
	const struct winsize size = {.ws_col = 132, .ws_row = 43};
	uint16_t columns = 0, rows = 0;
	int master, slave;

	(void)state;
	open_pty(&master, &slave);
	start(slave, slave);
	assert_false(terminal_size(&terminal, &columns, &rows)); /* 0 by 0 */
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	assert_true(terminal_size(&terminal, &columns, &rows));
	assert_int_equal(columns, 132);
	assert_int_equal(rows, 43);
	terminal_winch(&terminal);
	assert_int_equal(user.resizes, 1);
	close(master);
	close(slave);
}

/* In a child: the terminal raw, then what happens to it. */
static void die(int slave, int number)
{
	alarm(30);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	start(slave, slave);
	if (!is_raw(slave))
		_exit(99);
	if (number == SIGABRT)
		abort();
	raise(number);
	_exit(98);
}

static void every_way_to_die_restores_the_terminal(void **state)
{
	static const int numbers[] = {SIGSEGV, SIGBUS,	SIGILL, SIGFPE,	 SIGABRT,
				      SIGSYS,  SIGTERM, SIGINT, SIGQUIT, SIGHUP};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct termios before, after;
		int master, slave, status;

		open_pty(&master, &slave);
		assert_int_equal(tcgetattr(slave, &before), 0);

		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			die(slave, numbers[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), numbers[i]);
		assert_int_equal(tcgetattr(slave, &after), 0);
		assert_same_modes(&before, &after);
		close(master);
		close(slave);
	}
}

static void assert_exits(pid_t pid, int expected)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void an_ignored_signal_stays_ignored(void **state)
{
	int master, slave;

	(void)state;
	open_pty(&master, &slave);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGHUP, SIG_IGN); /* nohup */
		start(slave, slave);
		raise(SIGHUP);
		_exit(is_raw(slave) ? 0 : 1);
	}
	assert_exits(pid, 0);
	close(master);
	close(slave);
}

/* In a child: runs until it is raw again, then says so with its status. */
static void continue_until_raw(int slave)
{
	struct loop_timer timer = {.fired = other_work};

	if (loop_timer_init(&loop, &timer) < 0)
		_exit(97);
	while (!is_raw(slave)) {
		loop_timer_set(&timer, 1000000, 0);
		loop_run(&loop);
	}
	_exit(7);
}

static void a_stop_restores_and_continuing_makes_it_raw_again(void **state)
{
	int master, slave, status;

	(void)state;
	open_pty(&master, &slave);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(30);
		setpgid(0, 0); /* a job of its own, which the parent controls */
		start(slave, slave);
		raise(SIGTSTP);
		continue_until_raw(slave);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_false(is_raw(slave));
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_exits(pid, 7);
	close(master);
	close(slave);
}

/* In a child, a shell for a moment: its job starts in the background and is then brought to the
 * front. */
static void be_a_shell(int slave)
{
	int status, ready[2];

	alarm(30);
	setsid();
	if (ioctl(slave, TIOCSCTTY, 0) < 0 || pipe(ready) < 0)
		_exit(90);
	signal(SIGTTOU, SIG_IGN);

	pid_t job = fork();

	if (job == 0) {
		alarm(30);
		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		start(slave, slave);
		if (is_raw(slave))
			_exit(91);
		if (write(ready[1], "", 1) != 1)
			_exit(92);
		continue_until_raw(slave);
	}
	if (read(ready[0], &(char){0}, 1) != 1)
		_exit(93);
	setpgid(job, job);
	tcsetpgrp(slave, job);
	kill(job, SIGCONT);
	waitpid(job, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 94);
}

static void a_background_job_leaves_the_terminal_alone_until_it_is_in_front(void **state)
{
	int master, slave;

	(void)state;
	open_pty(&master, &slave);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		be_a_shell(slave);
	assert_exits(pid, 7);
	close(master);
	close(slave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TERMINAL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TERMINAL_TEST(a_pipe_passes_all_bytes_unchanged),
		TERMINAL_TEST(the_end_of_input_stops_nothing),
		TERMINAL_TEST(a_file_is_read_as_the_guest_takes_it),
		TERMINAL_TEST(a_large_file_takes_turns_with_the_rest_of_the_loop),
		TERMINAL_TEST(a_pipe_waits_while_the_guest_does_not_read),
		TERMINAL_TEST(output_reaches_stdout_and_nothing_else_does),
		TERMINAL_TEST(a_terminal_is_raw_from_start_to_stop),
		TERMINAL_TEST(ctrl_a_begins_a_command),
		TERMINAL_TEST(ctrl_a_x_works_when_the_guest_does_not_read),
		TERMINAL_TEST(a_terminal_that_hangs_up_is_the_end_of_input),
		TERMINAL_TEST(the_window_size_is_known_and_its_change_told),
		TERMINAL_TEST(every_way_to_die_restores_the_terminal),
		TERMINAL_TEST(an_ignored_signal_stays_ignored),
		TERMINAL_TEST(a_stop_restores_and_continuing_makes_it_raw_again),
		TERMINAL_TEST(a_background_job_leaves_the_terminal_alone_until_it_is_in_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
