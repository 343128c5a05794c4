/* test_outbuf.c: devices/backend/outbuf.c. */
#include "devices/backend/outbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"

static struct loop loop;
static struct outbuf out;

/* The other end: reads on the loop and stops it when it has what it waits for. */
static struct reader {
	struct loop_source source;
	size_t got, wanted, calls;
	uint8_t last;
	bool in_order; /* each byte follows the one before */
} reader;

static unsigned int writable_calls;

static void reader_ready(struct loop_source *source, uint32_t events)
{
	uint8_t buf[8192];
	ssize_t n = read(source->fd, buf, sizeof(buf));

	(void)events;
	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != (uint8_t)(reader.last + 1))
			reader.in_order = false;
		reader.last = buf[i];
	}
	reader.got += (size_t)n;
	reader.calls++;
	if (reader.got >= reader.wanted)
		loop_stop(&loop);
}

static void became_writable(struct outbuf *which)
{
	(void)which;
	writable_calls++;
}

static int set_up(void **state)
{
	(void)state;
	alarm(20);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_init(&loop), 0);
	out = (struct outbuf){.name = "test", .writable = became_writable};
	writable_calls = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	outbuf_destroy(&out);
	loop_destroy(&loop);
	return 0;
}

/* Runs the loop until the reader of fd has got that many more bytes. */
static void read_all(int fd, size_t wanted)
{
	reader = (struct reader){
		.source = {.fd = fd, .ready = reader_ready},
		.wanted = wanted,
		.last = reader.last,
		.in_order = true,
	};
	assert_int_equal(loop_add(&loop, &reader.source, EPOLLIN), 0);
	assert_int_equal(loop_run(&loop), 0);
	loop_remove(&loop, &reader.source);
	assert_int_equal(reader.got, wanted);
	assert_true(reader.in_order);
}

static uint8_t next_byte;

/* Writes consecutive byte values; returns how many were taken. */
static size_t write_count(size_t len)
{
	static uint8_t buf[2 * OUTBUF_SIZE];

	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(next_byte + i);

	size_t taken = outbuf_write(&out, buf, len);

	next_byte = (uint8_t)(next_byte + taken);
	return taken;
}

static void start_counting(void)
{
	next_byte = 0;
	reader.last = 0xff;
}

static void many_small_writes_are_one_system_call(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(outbuf_init(&out, &loop, fds[1]), 0);
	start_counting();
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(write_count(1), 1);
	read_all(fds[0], 1000);
	assert_int_equal(reader.calls, 1);
	assert_int_equal(outbuf_total(&out), 1000);
	close(fds[0]);
	close(fds[1]);
}

/* Fills a descriptor of the kind, then reads until nothing is left: all arrives, in order, without
 * waiting. */
static void fill_and_read(int from, int to, size_t at_once)
{
	size_t total = 0;

	assert_int_equal(outbuf_init(&out, &loop, to), 0);
	if (at_once)
		out.at_once = at_once;
	start_counting();
	for (unsigned int round = 0; round < 5; round++) {
		size_t taken = write_count(OUTBUF_SIZE + 1000);

		assert_true(taken <= OUTBUF_SIZE);
		assert_int_equal(write_count(1), 0);
		total = taken;
		read_all(from, total);
		assert_int_equal(outbuf_pending(&out), 0);
	}
	assert_true(writable_calls >= 4);
	assert_int_equal(reader.got, OUTBUF_SIZE);
	assert_int_equal(total, OUTBUF_SIZE);
}

static void a_slow_reader_of_a_pipe_loses_nothing(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	fill_and_read(fds[0], fds[1], 0);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0); /* others may share it */
	close(fds[0]);
	close(fds[1]);
}

static void a_slow_reader_of_a_socket_loses_nothing(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fill_and_read(fds[0], fds[1], 0);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
}

static void a_pipe_that_cannot_be_opened_anew_is_asked_before_each_write(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fill_and_read(fds[0], fds[1], 4096);
	close(fds[0]);
	close(fds[1]);
}

static void a_regular_file_gets_everything_and_keeps_its_offset(void **state)
{
	char path[] = "/tmp/test_outbuf.XXXXXX";
	char text[16] = "";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, "before ", 7), 7);
	assert_int_equal(outbuf_init(&out, &loop, fd), 0);
	assert_int_equal(outbuf_write(&out, "after", 5), 5);
	outbuf_flush(&out, 1000);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 12);
	assert_string_equal(text, "before after");
	close(fd);
}

static void a_reader_that_goes_away_does_not_stop_the_writer(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(outbuf_init(&out, &loop, fds[1]), 0);
	close(fds[0]);
	assert_int_equal(outbuf_write(&out, "lost", 4), 4);
	outbuf_flush(&out, 1000);
	assert_int_equal(outbuf_pending(&out), 0);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(write_count(OUTBUF_SIZE + 1), OUTBUF_SIZE + 1);
	close(fds[1]);
}

static void a_full_disk_does_not_stop_the_writer(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(outbuf_init(&out, &loop, fd), 0);
	assert_int_equal(outbuf_write(&out, "lost", 4), 4);
	outbuf_flush(&out, 1000);
	assert_int_equal(outbuf_pending(&out), 0);
	assert_int_equal(write_count(OUTBUF_SIZE + 1), OUTBUF_SIZE + 1);
	close(fd);
}

static void flush_gives_up_at_its_deadline(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 4096) >= 4096);
	assert_int_equal(outbuf_init(&out, &loop, fds[1]), 0);
	assert_int_equal(write_count(OUTBUF_SIZE), OUTBUF_SIZE);
	outbuf_flush(&out, 1);
	assert_true(outbuf_pending(&out) > 0);
	close(fds[0]);
	close(fds[1]);
}

static void a_bad_descriptor_is_refused(void **state)
{
	(void)state;
	assert_int_equal(outbuf_init(&out, &loop, -1), -EBADF);
}

static void *write_from_a_vcpu(void *arg)
{
	(void)arg;
	for (size_t done = 0; done < 4 * OUTBUF_SIZE;) {
		size_t left = 4 * OUTBUF_SIZE - done;

		done += write_count(left < 100 ? left : 100);
	}
	return NULL;
}

static void another_thread_writes_while_the_loop_drains(void **state)
{
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(outbuf_init(&out, &loop, fds[1]), 0);
	start_counting();
	assert_int_equal(pthread_create(&thread, NULL, write_from_a_vcpu, NULL), 0);
	read_all(fds[0], 4 * OUTBUF_SIZE);
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define OUTBUF_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		OUTBUF_TEST(many_small_writes_are_one_system_call),
		OUTBUF_TEST(a_slow_reader_of_a_pipe_loses_nothing),
		OUTBUF_TEST(a_slow_reader_of_a_socket_loses_nothing),
		OUTBUF_TEST(a_pipe_that_cannot_be_opened_anew_is_asked_before_each_write),
		OUTBUF_TEST(a_regular_file_gets_everything_and_keeps_its_offset),
		OUTBUF_TEST(a_reader_that_goes_away_does_not_stop_the_writer),
		OUTBUF_TEST(a_full_disk_does_not_stop_the_writer),
		OUTBUF_TEST(flush_gives_up_at_its_deadline),
		OUTBUF_TEST(a_bad_descriptor_is_refused),
		OUTBUF_TEST(another_thread_writes_while_the_loop_drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
