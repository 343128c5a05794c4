/* test_disk_memory.c: bytes as a disk that nobody can change. */
#include "devices/backend/disk_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "vmm/util.h"

enum { SIZE = 8 * DISK_SECTOR, REQUESTS = 3 };

static struct loop loop;
static struct disk *disk;
static uint8_t image[SIZE], buffer[SIZE];
static unsigned int done, batches;
static int last_err;

static void request_done(struct disk_request *request, int err)
{
	(void)request;
	last_err = err;
	done++;
}

static void batch_done(struct disk_client *client, unsigned int queue)
{
	(void)client;
	(void)queue;
	batches++;
}

static void resized(struct disk_client *client)
{
	(void)client;
	fail();
}

static const struct disk_client_ops client_ops = {.batch_done = batch_done, .resized = resized};
static struct disk_client client = {.ops = &client_ops};

static int setup(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * 7 + i / 256);
	memset(buffer, 0, sizeof(buffer));
	done = batches = 0;
	last_err = 1;
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(disk_memory_open("seed", image, SIZE, &disk), 0);
	return disk_attach(disk, &client, &loop, 2);
}

static int teardown(void **state)
{
	(void)state;
	disk_close(disk);
	loop_destroy(&loop);
	return 0;
}

static struct disk_request make(enum disk_op op, uint64_t offset, uint64_t len,
				const struct iovec *iov, unsigned int n)
{
	return (struct disk_request){
		.op = op, .offset = offset, .len = len, .iov = iov, .n = n, .done = request_done};
}

static void it_has_the_bytes_it_was_made_of(void **state)
{
	const struct iovec iov[] = {{buffer, 100}, {buffer + 100, 2 * DISK_SECTOR - 100}};
	struct disk_request request = make(DISK_READ, DISK_SECTOR, 2 * DISK_SECTOR, iov, 2);

	(void)state;
	disk_submit(disk, 0, &request);
	assert_int_equal(done, 0);
	disk_commit(disk, 0);
	assert_int_equal(done, 1);
	assert_int_equal(batches, 1);
	assert_int_equal(last_err, 0);
	assert_memory_equal(buffer, image + DISK_SECTOR, 2 * DISK_SECTOR);
	assert_int_equal(disk->size, SIZE);
	assert_true(disk->read_only);
}

static void the_copy_is_its_own(void **state)
{
	const struct iovec iov = {buffer, DISK_SECTOR};
	struct disk_request request = make(DISK_READ, 0, DISK_SECTOR, &iov, 1);
	uint8_t first = image[1];

	(void)state;
	memset(image, 0xff, SIZE);
	disk_submit(disk, 1, &request);
	disk_commit(disk, 1);
	assert_int_equal(buffer[1], first);
}

static void queues_do_not_meet(void **state)
{
	const struct iovec iov = {buffer, DISK_SECTOR};
	struct disk_request requests[REQUESTS];

	(void)state;
	for (unsigned int i = 0; i < REQUESTS; i++) {
		requests[i] = make(DISK_READ, 0, DISK_SECTOR, &iov, 1);
		disk_submit(disk, i % 2, &requests[i]);
	}
	disk_commit(disk, 1);
	assert_int_equal(done, 1);
	disk_drain(disk);
	assert_int_equal(done, REQUESTS);
}

static void nothing_changes_it(void **state)
{
	static const enum disk_op ops[] = {DISK_WRITE, DISK_DISCARD, DISK_WRITE_ZEROES};
	const struct iovec iov = {buffer, DISK_SECTOR};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		struct disk_request request = make(ops[i], 0, DISK_SECTOR, &iov, 1);

		disk_submit(disk, 0, &request);
		disk_commit(disk, 0);
		assert_int_equal(last_err, -EROFS);
	}
}

static void what_reaches_beyond_its_end_is_refused(void **state)
{
	const struct iovec iov = {buffer, 2 * DISK_SECTOR};
	struct disk_request beyond = make(DISK_READ, SIZE - DISK_SECTOR, 2 * DISK_SECTOR, &iov, 1);
	struct disk_request far = make(DISK_READ, UINT64_MAX - 511, DISK_SECTOR, &iov, 1);

	(void)state;
	disk_submit(disk, 0, &beyond);
	disk_submit(disk, 0, &far);
	disk_commit(disk, 0);
	assert_int_equal(done, 2);
	assert_int_equal(last_err, -ERANGE);
	disk_refresh(disk); /* its size never changes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_has_the_bytes_it_was_made_of, setup, teardown),
		cmocka_unit_test_setup_teardown(the_copy_is_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(queues_do_not_meet, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_changes_it, setup, teardown),
		cmocka_unit_test_setup_teardown(what_reaches_beyond_its_end_is_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
