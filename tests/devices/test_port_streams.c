/* test_port_streams.c: devices/backend/port_options.c, stream_file.c and stream_unix.c. */
#include "devices/backend/port_options.h"

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
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"

static struct loop loop;
static char folder[64];
static struct port_options options;
static struct stream *stream;

/* The device behind the port; what it waits for stops the loop. */
static struct user {
	struct stream_client client;
	char got[256];
	size_t len;
	unsigned int readable, writable, presence;
	bool idle; /* does not read */
} user;

static void readable(struct stream_client *client)
{
	size_t n;

	(void)client;
	user.readable++;
	while (!user.idle && (n = stream_read(stream, user.got + user.len, 16)) > 0)
		user.len += n;
	loop_stop(&loop);
}

static void writable(struct stream_client *client)
{
	(void)client;
	user.writable++;
	loop_stop(&loop);
}

static void presence_changed(struct stream_client *client)
{
	(void)client;
	user.presence++;
	loop_stop(&loop);
}

static int set_up(void **state)
{
	(void)state;
	alarm(20);
	signal(SIGPIPE, SIG_IGN);
	strcpy(folder, "/tmp/test_port.XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(loop_init(&loop), 0);
	memset(&user, 0, sizeof(user));
	user.client = (struct stream_client){readable, writable, presence_changed};
	stream = NULL;
	return 0;
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	if (stream)
		stream_close(stream);
	loop_destroy(&loop);
	snprintf(path, sizeof(path), "%s/it", folder);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static int open_port(const char *kind)
{
	char text[160];
	int err;

	snprintf(text, sizeof(text), "port=%s:%s/it", kind, folder);
	assert_int_equal(port_options_parse(text, &options), 0);
	err = port_open(&options, &loop, &stream);
	if (!err)
		stream->client = &user.client;
	return err;
}

static int connect_to_it(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, options.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void run_until_presence(unsigned int n)
{
	while (user.presence < n)
		assert_int_equal(loop_run(&loop), 0);
}

/* A socket's port that has its first peer: the peer's descriptor. */
static int open_with_peer(void)
{
	int fd;

	assert_int_equal(open_port("unix"), 0);
	fd = connect_to_it();
	run_until_presence(1);
	return fd;
}

static void a_port_is_a_name_and_where_it_leads(void **state)
{
	struct port_options parsed;

	(void)state;
	assert_int_equal(port_options_parse("org.qemu.guest_agent.0=unix:/run/a,b=c", &parsed), 0);
	assert_string_equal(parsed.name, "org.qemu.guest_agent.0");
	assert_int_equal(parsed.kind, PORT_UNIX);
	assert_string_equal(parsed.path, "/run/a,b=c");
	assert_int_equal(port_options_parse("log=file:out", &parsed), 0);
	assert_int_equal(parsed.kind, PORT_FILE);
	assert_string_equal(parsed.path, "out");
}

static void malformed_ports_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"=",
		"name",
		"name=",
		"=unix:/x",
		"a b=unix:x",
		"a/b=file:x",
		"name=unix:",
		"name=file:",
		"name=tcp:1",
		"name=unix",
		"name=/x",
		"na\nme=file:x",
		"0123456789012345678901234567890123456789012345678901234567890123=file:x",
	};
	static char long_path[PATH_MAX + 32] = "name=file:";
	struct port_options parsed;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(port_options_parse(bad[i], &parsed), -EINVAL);
	memset(long_path + strlen(long_path), 'x', PATH_MAX);
	assert_int_equal(port_options_parse(long_path, &parsed), -EINVAL);
}

static void a_file_is_appended_to(void **state)
{
	char text[32] = "";
	int fd;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(open_port("file"), 0);
		assert_int_equal(stream_write(stream, "line\n", 5), 5);
		assert_int_equal(stream_read(stream, text, sizeof(text)), 0);
		stream_close(stream);
		stream = NULL;
	}
	fd = open(options.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 10);
	assert_string_equal(text, "line\nline\n");
	close(fd);
}

static void what_cannot_be_opened_is_refused(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/it", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(open_port("file"), -EISDIR);
	assert_int_equal(open_port("unix"), -EADDRINUSE);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_port("file"), -ENXIO); /* nobody reads it */
	assert_int_equal(unlink(path), 0);
}

static void a_socket_path_that_is_too_long_is_refused(void **state)
{
	struct port_options parsed;
	char text[300] = "name=unix:";

	(void)state;
	memset(text + strlen(text), 'x', 200);
	assert_int_equal(port_options_parse(text, &parsed), 0);
	assert_int_equal(port_open(&parsed, &loop, &stream), -ENAMETOOLONG);
}

static void without_a_peer_nothing_is_taken(void **state)
{
	(void)state;
	assert_int_equal(open_port("unix"), 0);
	assert_true(stream->absent);
	assert_int_equal(stream_write(stream, "x", 1), 0);
	assert_int_equal(stream_read(stream, user.got, 1), 0);
}

static void a_peer_is_heard_and_answered(void **state)
{
	char text[16] = "";
	int fd;

	(void)state;
	fd = open_with_peer();
	assert_false(stream->absent);
	assert_int_equal(user.writable, 1);
	assert_int_equal(stream_write(stream, "answer", 6), 6);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_string_equal(text, "answer");
	assert_int_equal(write(fd, "question", 8), 8);
	while (user.len < 8)
		assert_int_equal(loop_run(&loop), 0);
	assert_memory_equal(user.got, "question", 8);
	close(fd);
}

static void a_peer_that_goes_makes_room_for_the_next(void **state)
{
	char text[16] = "";
	int first, second;

	(void)state;
	first = open_with_peer();
	second = connect_to_it(); /* waits */
	assert_int_equal(write(first, "last words", 10), 10);
	close(first);
	run_until_presence(2);
	assert_int_equal(user.len, 10);
	run_until_presence(3);
	assert_false(stream->absent);
	assert_int_equal(stream_write(stream, "hello", 5), 5);
	assert_int_equal(read(second, text, sizeof(text)), 5);
	close(second);
}

static void a_peer_that_goes_is_noticed_without_a_reader(void **state)
{
	int fd;

	(void)state;
	user.idle = true;
	fd = open_with_peer();
	close(fd);
	run_until_presence(2);
	assert_true(stream->absent);
	/* What it sent and nobody reads keeps its place until a write finds that it is gone. */
	fd = connect_to_it();
	run_until_presence(3);
	assert_int_equal(write(fd, "unread", 6), 6);
	close(fd);
	while (user.readable == 0)
		assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(stream_write(stream, "to nobody", 9), 9);
	run_until_presence(4);
}

static void a_peer_that_ends_its_input_still_gets_output(void **state)
{
	char text[16] = "";
	int fd;

	(void)state;
	fd = open_with_peer();
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	while (user.readable == 0)
		assert_int_equal(loop_run(&loop), 0);
	assert_false(stream->absent);
	assert_int_equal(stream_write(stream, "still here", 10), 10);
	assert_int_equal(read(fd, text, sizeof(text)), 10);
	close(fd);
	run_until_presence(2);
}

static void a_stalled_peer_takes_less_and_the_rest_later(void **state)
{
	static char block[65536], drain[65536];
	size_t sent = 0, taken, received = 0;
	int fd;

	(void)state;
	fd = open_with_peer();
	user.writable = 0;
	while ((taken = stream_write(stream, block, sizeof(block))) == sizeof(block))
		sent += taken;
	sent += taken;
	while (received < sent) {
		ssize_t n = read(fd, drain, sizeof(drain));

		assert_true(n > 0);
		received += (size_t)n;
	}
	while (user.writable == 0)
		assert_int_equal(loop_run(&loop), 0);
	assert_true(stream_write(stream, block, 1) == 1);
	close(fd);
}

/* Case 38: what a killed process leaves behind is replaced, what a living one holds is not. */
static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stream *second;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/it", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(open_port("unix"), 0);
	assert_int_equal(port_open(&options, &loop, &second), -EADDRINUSE);
	assert_int_equal(access(address.sun_path, F_OK), 0);
	stream_close(stream);
	stream = NULL;
	assert_int_equal(access(address.sun_path, F_OK), -1);
}

static void a_file_at_the_sockets_path_is_left_alone(void **state)
{
	char path[128];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/it", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(open_port("unix"), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		cmocka_unit_test(a_port_is_a_name_and_where_it_leads),
		cmocka_unit_test(malformed_ports_are_refused),
		PORT_TEST(a_file_is_appended_to),
		PORT_TEST(what_cannot_be_opened_is_refused),
		PORT_TEST(a_socket_path_that_is_too_long_is_refused),
		PORT_TEST(without_a_peer_nothing_is_taken),
		PORT_TEST(a_peer_is_heard_and_answered),
		PORT_TEST(a_peer_that_goes_makes_room_for_the_next),
		PORT_TEST(a_peer_that_goes_is_noticed_without_a_reader),
		PORT_TEST(a_peer_that_ends_its_input_still_gets_output),
		PORT_TEST(a_stalled_peer_takes_less_and_the_rest_later),
		PORT_TEST(a_stale_socket_is_replaced_and_a_live_one_is_not),
		PORT_TEST(a_file_at_the_sockets_path_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
