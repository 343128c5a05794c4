/* test_raw_queue.c: what becomes of a request when the host does less than it was asked for. The
 * engine is the test: it looks at each operation and decides its result. */
#include "devices/backend/raw_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "vmm/util.h"

enum { FILE_BYTES = 4 << 20 };

/* Performs operations on bytes in memory, moving at most limit at once. */
struct fake_engine {
	struct io_engine engine;
	struct io_list added, submitted;
	unsigned int in_flight, most_in_flight, submits, ops;
	int limit;	/* bytes that a read or write moves at most */
	int errors[4];	/* what the next operations end with, 0 ends the list */
	bool no_holes;	/* fallocate is not supported */
	int last_flags; /* of the last write or fallocate */
	unsigned int syncs;
	uint8_t bytes[FILE_BYTES];
};

static struct fake_engine fake;
static struct raw_queue queue;
static struct disk_queue owner;
static struct disk disk;
static uint8_t buffer[1 << 20] __attribute__((aligned(4096)));

static void fake_add(struct io_engine *engine, struct io_op *op)
{
	(void)engine;
	io_list_append(&fake.added, op);
	fake.in_flight++;
	if (fake.in_flight > fake.most_in_flight)
		fake.most_in_flight = fake.in_flight;
}

static void fake_submit(struct io_engine *engine)
{
	struct io_op *op;

	(void)engine;
	fake.submits += fake.added.first != NULL;
	while ((op = io_list_take(&fake.added)) != NULL)
		io_list_append(&fake.submitted, op);
}

static int move(const struct io_op *op)
{
	uint64_t at = op->offset;
	int left = fake.limit;

	for (unsigned int i = 0; i < op->n && left > 0; i++) {
		size_t n = op->iov[i].iov_len;

		if (n > (size_t)left)
			n = (size_t)left;
		if (n > FILE_BYTES - at)
			n = FILE_BYTES - at;
		if (op->code == IO_READ)
			memcpy(op->iov[i].iov_base, fake.bytes + at, n);
		else
			memcpy(fake.bytes + at, op->iov[i].iov_base, n);
		at += n;
		left -= (int)n;
	}
	return (int)(at - op->offset);
}

static int perform(const struct io_op *op)
{
	int err = fake.errors[0];

	fake.ops++;
	fake.last_flags = op->flags;
	if (err) {
		memmove(fake.errors, fake.errors + 1, sizeof(fake.errors) - sizeof(int));
		return err;
	}
	fake.syncs += op->code == IO_SYNC;
	if (op->code == IO_READ || op->code == IO_WRITE)
		return move(op);
	if (op->code == IO_ALLOCATE && fake.no_holes)
		return -EOPNOTSUPP;
	if (op->code == IO_ALLOCATE)
		memset(fake.bytes + op->offset, 0, op->len);
	return 0;
}

static struct io_op *fake_reap(struct io_engine *engine)
{
	struct io_op *op = io_list_take(&fake.submitted);

	(void)engine;
	if (op) {
		fake.in_flight--;
		op->result = perform(op);
	}
	return op;
}

static void fake_nothing(struct io_engine *engine)
{
	(void)engine;
}

static const struct io_engine_ops fake_ops = {
	.add = fake_add,
	.submit = fake_submit,
	.reap = fake_reap,
	.wait = fake_nothing,
	.free = fake_nothing,
};

static unsigned int ndone;
static int last_err;

static void count_done(struct disk_request *request, int err)
{
	(void)request;
	ndone++;
	last_err = err;
}

static void make_queue(uint32_t alignment)
{
	memset(&fake, 0, sizeof(fake));
	memset(&queue, 0, sizeof(queue));
	fake.engine.ops = &fake_ops;
	fake.limit = FILE_BYTES;
	owner.disk = &disk;
	disk.name = "fake";
	disk.failed = true; /* nothing to be said about errors here */
	ndone = 0;
	for (size_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(i * 31 ^ i >> 8);
	for (size_t i = 0; i < FILE_BYTES; i++)
		fake.bytes[i] = 0xee;
	assert_int_equal(raw_queue_init(&queue, &fake.engine, alignment), 0);
}

static int setup(void **state)
{
	(void)state;
	make_queue(1);
	return 0;
}

static int setup_direct(void **state)
{
	(void)state;
	make_queue(512);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	raw_queue_destroy(&queue);
	return 0;
}

/* As disk.c does it, until nothing is left to reap. */
static void finish_all(void)
{
	raw_queue_commit(&queue);
	while (raw_queue_reap(&queue) > 0)
		;
}

static void submit(struct disk_request *request)
{
	request->queue = &owner;
	request->done = count_done;
	owner.in_flight++;
	raw_queue_submit(&queue, request);
}

static int run(struct disk_request request)
{
	ndone = 0;
	submit(&request);
	finish_all();
	assert_int_equal(ndone, 1);
	return last_err;
}

static int run_move(enum disk_op op, uint64_t offset, const struct iovec *iov, unsigned int n)
{
	struct disk_request request = {.op = op, .offset = offset, .iov = iov, .n = n};

	for (unsigned int i = 0; i < n; i++)
		request.len += iov[i].iov_len;
	return run(request);
}

/* Three vectors over all of buffer's first 12 KiB, in order. */
static const struct iovec three[] = {
	{.iov_base = buffer, .iov_len = 1000},
	{.iov_base = buffer + 1000, .iov_len = 7000},
	{.iov_base = buffer + 8000, .iov_len = 4288},
};

static void what_is_moved_in_bits_arrives_whole(void **state)
{
	static const int limits[] = {1, 7, 512, 999, 1000, 1001, 8000, 12287, 12288};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		fake.limit = limits[i];
		memset(fake.bytes, 0xee, 16384);
		assert_int_equal(run_move(DISK_WRITE, 512, three, 3), 0);
		assert_memory_equal(fake.bytes + 512, buffer, 12288);
		assert_int_equal(fake.bytes[511], 0xee);
		assert_int_equal(fake.bytes[512 + 12288], 0xee);
	}
}

static void a_read_in_bits_fills_every_byte(void **state)
{
	uint8_t expected[12288];

	(void)state;
	memcpy(expected, buffer, sizeof(expected));
	memcpy(fake.bytes, expected, sizeof(expected));
	memset(buffer, 0, sizeof(expected));
	fake.limit = 777;
	assert_int_equal(run_move(DISK_READ, 0, three, 3), 0);
	assert_memory_equal(buffer, expected, sizeof(expected));
}

static void the_end_of_the_file_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(run_move(DISK_READ, FILE_BYTES - 4096, three, 3), -EIO);
	assert_int_equal(run_move(DISK_READ, FILE_BYTES, three, 3), -EIO);
}

static void what_the_kernel_interrupts_is_asked_for_again(void **state)
{
	(void)state;
	fake.errors[0] = -EINTR;
	fake.errors[1] = -EAGAIN;
	assert_int_equal(run_move(DISK_WRITE, 0, three, 3), 0);
	assert_int_equal(fake.ops, 3);
	assert_memory_equal(fake.bytes, buffer, 12288);
}

static void an_error_in_the_middle_is_the_request_s(void **state)
{
	(void)state;
	fake.errors[0] = -ENOSPC;
	assert_int_equal(run_move(DISK_WRITE, 0, three, 3), -ENOSPC);
	fake.limit = 100;
	fake.errors[0] = 0;
	assert_int_equal(run_move(DISK_WRITE, 0, three, 3), 0);
}

static void durable_writes_carry_the_flag(void **state)
{
	struct disk_request request = {
		.op = DISK_WRITE, .len = 1000, .iov = three, .n = 1, .durable = true};

	(void)state;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.last_flags, RWF_DSYNC);
	assert_int_equal(fake.ops, 1);
	request.durable = false;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.last_flags, 0);
}

static void a_flush_is_one_sync(void **state)
{
	(void)state;
	assert_int_equal(run((struct disk_request){.op = DISK_FLUSH}), 0);
	assert_int_equal(fake.syncs, 1);
	assert_int_equal(fake.ops, 1);
}

static void holes_are_punched_where_they_may_be(void **state)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	const int zero = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
	struct disk_request request = {.op = DISK_DISCARD, .offset = 4096, .len = 8192};

	(void)state;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.last_flags, punch);
	request.op = DISK_WRITE_ZEROES;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.last_flags, zero);
	request.unmap = true;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.last_flags, punch);
	assert_int_equal(fake.bytes[4095], 0xee);
	assert_int_equal(fake.bytes[4096], 0);
	assert_int_equal(fake.ops, 3);
}

static void zeroes_are_written_where_there_are_no_holes(void **state)
{
	static const uint64_t lengths[] = {512, 4096, 4608, 65536, 512 * 1024, 1536 * 1024 + 512};

	(void)state;
	fake.no_holes = true;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct disk_request request = {
			.op = DISK_WRITE_ZEROES, .offset = 512, .len = lengths[i]};

		memset(fake.bytes, 0xee, FILE_BYTES);
		fake.limit = i % 2 ? 100000 : FILE_BYTES;
		assert_int_equal(run(request), 0);
		assert_int_equal(fake.bytes[511], 0xee);
		for (uint64_t k = 0; k < lengths[i]; k++)
			assert_int_equal(fake.bytes[512 + k], 0);
		assert_int_equal(fake.bytes[512 + lengths[i]], 0xee);
	}
}

static void a_discard_without_holes_is_good_advice_not_taken(void **state)
{
	(void)state;
	fake.no_holes = true;
	assert_int_equal(run((struct disk_request){.op = DISK_DISCARD, .len = 4096}), 0);
	assert_int_equal(fake.bytes[0], 0xee);
	assert_int_equal(fake.ops, 1);
}

static void a_discard_that_fails_otherwise_says_so(void **state)
{
	(void)state;
	fake.errors[0] = -EIO;
	assert_int_equal(run((struct disk_request){.op = DISK_DISCARD, .len = 4096}), -EIO);
}

static void durable_zeroes_are_synced(void **state)
{
	struct disk_request request = {.op = DISK_WRITE_ZEROES, .len = 8192, .durable = true};

	(void)state;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.syncs, 1);
	fake.no_holes = true;
	assert_int_equal(run(request), 0);
	assert_int_equal(fake.syncs, 2);
	fake.errors[0] = -EOPNOTSUPP;
	fake.errors[1] = -ENOSPC;
	assert_int_equal(run(request), -ENOSPC);
	assert_int_equal(fake.syncs, 2);
}

static void requests_beyond_the_slots_wait_in_order(void **state)
{
	static struct disk_request requests[3 * RAW_SLOTS];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		requests[i] = (struct disk_request){
			.op = DISK_WRITE, .offset = i * 512, .len = 1000, .iov = three, .n = 1};
		submit(&requests[i]);
	}
	finish_all();
	assert_int_equal(ndone, ARRAY_SIZE(requests));
	assert_int_equal(fake.most_in_flight, RAW_SLOTS);
	assert_in_range(fake.submits, 3, 4);
}

static void unaligned_buffers_bounce_and_aligned_ones_do_not(void **state)
{
	const struct iovec aligned = {.iov_base = buffer + 512, .iov_len = 1024};
	const struct iovec unaligned = {.iov_base = buffer + 100, .iov_len = 200 * 1024};
	uint8_t expected[200 * 1024];

	(void)state;
	assert_int_equal(run_move(DISK_WRITE, 0, &aligned, 1), 0);
	assert_int_equal(fake.ops, 1);
	assert_int_equal(run_move(DISK_WRITE, 4096, &unaligned, 1), 0);
	assert_int_equal(fake.ops, 5); /* 64 KiB at a time */
	memcpy(expected, buffer + 100, sizeof(expected));
	assert_memory_equal(fake.bytes + 4096, expected, sizeof(expected));
	memset(buffer, 0, sizeof(buffer));
	fake.limit = 4096; /* and the host moves less still */
	assert_int_equal(run_move(DISK_READ, 4096, &unaligned, 1), 0);
	assert_memory_equal(buffer + 100, expected, sizeof(expected));
	assert_int_equal(buffer[99], 0);
	assert_int_equal(buffer[100 + sizeof(expected)], 0);
}

static void scattered_unaligned_buffers_bounce_as_one(void **state)
{
	(void)state;
	assert_int_equal(run_move(DISK_WRITE, 0, three, 3), 0);
	assert_int_equal(fake.ops, 1);
	assert_memory_equal(fake.bytes, buffer, 12288);
}

#define with(setup_function, name) cmocka_unit_test_setup_teardown(name, setup_function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(setup, what_is_moved_in_bits_arrives_whole),
		with(setup, a_read_in_bits_fills_every_byte),
		with(setup, the_end_of_the_file_is_an_error),
		with(setup, what_the_kernel_interrupts_is_asked_for_again),
		with(setup, an_error_in_the_middle_is_the_request_s),
		with(setup, durable_writes_carry_the_flag),
		with(setup, a_flush_is_one_sync),
		with(setup, holes_are_punched_where_they_may_be),
		with(setup, zeroes_are_written_where_there_are_no_holes),
		with(setup, a_discard_without_holes_is_good_advice_not_taken),
		with(setup, a_discard_that_fails_otherwise_says_so),
		with(setup, durable_zeroes_are_synced),
		with(setup, requests_beyond_the_slots_wait_in_order),
		with(setup_direct, unaligned_buffers_bounce_and_aligned_ones_do_not),
		with(setup_direct, scattered_unaligned_buffers_bounce_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
