/* test_disk_raw.c: a real file behind a real loop, by io_uring and by threads. */
#include "devices/backend/disk_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fake/temp_file.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum { SIZE = 4 << 20, MANY = 300 };

struct context {
	struct loop loop;
	struct disk *disk;
	char path[TEMP_PATH_BYTES];
	unsigned int batches, resizes;
	unsigned int waiting_for; /* done() calls until the loop is to stop, */
	bool looping;		  /* if it runs */
};

static struct context *context; /* of the test that runs */
static uint8_t buffer[MANY * 4096] __attribute__((aligned(4096)));

struct test_request {
	struct disk_request request;
	struct iovec iov[4];
	int err;
	unsigned int done;
};

static void request_done(struct disk_request *request, int err)
{
	struct test_request *test = container_of(request, struct test_request, request);

	test->err = err;
	test->done++;
	if (--context->waiting_for == 0 && context->looping)
		loop_stop(&context->loop);
}

static void count_batch(struct disk_client *client, unsigned int queue)
{
	(void)client;
	(void)queue;
	context->batches++;
}

static void stop_when_resized(struct disk_client *client)
{
	(void)client;
	context->resizes++;
	loop_stop(&context->loop);
}

static const struct disk_client_ops client_ops = {
	.batch_done = count_batch,
	.resized = stop_when_resized,
};

static struct disk_client client = {.ops = &client_ops};

static struct test_request make(enum disk_op op, uint64_t offset, uint64_t len, void *buf)
{
	struct test_request test = {.err = 1, .iov = {{.iov_base = buf, .iov_len = len}}};

	test.request = (struct disk_request){
		.op = op, .offset = offset, .len = len, .n = 1, .done = request_done};
	return test;
}

static void submit(struct test_request *test, unsigned int queue)
{
	if (!test->request.iov)
		test->request.iov = test->iov;
	context->waiting_for++;
	disk_submit(context->disk, queue, &test->request);
}

static void finish_all(void)
{
	context->looping = true;
	if (context->waiting_for > 0)
		loop_run(&context->loop);
	context->looping = false;
	assert_int_equal(context->waiting_for, 0);
}

static int run(struct test_request *test)
{
	submit(test, 0);
	disk_commit(context->disk, 0);
	finish_all();
	assert_int_equal(test->done, 1);
	return test->err;
}

static int run_op(enum disk_op op, uint64_t offset, uint64_t len, void *buf)
{
	struct test_request test = make(op, offset, len, buf);

	return run(&test);
}

static int open_config(struct disk_raw_config config, void **state)
{
	context = calloc(1, sizeof(*context));
	*state = context;
	temp_file_make(context->path, SIZE);
	config.path = context->path;
	assert_int_equal(loop_init(&context->loop), 0);
	if (disk_raw_open(&config, &context->disk) < 0) {
		context->disk = NULL;
		return 0; /* a file system without direct I/O; the test is skipped */
	}
	return disk_attach(context->disk, &client, &context->loop, 2);
}

static int open_uring(void **state)
{
	return open_config((struct disk_raw_config){.engine = DISK_RAW_AUTO}, state);
}

static int open_threads(void **state)
{
	return open_config((struct disk_raw_config){.engine = DISK_RAW_THREADS}, state);
}

static int open_direct(void **state)
{
	return open_config((struct disk_raw_config){.direct = true}, state);
}

static int open_direct_threads(void **state)
{
	return open_config((struct disk_raw_config){.direct = true, .engine = DISK_RAW_THREADS},
			   state);
}

static int close_it(void **state)
{
	(void)state;
	disk_close(context->disk);
	loop_destroy(&context->loop);
	unlink(context->path);
	free(context);
	return 0;
}

static void file_bytes(uint64_t offset, void *buf, size_t len)
{
	int fd = open(context->path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
	close(fd);
}

static blkcnt_t file_blocks(void)
{
	struct stat file;

	assert_int_equal(stat(context->path, &file), 0);
	return file.st_blocks;
}

static bool all_are(const uint8_t *bytes, size_t n, uint8_t value)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

static void writes_reach_the_file_and_reads_come_from_it(void **state)
{
	uint8_t there[8192];

	(void)state;
	if (!context->disk)
		skip();
	memset(buffer, 0xa7, 8192);
	assert_int_equal(run_op(DISK_WRITE, 4096, 8192, buffer), 0);
	assert_int_equal(run_op(DISK_FLUSH, 0, 0, NULL), 0);
	file_bytes(4096, there, sizeof(there));
	assert_true(all_are(there, sizeof(there), 0xa7));
	memset(buffer, 0, 8192);
	assert_int_equal(run_op(DISK_READ, 4096, 8192, buffer), 0);
	assert_true(all_are(buffer, 8192, 0xa7));
}

static void scattered_buffers_of_any_alignment_do(void **state)
{
	struct test_request test = make(DISK_WRITE, 8192, 4096 + 512, NULL);
	uint8_t there[4096 + 512];

	(void)state;
	if (!context->disk)
		skip();
	for (size_t i = 0; i < sizeof(there); i++)
		buffer[1 + i + (i >= 700 ? 50u : 0) + (i >= 701 ? 4000u : 0)] = (uint8_t)(i * 7);
	test.iov[0] = (struct iovec){.iov_base = buffer + 1, .iov_len = 700};
	test.iov[1] = (struct iovec){.iov_base = buffer + 1 + 700 + 50, .iov_len = 1};
	test.iov[2] =
		(struct iovec){.iov_base = buffer + 1 + 701 + 4050, .iov_len = sizeof(there) - 701};
	test.request.n = 3;
	assert_int_equal(run(&test), 0);
	file_bytes(8192, there, sizeof(there));
	for (size_t i = 0; i < sizeof(there); i++)
		assert_int_equal(there[i], (uint8_t)(i * 7));
	memset(buffer, 0, 8192);
	test.request.op = DISK_READ;
	test.done = 0;
	assert_int_equal(run(&test), 0);
	assert_int_equal(buffer[1 + 699], (uint8_t)(699 * 7));
	assert_int_equal(buffer[1 + 700], 0);
	assert_int_equal(buffer[1 + 750], (uint8_t)(700 * 7));
	assert_int_equal(buffer[1 + 701 + 4050], (uint8_t)(701 * 7));
}

static void a_large_unaligned_request_goes_through_the_bounce_buffer_in_pieces(void **state)
{
	enum { LEN = 200 * 1024 };

	(void)state;
	if (!context->disk)
		skip();
	for (size_t i = 0; i < LEN; i++)
		buffer[3 + i] = (uint8_t)(i ^ i >> 8);
	assert_int_equal(run_op(DISK_WRITE, 0, LEN, buffer + 3), 0);
	memset(buffer, 0, LEN + 3);
	assert_int_equal(run_op(DISK_READ, 0, LEN, buffer + 3), 0);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(buffer[3 + i], (uint8_t)(i ^ i >> 8));
}

static void more_requests_than_slots_are_served_in_turn(void **state)
{
	struct test_request *tests = calloc(MANY, sizeof(*tests));

	(void)state;
	if (!context->disk)
		skip();
	for (size_t i = 0; i < MANY; i++) {
		memset(buffer + i * 4096, (int)i, 4096);
		tests[i] = make(DISK_WRITE, i * 4096, 4096, buffer + i * 4096);
		submit(&tests[i], i & 1);
	}
	disk_commit(context->disk, 0);
	disk_commit(context->disk, 1);
	finish_all();
	memset(buffer, 0xff, sizeof(buffer));
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(tests[i].done, 1);
		assert_int_equal(tests[i].err, 0);
		tests[i] = make(DISK_READ, i * 4096, 4096, buffer + i * 4096);
		submit(&tests[i], 0);
	}
	disk_commit(context->disk, 0);
	finish_all();
	for (size_t i = 0; i < MANY; i++)
		assert_true(all_are(buffer + i * 4096, 4096, (uint8_t)i));
	free(tests);
}

static void drain_leaves_nothing_in_flight(void **state)
{
	struct test_request *tests = calloc(MANY, sizeof(*tests));

	(void)state;
	if (!context->disk)
		skip();
	for (size_t i = 0; i < MANY; i++) {
		tests[i] = make(i % 50 ? DISK_WRITE : DISK_FLUSH, i * 4096, 4096, buffer);
		submit(&tests[i], i & 1);
	}
	disk_drain(context->disk);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(tests[i].done, 1);
	free(tests);
}

static void a_discard_gives_the_space_back(void **state)
{
	blkcnt_t before;

	(void)state;
	if (!context->disk)
		skip();
	memset(buffer, 1, 1 << 20);
	assert_int_equal(run_op(DISK_WRITE, 0, 1 << 20, buffer), 0);
	assert_int_equal(run_op(DISK_FLUSH, 0, 0, NULL), 0);
	before = file_blocks();
	assert_int_equal(run_op(DISK_DISCARD, 0, 1 << 20, NULL), 0);
	assert_true(file_blocks() < before);
	assert_int_equal(run_op(DISK_READ, 0, 4096, buffer), 0);
	assert_true(all_are(buffer, 4096, 0));
}

static void write_zeroes_leaves_zeroes_with_and_without_unmap(void **state)
{
	(void)state;
	if (!context->disk)
		skip();
	for (unsigned int unmap = 0; unmap < 2; unmap++) {
		struct test_request test = make(DISK_WRITE_ZEROES, 4096, 8192, NULL);

		memset(buffer, 0x33, 16384);
		assert_int_equal(run_op(DISK_WRITE, 0, 16384, buffer), 0);
		test.request.unmap = unmap;
		test.request.durable = true;
		assert_int_equal(run(&test), 0);
		assert_int_equal(run_op(DISK_READ, 0, 16384, buffer), 0);
		assert_true(all_are(buffer, 4096, 0x33));
		assert_true(all_are(buffer + 4096, 8192, 0));
		assert_true(all_are(buffer + 12288, 4096, 0x33));
	}
}

static void a_durable_write_is_one_request(void **state)
{
	struct test_request test = make(DISK_WRITE, 0, 4096, buffer);

	(void)state;
	if (!context->disk)
		skip();
	test.request.durable = true;
	assert_int_equal(run(&test), 0);
}

static void a_file_truncated_under_us_is_an_error(void **state)
{
	(void)state;
	if (!context->disk)
		skip();
	assert_int_equal(truncate(context->path, SIZE / 2 + 512 * 3), 0);
	assert_int_equal(run_op(DISK_READ, SIZE - 4096, 4096, buffer), -EIO);
	assert_int_equal(run_op(DISK_READ, SIZE / 2, 4096, buffer), -EIO);
	assert_int_equal(run_op(DISK_READ, 0, 4096, buffer), 0);
}

static void a_file_that_grows_is_noticed(void **state)
{
	int fd;

	(void)state;
	if (!context->disk)
		skip();
	fd = open(context->path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 2 * SIZE + 100), 0);
	close(fd);
	assert_int_equal(loop_run(&context->loop), 0);
	assert_int_equal(context->resizes, 1);
	assert_int_equal(context->disk->size % context->disk->block_size, 0);
	assert_int_equal(context->disk->size, 2 * SIZE);
	assert_int_equal(run_op(DISK_READ, 2 * SIZE - 4096, 4096, buffer), 0);
}

/* A file size limit stands for a full disk: the write is cut short there, then refused. */
static void a_full_disk_is_an_error(void **state)
{
	struct rlimit was, limit;
	int err;

	(void)state;
	if (!context->disk)
		skip();
	getrlimit(RLIMIT_FSIZE, &was);
	limit = (struct rlimit){.rlim_cur = 8192, .rlim_max = was.rlim_max};
	setrlimit(RLIMIT_FSIZE, &limit);
	err = run_op(DISK_WRITE, 0, 64 * 1024, buffer);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(err, -EFBIG);
	assert_int_equal(run_op(DISK_WRITE, 0, 64 * 1024, buffer), 0);
}

/* From now on a system call of this process fails. */
static void deny(uint32_t call, uint32_t err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(77);
}

static int use_without_io_uring(void *arg)
{
	static const struct disk_raw_config config = {.engine = DISK_RAW_AUTO};
	void *state = NULL;
	bool good;

	(void)arg;
	log_set_verbose(true);
	if (open_config(config, &state) < 0)
		return 1;
	good = run_op(DISK_WRITE, 0, 4096, buffer) == 0 &&
	       run_op(DISK_READ, 0, 4096, buffer) == 0 && run_op(DISK_FLUSH, 0, 0, NULL) == 0;
	close_it(&state);
	return good ? 0 : 1;
}

static void where_io_uring_is_forbidden_threads_take_over_and_say_so(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		char said[512];

		deny(SYS_io_uring_setup, EPERM);
		if (said_by(use_without_io_uring, NULL, said, sizeof(said)) != 0)
			_exit(1);
		_exit(strstr(said, "no io_uring on this host (Operation not permitted): threads")
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* Without memory for requests io_uring_enter() says to try again, which would have no end. */
static int use_without_memory(void)
{
	static const struct disk_raw_config config = {.engine = DISK_RAW_URING};
	void *state = NULL;

	if (open_config(config, &state) < 0 || !context->disk)
		return 77;
	unlink(context->path);
	deny(SYS_io_uring_enter, EAGAIN);
	alarm(10);
	return run_op(DISK_WRITE, 0, 4096, buffer) == -ENOMEM ? 0 : 1;
}

static void a_request_that_the_kernel_has_no_memory_for_is_an_error(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(use_without_memory());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define on_each_engine(name)                                                          \
	{#name " (io_uring)", name, open_uring, close_it, NULL},                      \
		{#name " (threads)", name, open_threads, close_it, NULL},             \
		{#name " (direct)", name, open_direct, close_it, NULL},               \
	{                                                                             \
#name " (direct, threads)", name, open_direct_threads, close_it, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_each_engine(writes_reach_the_file_and_reads_come_from_it),
		on_each_engine(scattered_buffers_of_any_alignment_do),
		on_each_engine(a_large_unaligned_request_goes_through_the_bounce_buffer_in_pieces),
		on_each_engine(more_requests_than_slots_are_served_in_turn),
		on_each_engine(drain_leaves_nothing_in_flight),
		on_each_engine(a_discard_gives_the_space_back),
		on_each_engine(write_zeroes_leaves_zeroes_with_and_without_unmap),
		on_each_engine(a_durable_write_is_one_request),
		on_each_engine(a_file_truncated_under_us_is_an_error),
		on_each_engine(a_file_that_grows_is_noticed),
		on_each_engine(a_full_disk_is_an_error),
		cmocka_unit_test(a_request_that_the_kernel_has_no_memory_for_is_an_error),
		cmocka_unit_test(where_io_uring_is_forbidden_threads_take_over_and_say_so),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
