/* test_file_lock.c: writers alone, readers together, and nobody who is gone. */
#include "devices/backend/file_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"

static char path[TEMP_PATH_BYTES];
static int first, second;
static pid_t holder;

static int setup(void **state)
{
	(void)state;
	temp_file_make(path, 512);
	first = open(path, O_RDWR | O_CLOEXEC);
	second = open(path, O_RDWR | O_CLOEXEC);
	return first < 0 || second < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(first);
	close(second);
	return unlink(path);
}

static void a_writer_is_alone(void **state)
{
	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	assert_int_equal(file_lock(second, true, &holder), -EBUSY);
	assert_int_equal(holder, 0); /* it is nobody else */
	assert_int_equal(file_lock(second, false, &holder), -EBUSY);
}

static void readers_share(void **state)
{
	(void)state;
	assert_int_equal(file_lock(first, false, &holder), 0);
	assert_int_equal(file_lock(second, false, &holder), 0);
	assert_int_equal(file_lock(first, true, &holder), -EBUSY);
}

static void a_lock_ends_with_its_descriptor(void **state)
{
	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	close(first);
	first = -1;
	assert_int_equal(file_lock(second, true, &holder), 0);
}

static void an_unlocked_file_is_free_even_while_it_is_open_elsewhere(void **state)
{
	int duplicate;

	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	duplicate = dup(first);
	file_unlock(first);
	close(first);
	first = -1;
	assert_int_equal(file_lock(second, true, &holder), 0);
	close(duplicate);
}

/* On its way through a socket: nobody has it, until a child that has the socket ends. */
static void a_file_that_a_dead_process_left_to_the_kernel_is_waited_for(void **state)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = control, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int sockets[2], gate[2];
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(file_lock(first, true, &holder), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets), 0);
	assert_int_equal(pipe(gate), 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &first, sizeof(int));
	assert_int_equal(sendmsg(sockets[0], &message, 0), 1);
	close(first);
	close(second);
	first = -1;
	child = fork();
	if (child == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) != 0); /* until the parent is about to lock */
	}
	close(sockets[0]);
	close(sockets[1]);
	second = open(path, O_RDWR | O_CLOEXEC);
	close(gate[1]);
	assert_int_equal(file_lock(second, true, &holder), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(gate[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_writer_is_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_share, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_ends_with_its_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unlocked_file_is_free_even_while_it_is_open_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_a_dead_process_left_to_the_kernel_is_waited_for, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
