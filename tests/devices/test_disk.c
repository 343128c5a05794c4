/* test_disk.c: the checks that all disks share, and how completions find their way. */
#include "devices/backend/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/fake/ram_disk.h"
#include "vmm/util.h"

enum { SIZE = 1 << 20 };

static struct loop loop;
static struct ram_disk ram;
static struct disk *const disk = &ram.disk;
static unsigned int batches, resizes;

struct test_request {
	struct disk_request request;
	struct iovec iov;
	int err;
	unsigned int done;
	unsigned int batches_before; /* how many batches had ended when it was done */
	unsigned int again;	     /* submit it so many times more from done() */
};

static uint8_t buffer[64 * 1024];

static void request_done(struct disk_request *request, int err)
{
	struct test_request *test = container_of(request, struct test_request, request);

	test->err = err;
	test->done++;
	test->batches_before = batches;
	if (test->again > 0) {
		test->again--;
		disk_submit(disk, 0, request);
		disk_commit(disk, 0);
	}
}

static struct disk_client client;

static void count_batch(struct disk_client *which, unsigned int queue)
{
	assert_ptr_equal(which, &client);
	assert_int_equal(queue, 0);
	batches++;
}

static void count_resize(struct disk_client *which)
{
	assert_ptr_equal(which, &client);
	resizes++;
}

static const struct disk_client_ops client_ops = {
	.batch_done = count_batch,
	.resized = count_resize,
};

static struct test_request make(enum disk_op op, uint64_t offset, uint64_t len)
{
	struct test_request test = {.err = 1};

	test.request =
		(struct disk_request){.op = op, .offset = offset, .len = len, .done = request_done};
	return test;
}

static void submit(struct test_request *test)
{
	test->iov = (struct iovec){.iov_base = buffer, .iov_len = test->request.len};
	test->request.iov = &test->iov;
	test->request.n = 1;
	disk_submit(disk, 0, &test->request);
}

/* One turn of the loop: whatever is ready is served. */
static void turn(void)
{
	loop_stop(&loop);
	assert_int_equal(loop_run(&loop), 0);
}

static int setup(void **state)
{
	(void)state;
	batches = resizes = 0;
	assert_int_equal(loop_init(&loop), 0);
	ram_disk_init(&ram, SIZE);
	client.ops = &client_ops;
	return disk_attach(disk, &client, &loop, 1);
}

static int teardown(void **state)
{
	(void)state;
	disk_close(disk);
	loop_destroy(&loop);
	return 0;
}

static void what_is_written_is_read_back(void **state)
{
	struct test_request write = make(DISK_WRITE, 4096, 8192);
	struct test_request read = make(DISK_READ, 4096, 8192);

	(void)state;
	memset(buffer, 0x5a, 8192);
	submit(&write);
	disk_commit(disk, 0);
	assert_int_equal(write.err, 0);
	memset(buffer, 0, 8192);
	submit(&read);
	disk_commit(disk, 0);
	assert_int_equal(read.err, 0);
	assert_int_equal(buffer[0], 0x5a);
	assert_int_equal(buffer[8191], 0x5a);
	assert_int_equal(ram.bytes[4095], 0);
	assert_int_equal(ram.bytes[4096 + 8192], 0);
}

static void requests_outside_the_disk_are_refused(void **state)
{
	static const struct {
		uint64_t offset, len;
		int err;
	} cases[] = {
		{SIZE - 512, 512, 0},
		{SIZE, 512, -ERANGE},
		{SIZE - 512, 1024, -ERANGE},
		{SIZE + 512, 0, -ERANGE},
		{0, SIZE + 512, -ERANGE},
		{UINT64_MAX - 511, 512, -ERANGE}, /* the sum wraps to 0 */
		{512, UINT64_MAX - 511, -ERANGE},
		{UINT64_MAX, UINT64_MAX, -ERANGE},
		{1, 512, -EINVAL},
		{512, 1, -EINVAL},
		{0, 511, -EINVAL},
	};
	static const enum disk_op ops[] = {DISK_DISCARD, DISK_WRITE_ZEROES};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(ops); k++) {
			struct test_request test = make(ops[k], cases[i].offset, cases[i].len);

			submit(&test);
			assert_int_equal(test.done, 0); /* never from within submit */
			disk_commit(disk, 0);
			assert_int_equal(test.done, 1);
			assert_int_equal(test.err, cases[i].err);
		}
	}
}

static void a_read_only_disk_is_never_changed(void **state)
{
	static const enum disk_op ops[] = {DISK_WRITE, DISK_DISCARD, DISK_WRITE_ZEROES};

	(void)state;
	disk->read_only = true;
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct test_request test = make(ops[i], 0, 512);

		submit(&test);
		disk_commit(disk, 0);
		assert_int_equal(test.err, -EROFS);
	}
	assert_null(ram.finished.first);
}

static void a_flush_of_a_read_only_disk_succeeds(void **state)
{
	struct test_request test = make(DISK_FLUSH, 0, 0);

	(void)state;
	disk->read_only = true;
	submit(&test);
	disk_commit(disk, 0);
	assert_int_equal(test.err, 0);
	assert_int_equal(ram.flushes, 0);
}

static void an_empty_request_succeeds_without_the_backend(void **state)
{
	struct test_request test = make(DISK_WRITE, 0, 0);

	(void)state;
	submit(&test);
	disk_commit(disk, 0);
	assert_int_equal(test.done, 1);
	assert_int_equal(test.err, 0);
}

static void a_batch_is_one_commit_and_one_batch_done_after_all(void **state)
{
	struct test_request tests[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i] = make(i % 2 ? DISK_READ : DISK_FLUSH, 0, 512);
		submit(&tests[i]);
	}
	disk_commit(disk, 0);
	assert_int_equal(ram.commits, 1);
	assert_int_equal(batches, 1);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		assert_int_equal(tests[i].done, 1);
		assert_int_equal(tests[i].batches_before, 0);
	}
}

static void what_finishes_later_comes_through_the_loop(void **state)
{
	struct test_request tests[3];

	(void)state;
	ram.hold = true;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i] = make(DISK_READ, 0, 512);
		submit(&tests[i]);
	}
	disk_commit(disk, 0);
	assert_int_equal(batches, 0);
	ram_disk_release(&ram, 2);
	assert_int_equal(tests[0].done, 0);
	turn();
	assert_int_equal(tests[0].done + tests[1].done, 2);
	assert_int_equal(tests[2].done, 0);
	assert_true(batches > 0);
	ram_disk_release(&ram, 1);
	turn();
	assert_int_equal(tests[2].done, 1);
}

static void the_host_s_error_reaches_the_request(void **state)
{
	struct test_request test = make(DISK_WRITE, 0, 512);

	(void)state;
	ram.fail = -ENOSPC;
	submit(&test);
	disk_commit(disk, 0);
	assert_int_equal(test.err, -ENOSPC);
}

static void done_may_submit_the_next_request(void **state)
{
	struct test_request test = make(DISK_READ, 0, 512);

	(void)state;
	test.again = 3;
	submit(&test);
	disk_commit(disk, 0);
	assert_int_equal(test.done, 4);
	assert_int_equal(disk->queues[0].in_flight, 0);
}

static void an_endless_queue_leaves_room_for_others(void **state)
{
	struct test_request test = make(DISK_READ, 0, 512);

	(void)state;
	test.again = 1000;
	submit(&test);
	disk_commit(disk, 0);
	assert_in_range(test.done, 1, 100); /* it stopped in the middle, */
	while (test.done < 1001)
		turn(); /* and goes on after the other sources of the loop had their turn */
	assert_int_equal(disk->queues[0].in_flight, 0);
}

static void drain_returns_with_nothing_in_flight(void **state)
{
	struct test_request tests[5];

	(void)state;
	ram.hold = true;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i] = make(DISK_WRITE, 512 * i, 512);
		submit(&tests[i]);
	}
	disk_drain(disk); /* they are not even committed yet */
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		assert_int_equal(tests[i].done, 1);
	assert_int_equal(disk->queues[0].in_flight, 0);
	disk_drain(disk);
}

/* Requests that the disk has nothing to do for, each submitted from the last one's done(). */
static void drain_waits_for_no_host_where_there_is_nothing_to_wait_for(void **state)
{
	struct test_request empty = make(DISK_READ, 0, 0);
	struct test_request outside = make(DISK_READ, SIZE, 512);

	(void)state;
	empty.again = outside.again = 100;
	submit(&empty);
	submit(&outside);
	disk_drain(disk);
	assert_int_equal(empty.done, 101);
	assert_int_equal(outside.done, 101);
}

static void a_grown_disk_is_reported_once(void **state)
{
	struct test_request test = make(DISK_DISCARD, SIZE, 512);

	(void)state;
	disk_refresh(disk);
	assert_int_equal(resizes, 0);
	ram.measured = 2 * SIZE;
	disk_refresh(disk);
	disk_refresh(disk);
	assert_int_equal(resizes, 1);
	assert_int_equal(disk->size, 2 * SIZE);
	ram.fail = -EIO; /* the bytes are not there */
	submit(&test);
	disk_commit(disk, 0);
	assert_int_equal(test.err, -EIO); /* but the range is no longer refused */
}

static void a_shrunk_disk_refuses_what_is_gone(void **state)
{
	struct test_request test = make(DISK_READ, SIZE / 2, 512);

	(void)state;
	ram.measured = SIZE / 2;
	disk_refresh(disk);
	assert_int_equal(resizes, 1);
	submit(&test);
	disk_commit(disk, 0);
	assert_int_equal(test.err, -ERANGE);
}

static void a_size_that_cannot_be_told_changes_nothing(void **state)
{
	(void)state;
	ram.measured = 0;
	disk_refresh(disk);
	assert_int_equal(resizes, 0);
	assert_int_equal(disk->size, SIZE);
}

#define disk_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		disk_test(what_is_written_is_read_back),
		disk_test(requests_outside_the_disk_are_refused),
		disk_test(a_read_only_disk_is_never_changed),
		disk_test(a_flush_of_a_read_only_disk_succeeds),
		disk_test(an_empty_request_succeeds_without_the_backend),
		disk_test(a_batch_is_one_commit_and_one_batch_done_after_all),
		disk_test(what_finishes_later_comes_through_the_loop),
		disk_test(the_host_s_error_reaches_the_request),
		disk_test(done_may_submit_the_next_request),
		disk_test(an_endless_queue_leaves_room_for_others),
		disk_test(drain_returns_with_nothing_in_flight),
		disk_test(drain_waits_for_no_host_where_there_is_nothing_to_wait_for),
		disk_test(a_grown_disk_is_reported_once),
		disk_test(a_shrunk_disk_refuses_what_is_gone),
		disk_test(a_size_that_cannot_be_told_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
