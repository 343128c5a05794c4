/* test_virtqueue.c: rings and descriptors, well formed and not. */
#include "virtio/virtqueue.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/driver.h"
#include "vmm/util.h"

enum { SIZE = 8, ROOM = 16 };

#define INDIRECT (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT_IDX (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

/* One queue, its driver and a place for what is popped. */
struct bench {
	struct fake_memory memory;
	struct fake_ring ring;
	struct virtqueue vq;
	struct iovec iov[ROOM];
	struct virtq_chain chain;
	gpa_t buffer; /* 4096 bytes */
};

static void bench_restart(struct bench *bench, uint64_t features)
{
	bench->memory.next = 0x1000;
	fake_ring_init(&bench->ring, &bench->memory, SIZE);
	bench->buffer = fake_memory_alloc(&bench->memory, 4096);
	bench->chain = (struct virtq_chain){.iov = bench->iov, .cap = ROOM};
	assert_int_equal(
		virtqueue_enable(&bench->vq, &bench->memory.mem, &bench->ring.config, features), 0);
}

static int make_bench(void **state)
{
	static struct bench bench;

	bench = (struct bench){0};
	fake_memory_init(&bench.memory);
	bench_restart(&bench, INDIRECT);
	*state = &bench;
	return 0;
}

static int drop_bench(void **state)
{
	struct bench *bench = *state;

	fake_memory_free(&bench->memory);
	return 0;
}

static int pop(struct bench *bench)
{
	return virtqueue_pop(&bench->vq, &bench->chain);
}

/* A chain of one readable piece of len bytes. */
static uint16_t offer_one(struct bench *bench, uint32_t len)
{
	struct fake_segment segment = {.gpa = bench->buffer, .len = len};
	uint16_t head = fake_ring_chain(&bench->ring, &segment, 1);

	fake_ring_offer(&bench->ring, head);
	return head;
}

/*
 * Good drivers.
 */

static void a_request_goes_there_and_back(void **state)
{
	struct bench *bench = *state;
	const struct fake_segment segments[] = {
		{.gpa = bench->buffer, .len = 5},
		{.gpa = FAKE_HIGH_BASE, .len = 7},
		{.gpa = bench->buffer + 100, .len = 10, .write = true},
	};
	uint16_t head = fake_ring_chain(&bench->ring, segments, 3);
	uint16_t used_head = 0;
	uint32_t written = 0;
	char text[12];

	memcpy(fake_memory_at(&bench->memory, bench->buffer, 5), "hello", 5);
	memcpy(fake_memory_at(&bench->memory, FAKE_HIGH_BASE, 7), ", world", 7);
	assert_int_equal(pop(bench), 0);
	fake_ring_offer(&bench->ring, head);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.left, 12);
	assert_int_equal(bench->chain.out.left, 10);
	assert_int_equal(iov_take(&bench->chain.in, text, sizeof(text)), 12);
	assert_memory_equal(text, "hello, world", 12);
	assert_int_equal(iov_put(&bench->chain.out, "ok", 2), 2);
	assert_int_equal(pop(bench), 0);

	virtqueue_push(&bench->vq, &bench->chain, 2);
	assert_false(fake_ring_used(&bench->ring, NULL, NULL));
	assert_true(virtqueue_flush(&bench->vq));
	assert_true(fake_ring_used(&bench->ring, &used_head, &written));
	assert_int_equal(used_head, head);
	assert_int_equal(written, 2);
	assert_memory_equal(fake_memory_at(&bench->memory, bench->buffer + 100, 2), "ok", 2);
	assert_false(virtqueue_flush(&bench->vq));
}

static void indices_go_on_past_65535(void **state)
{
	struct bench *bench = *state;
	uint16_t head;

	for (unsigned int i = 0; i < 70000; i++) {
		uint16_t offered = offer_one(bench, 1);

		if (pop(bench) != 1)
			fail_msg("nothing popped at round %u", i);
		virtqueue_push(&bench->vq, &bench->chain, 0);
		virtqueue_flush(&bench->vq);
		if (!fake_ring_used(&bench->ring, &head, NULL) || head != offered)
			fail_msg("nothing used at round %u", i);
	}
	assert_int_equal(virtqueue_get_base(&bench->vq), 70000 - 65536);
}

static void a_full_ring_is_popped_and_returned_in_any_order(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chains[SIZE];
	struct iovec iov[SIZE];
	uint16_t head;

	for (unsigned int i = 0; i < SIZE; i++)
		offer_one(bench, i + 1);
	for (unsigned int i = 0; i < SIZE; i++) {
		chains[i] = (struct virtq_chain){.iov = &iov[i], .cap = 1};
		assert_int_equal(virtqueue_pop(&bench->vq, &chains[i]), 1);
		assert_int_equal(chains[i].in.left, i + 1);
	}
	assert_int_equal(pop(bench), 0);
	for (unsigned int i = SIZE; i-- > 0;)
		virtqueue_push(&bench->vq, &chains[i], i);
	assert_true(virtqueue_flush(&bench->vq));
	for (unsigned int i = SIZE; i-- > 0;) {
		assert_true(fake_ring_used(&bench->ring, &head, NULL));
		assert_int_equal(head, chains[i].head);
	}
}

static void an_unpopped_chain_is_popped_again(void **state)
{
	struct bench *bench = *state;
	uint16_t first = offer_one(bench, 1);

	offer_one(bench, 2);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(pop(bench), 1);
	virtqueue_unpop(&bench->vq, 2);
	assert_int_equal(virtqueue_get_base(&bench->vq), 0);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.head, first);
	assert_int_equal(bench->chain.in.left, 1);
}

static void an_indirect_table_is_followed_at_any_alignment(void **state)
{
	struct bench *bench = *state;
	const struct fake_segment segments[] = {
		{.gpa = bench->buffer, .len = 16},
		{.gpa = bench->buffer + 16, .len = 512, .write = true},
		{.gpa = bench->buffer + 528, .len = 1, .write = true},
	};

	for (unsigned int shift = 0; shift < 16; shift++) {
		uint16_t head = fake_ring_indirect(&bench->ring, &bench->memory, segments, 3);
		struct vring_desc *desc = &bench->ring.desc[head];
		uint8_t *table = fake_memory_at(&bench->memory, desc->addr, 64);

		memmove(table + shift, table, 48);
		desc->addr += shift;
		/* To be ignored there, 2.7.5.3.2. */
		desc->flags |= VRING_DESC_F_WRITE;
		fake_ring_offer(&bench->ring, head);
		assert_int_equal(pop(bench), 1);
		assert_int_equal(bench->chain.in.left, 16);
		assert_int_equal(bench->chain.out.left, 513);
		virtqueue_push(&bench->vq, &bench->chain, 513);
	}
}

static void direct_descriptors_may_end_in_an_indirect_one(void **state)
{
	struct bench *bench = *state;
	const struct fake_segment header = {.gpa = bench->buffer, .len = 16};
	const struct fake_segment data = {.gpa = bench->buffer, .len = 512, .write = true};
	uint16_t head = fake_ring_chain(&bench->ring, &header, 1);
	uint16_t rest = fake_ring_indirect(&bench->ring, &bench->memory, &data, 1);

	bench->ring.desc[head].flags = VRING_DESC_F_NEXT;
	bench->ring.desc[head].next = rest;
	fake_ring_offer(&bench->ring, head);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.left, 16);
	assert_int_equal(bench->chain.out.left, 512);
}

/* Linux makes indirect chains longer than the ring. */
static void an_indirect_chain_may_be_longer_than_the_ring(void **state)
{
	struct bench *bench = *state;
	struct fake_segment segments[ROOM];

	for (unsigned int i = 0; i < ROOM; i++)
		segments[i] = (struct fake_segment){.gpa = bench->buffer + i, .len = 1};
	fake_ring_offer(&bench->ring,
			fake_ring_indirect(&bench->ring, &bench->memory, segments, ROOM));
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.n, ROOM);
}

static void pieces_of_length_zero_say_nothing(void **state)
{
	struct bench *bench = *state;
	const struct fake_segment segments[] = {
		{.gpa = 0, .len = 0},
		{.gpa = bench->buffer, .len = 3},
		{.gpa = FAKE_HOLE, .len = 0},
		{.gpa = UINT64_MAX, .len = 0, .write = true},
	};

	fake_ring_offer(&bench->ring, fake_ring_chain(&bench->ring, segments, 4));
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.n, 1);
	assert_int_equal(bench->chain.in.left, 3);
	assert_int_equal(bench->chain.out.n, 0);
	assert_int_equal(bench->chain.out.left, 0);
}

static void a_chain_that_does_not_fit_comes_empty(void **state)
{
	struct bench *bench = *state;
	struct fake_segment segments[4];

	for (unsigned int i = 0; i < 4; i++)
		segments[i] = (struct fake_segment){.gpa = bench->buffer, .len = 1};
	bench->chain.cap = 3;
	fake_ring_offer(&bench->ring, fake_ring_chain(&bench->ring, segments, 4));
	fake_ring_offer(&bench->ring, fake_ring_chain(&bench->ring, segments, 3));
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.left, 0);
	assert_int_equal(bench->chain.out.left, 0);
	virtqueue_push(&bench->vq, &bench->chain, 0);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.left, 3);
}

/*
 * Notifications.
 */

static void without_event_idx_the_drivers_flag_decides(void **state)
{
	struct bench *bench = *state;

	for (unsigned int quiet = 0; quiet < 2; quiet++) {
		bench->ring.avail->flags = quiet ? VRING_AVAIL_F_NO_INTERRUPT : 0;
		offer_one(bench, 1);
		assert_int_equal(pop(bench), 1);
		virtqueue_push(&bench->vq, &bench->chain, 0);
		assert_int_equal(virtqueue_flush(&bench->vq), !quiet);
	}
}

static void with_event_idx_one_interrupt_comes_when_its_index_is_passed(void **state)
{
	struct bench *bench = *state;

	bench_restart(bench, EVENT_IDX);
	*fake_ring_used_event(&bench->ring) = 2; /* when the third is used */
	for (unsigned int i = 0; i < SIZE; i++) {
		offer_one(bench, 1);
		assert_int_equal(pop(bench), 1);
		virtqueue_push(&bench->vq, &bench->chain, 0);
		assert_int_equal(virtqueue_flush(&bench->vq), i == 2);
	}
}

static void a_batch_asks_once(void **state)
{
	struct bench *bench = *state;

	bench_restart(bench, EVENT_IDX);
	*fake_ring_used_event(&bench->ring) = 2;
	for (unsigned int i = 0; i < SIZE; i++) {
		offer_one(bench, 1);
		assert_int_equal(pop(bench), 1);
		virtqueue_push(&bench->vq, &bench->chain, 0);
	}
	assert_int_equal(bench->ring.used->idx, 0);
	assert_true(virtqueue_flush(&bench->vq));
	assert_int_equal(bench->ring.used->idx, SIZE);
	assert_false(virtqueue_flush(&bench->vq));
}

static void kicks_are_asked_for_by_flag_or_by_index(void **state)
{
	struct bench *bench = *state;

	virtqueue_disable_notify(&bench->vq);
	assert_int_equal(bench->ring.used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_enable_notify(&bench->vq));
	assert_int_equal(bench->ring.used->flags, 0);

	bench_restart(bench, EVENT_IDX);
	offer_one(bench, 1);
	assert_int_equal(pop(bench), 1);
	virtqueue_disable_notify(&bench->vq);
	assert_false(virtqueue_enable_notify(&bench->vq));
	assert_int_equal(*fake_ring_avail_event(&bench->ring), 1);
	assert_int_equal(bench->ring.used->flags, 0);
}

static void what_came_before_kicks_were_on_again_is_noticed(void **state)
{
	struct bench *bench = *state;

	for (unsigned int i = 0; i < 2; i++) {
		bench_restart(bench, i ? EVENT_IDX : 0);
		virtqueue_disable_notify(&bench->vq);
		assert_int_equal(pop(bench), 0);
		offer_one(bench, 1);
		assert_true(virtqueue_enable_notify(&bench->vq));
		assert_int_equal(pop(bench), 1);
		assert_false(virtqueue_enable_notify(&bench->vq));
	}
}

/* Hostile case 26. */
static void a_poisoned_used_event_costs_at_most_one_interrupt_a_batch(void **state)
{
	struct bench *bench = *state;
	unsigned int interrupts = 0;

	bench_restart(bench, EVENT_IDX);
	for (unsigned int i = 0; i < 1000; i++) {
		*fake_ring_used_event(&bench->ring) = (uint16_t)(i * 40503);
		offer_one(bench, 1);
		assert_int_equal(pop(bench), 1);
		virtqueue_push(&bench->vq, &bench->chain, 0);
		interrupts += virtqueue_flush(&bench->vq);
	}
	assert_true(interrupts <= 1000);
	assert_int_equal(bench->ring.used->idx, 1000);
}

/*
 * Enabling: hostile cases 17 and 18.
 */

static void rings_must_be_what_2_7_says(void **state)
{
	struct bench *bench = *state;
	const struct virtqueue_config good = bench->ring.config;
	const gpa_t end = FAKE_LOW_SIZE;
	const struct {
		const char *what;
		struct virtqueue_config config;
		int result;
	} cases[] = {
		{"as it should be", good, 0},
		{"of size 1", {good.desc, good.avail, good.used, 1, true}, 0},
		{"of size 0", {good.desc, good.avail, good.used, 0, true}, -EINVAL},
		{"of size 7", {good.desc, good.avail, good.used, 7, true}, -EINVAL},
		{"of size 2048", {good.desc, good.avail, good.used, 2048, true}, -EINVAL},
		{"of size 32768", {good.desc, good.avail, good.used, 32768, true}, -EINVAL},
		{"desc not aligned", {good.desc + 8, good.avail, good.used, SIZE, true}, -EINVAL},
		{"avail not aligned", {good.desc, good.avail + 1, good.used, SIZE, true}, -EINVAL},
		{"used not aligned", {good.desc, good.avail, good.used + 2, SIZE, true}, -EINVAL},
		{"desc in a hole", {FAKE_HOLE, good.avail, good.used, SIZE, true}, -EINVAL},
		{"avail in a hole", {good.desc, FAKE_HOLE, good.used, SIZE, true}, -EINVAL},
		{"used in a hole", {good.desc, good.avail, FAKE_HOLE, SIZE, true}, -EINVAL},
		{"desc up to the end", {end - 128, good.avail, good.used, SIZE, true}, 0},
		{"desc over the end", {end - 112, good.avail, good.used, SIZE, true}, -EINVAL},
		{"avail up to the end", {good.desc, end - 22, good.used, SIZE, true}, 0},
		{"avail over the end", {good.desc, end - 20, good.used, SIZE, true}, -EINVAL},
		{"used up to the end", {good.desc, good.avail, end - 72, SIZE, true}, 0},
		{"used over the end", {good.desc, good.avail, end - 68, SIZE, true}, -EINVAL},
		{"at the top of all", {-16ull, good.avail, good.used, SIZE, true}, -EINVAL},
		{"at address 0", {0, good.avail, good.used, SIZE, true}, 0},
		{"on top of each other", {good.desc, good.desc, good.desc, SIZE, true}, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int result = virtqueue_enable(&bench->vq, &bench->memory.mem, &cases[i].config, 0);

		if (result != cases[i].result)
			fail_msg("a ring %s: %d", cases[i].what, result);
		assert_int_equal(virtqueue_enabled(&bench->vq), result == 0);
		assert_int_equal(bench->vq.fault != NULL, result != 0);
	}
}

static void a_queue_that_is_not_enabled_is_silent(void **state)
{
	struct bench *bench = *state;

	offer_one(bench, 1);
	virtqueue_disable(&bench->vq);
	assert_int_equal(pop(bench), 0);
	assert_false(virtqueue_flush(&bench->vq));
	virtqueue_disable_notify(&bench->vq);
	assert_false(virtqueue_enable_notify(&bench->vq));
	assert_int_equal(bench->ring.used->flags, 0);
}

static void a_base_is_where_the_queue_goes_on(void **state)
{
	struct bench *bench = *state;
	uint16_t head;

	bench->ring.next_avail = bench->ring.next_used = 65534;
	virtqueue_set_base(&bench->vq, 65534);
	bench->ring.avail->idx = 65534;
	assert_int_equal(pop(bench), 0);
	for (unsigned int i = 0; i < 4; i++)
		offer_one(bench, 1);
	bench->ring.used->idx = 65534;
	while (pop(bench) == 1)
		virtqueue_push(&bench->vq, &bench->chain, 0);
	assert_true(virtqueue_flush(&bench->vq));
	for (unsigned int i = 0; i < 4; i++)
		assert_true(fake_ring_used(&bench->ring, &head, NULL));
	assert_int_equal(virtqueue_get_base(&bench->vq), 2);
}

/*
 * Hostile chains. Each row is what makes up the descriptors 0, 1 and 2 of the ring and of an
 * indirect table, with the head at 0.
 */

enum { TABLE = 0x8000 }; /* where the indirect table of a row is */

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define IND VRING_DESC_F_INDIRECT

static const struct hostile_chain {
	const char *what;
	struct vring_desc ring[3], table[3];
	int result;
	uint64_t features;
} hostile_chains[] = {
	/* 1 */
	{"a descriptor that is its own next", {{4096, 1, NEXT, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"a cycle of two", {{4096, 1, NEXT, 1}, {4096, 1, NEXT, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"a cycle of three",
	 {{4096, 1, NEXT, 1}, {4096, 1, NEXT, 2}, {4096, 1, NEXT, 0}},
	 {{0}},
	 -EPROTO,
	 INDIRECT},
	{"a cycle of nothing", {{0, 0, NEXT, 0}}, {{0}}, -EPROTO, INDIRECT},
	/* 3 */
	{"a next of the queue's size", {{4096, 1, NEXT, SIZE}}, {{0}}, -EPROTO, INDIRECT},
	{"a next of 65535", {{4096, 1, NEXT, 65535}}, {{0}}, -EPROTO, INDIRECT},
	/* 4 */
	{"address 0, which is RAM", {{0, 1, 0, 0}}, {{0}}, 1, INDIRECT},
	{"an address beyond RAM",
	 {{FAKE_HIGH_BASE + FAKE_HIGH_SIZE, 1, 0, 0}},
	 {{0}},
	 -EPROTO,
	 INDIRECT},
	{"an address in the hole", {{FAKE_HOLE, 1, 0, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"an address where a BAR is", {{0xc0000000, 4, WRITE, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"a piece over the hole",
	 {{FAKE_LOW_SIZE - 4, 0xffffffff, 0, 0}},
	 {{0}},
	 -EPROTO,
	 INDIRECT},
	{"a piece over the end of RAM", {{FAKE_LOW_SIZE - 4, 5, 0, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"a piece up to the end of RAM", {{FAKE_LOW_SIZE - 4, 4, 0, 0}}, {{0}}, 1, INDIRECT},
	/* 5 */
	{"length 0", {{4096, 0, 0, 0}}, {{0}}, 1, INDIRECT},
	{"length 2^32 - 1", {{4096, 0xffffffff, 0, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"an end beyond 2^64", {{UINT64_MAX, 2, 0, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"an end beyond 2^64, to write", {{-4096ull, 8192, WRITE, 0}}, {{0}}, -EPROTO, INDIRECT},
	/* 8 */
	{"readable after writable",
	 {{4096, 1, NEXT | WRITE, 1}, {4096, 1, 0, 0}},
	 {{0}},
	 -EPROTO,
	 INDIRECT},
	/* 10 */
	{"indirect, not negotiated", {{TABLE, 16, IND, 0}}, {{4096, 1, 0, 0}}, -EPROTO, 0},
	{"indirect in indirect", {{TABLE, 16, IND, 0}}, {{TABLE, 16, IND, 0}}, -EPROTO, INDIRECT},
	{"indirect with next", {{TABLE, 16, IND | NEXT, 1}}, {{4096, 1, 0, 0}}, -EPROTO, INDIRECT},
	{"a table of 17 bytes", {{TABLE, 17, IND, 0}}, {{4096, 1, 0, 0}}, -EPROTO, INDIRECT},
	{"a table of 15 bytes", {{TABLE, 15, IND, 0}}, {{4096, 1, 0, 0}}, -EPROTO, INDIRECT},
	{"a table of 0 bytes", {{TABLE, 0, IND, 0}}, {{4096, 1, 0, 0}}, -EPROTO, INDIRECT},
	{"a table of 4 GiB", {{TABLE, 0xfffffff0, IND, 0}}, {{4096, 1, 0, 0}}, -EPROTO, INDIRECT},
	{"a table as large as RAM allows",
	 {{TABLE, FAKE_LOW_SIZE - TABLE, IND, 0}},
	 {{4096, 1, 0, 0}},
	 1,
	 INDIRECT},
	{"a table in the hole", {{FAKE_HOLE, 16, IND, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"a table over the end", {{FAKE_LOW_SIZE - 16, 32, IND, 0}}, {{0}}, -EPROTO, INDIRECT},
	{"a table that loops", {{TABLE, 16, IND, 0}}, {{0, 0, NEXT, 0}}, -EPROTO, INDIRECT},
	{"a table of cycles",
	 {{TABLE, 32, IND, 0}},
	 {{4096, 0, NEXT, 1}, {4096, 0, NEXT, 0}},
	 -EPROTO,
	 INDIRECT},
	{"a next behind the table", {{TABLE, 16, IND, 0}}, {{4096, 1, NEXT, 1}}, -EPROTO, INDIRECT},
	{"a table that is the ring", {{0x1000, 128, IND, 0}}, {{0}}, -EPROTO, INDIRECT},
	/* 20 */
	{"a buffer that is the ring", {{0x1000, 4096, WRITE, 0}}, {{0}}, 1, INDIRECT},
};

static void hostile_chains_are_refused(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < ARRAY_SIZE(hostile_chains); i++) {
		const struct hostile_chain *row = &hostile_chains[i];
		int result;

		bench_restart(bench, row->features);
		assert_int_equal(bench->ring.config.desc, 0x1000);
		memcpy(bench->ring.desc, row->ring, sizeof(row->ring));
		memcpy(fake_memory_at(&bench->memory, TABLE, sizeof(row->table)), row->table,
		       sizeof(row->table));
		fake_ring_offer(&bench->ring, 0);
		result = pop(bench);
		if (result != row->result)
			fail_msg("%s: %d", row->what, result);
		if (result < 0) {
			assert_non_null(bench->vq.fault);
			/* It does not come back to life by itself, nor make anybody spin. */
			assert_int_equal(pop(bench), -EPROTO);
			assert_false(virtqueue_enable_notify(&bench->vq));
		}
	}
}

/* Hostile case 2: all of the ring, and one more. */
static void a_chain_longer_than_the_queue_is_refused(void **state)
{
	struct bench *bench = *state;

	for (unsigned int i = 0; i < SIZE; i++)
		bench->ring.desc[i] =
			(struct vring_desc){4096, 1, NEXT, (uint16_t)((i + 1) % SIZE)};
	bench->ring.desc[SIZE - 1].flags = 0;
	fake_ring_offer(&bench->ring, 0);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.n, SIZE);
	bench->ring.desc[SIZE - 1].flags = NEXT;
	fake_ring_offer(&bench->ring, 0);
	assert_int_equal(pop(bench), -EPROTO);
}

/* Hostile case 6. */
static void a_chain_of_more_than_4_gib_is_refused(void **state)
{
	struct bench *bench = *state;
	struct virtq_chain chain = {.cap = VIRTQUEUE_MAX_SIZE};
	static struct fake_segment segments[VIRTQUEUE_MAX_SIZE];
	static struct iovec iov[VIRTQUEUE_MAX_SIZE];
	struct memory_region *high = &bench->memory.mem.regions[1];
	uint64_t size = high->size;

	/* A region that claims to be larger than it is: nobody looks into it here. */
	high->size = 1ull << 33;
	chain.iov = iov;
	for (unsigned int i = 0; i < 5; i++)
		segments[i] = (struct fake_segment){.gpa = FAKE_HIGH_BASE, .len = 1u << 30};
	fake_ring_offer(&bench->ring, fake_ring_chain(&bench->ring, segments, 4));
	assert_int_equal(virtqueue_pop(&bench->vq, &chain), 1);
	assert_int_equal(chain.in.left, 1ull << 32);
	fake_ring_offer(&bench->ring,
			fake_ring_indirect(&bench->ring, &bench->memory, segments, 5));
	assert_int_equal(virtqueue_pop(&bench->vq, &chain), -EPROTO);
	high->size = size;
}

/* Hostile case 9. */
static void an_empty_chain_is_a_request_like_any(void **state)
{
	struct bench *bench = *state;

	offer_one(bench, 0);
	assert_int_equal(pop(bench), 1);
	assert_int_equal(bench->chain.in.left + bench->chain.out.left, 0);
	virtqueue_push(&bench->vq, &bench->chain, 0);
	assert_true(virtqueue_flush(&bench->vq));
}

/* Hostile case 11. */
static void the_same_head_twice_is_two_requests(void **state)
{
	struct bench *bench = *state;
	uint16_t head = offer_one(bench, 4);

	fake_ring_offer(&bench->ring, head);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(pop(bench), 1);
		assert_int_equal(bench->chain.head, head);
		assert_int_equal(bench->chain.in.left, 4);
	}
	virtqueue_push(&bench->vq, &bench->chain, 0);
	virtqueue_push(&bench->vq, &bench->chain, 0);
	assert_true(virtqueue_flush(&bench->vq));
	assert_int_equal(bench->ring.used->idx, 2);
}

/* Hostile case 12. */
static void an_available_index_may_not_jump(void **state)
{
	struct bench *bench = *state;
	static const struct {
		const char *what;
		unsigned int popped; /* and in flight */
		uint16_t index;
		int result;
	} cases[] = {
		{"all of the ring", 0, SIZE, 1},
		{"one too many", 0, SIZE + 1, -EPROTO},
		{"backwards", 0, 65535, -EPROTO},
		{"half way round", 0, 32768, -EPROTO},
		{"none new", 3, 3, 0},
		{"the rest", 3, SIZE, 1},
		{"in flight", 3, SIZE + 1, -EPROTO},
		{"back into flight", 3, 2, -EPROTO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int result;

		bench_restart(bench, 0);
		bench->ring.desc[0] = (struct vring_desc){bench->buffer, 1, 0, 0};
		bench->ring.avail->idx = (uint16_t)cases[i].popped;
		for (unsigned int popped = 0; popped < cases[i].popped; popped++)
			assert_int_equal(pop(bench), 1);
		bench->ring.avail->idx = cases[i].index;
		result = pop(bench);
		if (result != cases[i].result)
			fail_msg("an available index %s: %d", cases[i].what, result);
	}
}

/* Hostile case 13. */
static void an_available_entry_beyond_the_ring_is_refused(void **state)
{
	struct bench *bench = *state;
	static const uint16_t heads[] = {SIZE, SIZE + 1, 32768, 65535};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		bench_restart(bench, 0);
		fake_ring_offer(&bench->ring, heads[i]);
		assert_int_equal(pop(bench), -EPROTO);
	}
}

/* Hostile case 14. */
static void a_used_ring_full_of_scribbles_is_not_read(void **state)
{
	struct bench *bench = *state;
	uint16_t head;

	for (unsigned int i = 0; i < 3; i++) {
		uint16_t offered = offer_one(bench, 1);

		memset(bench->ring.used, 0xa5, 6 + 8 * SIZE);
		assert_int_equal(pop(bench), 1);
		virtqueue_push(&bench->vq, &bench->chain, i);
		assert_true(virtqueue_flush(&bench->vq));
		assert_int_equal(bench->ring.used->idx, i + 1);
		assert_true(fake_ring_used(&bench->ring, &head, NULL));
		assert_int_equal(head, offered);
	}
}

/*
 * Hostile case 19: a second vCPU rewrites ring and descriptors while they are read. Whatever is
 * seen, it is consistent: inside RAM and inside the room for it.
 */
struct scribbler {
	struct bench *bench;
	pthread_t thread;
	bool stop;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void *scribble(void *arg)
{
	static const uint64_t addresses[] = {0,		0x1000, FAKE_LOW_SIZE - 8, FAKE_HIGH_BASE,
					     FAKE_HOLE, TABLE,	UINT64_MAX,	   0x2000};
	static const uint32_t lengths[] = {0, 1, 16, 32, 4096, 64, 0xffffffff, 48};
	struct scribbler *scribbler = arg;
	struct bench *bench = scribbler->bench;
	uint64_t seed = 88172645463325252ull;

	while (!__atomic_load_n(&scribbler->stop, __ATOMIC_RELAXED)) {
		uint64_t dice = next_random(&seed);
		gpa_t table = dice & 1 ? TABLE : bench->ring.config.desc;
		uint64_t *words = fake_memory_at(&bench->memory, table, 128);
		unsigned int entry = dice >> 1 & 7;
		uint64_t flags = dice >> 4 & 7;
		uint64_t next = dice >> 7 & 7;

		__atomic_store_n(&words[entry * 2], addresses[dice >> 10 & 7], __ATOMIC_RELAXED);
		__atomic_store_n(&words[entry * 2 + 1],
				 lengths[dice >> 13 & 7] | flags << 32 | next << 48,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&bench->ring.avail->ring[dice >> 16 & 7], dice >> 19 & 7,
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void rings_that_change_while_they_are_read_do_no_harm(void **state)
{
	struct bench *bench = *state;
	struct scribbler scribbler = {.bench = bench};
	unsigned int popped = 0, broken = 0;

	bench_restart(bench, INDIRECT);
	assert_int_equal(pthread_create(&scribbler.thread, NULL, scribble, &scribbler), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		int result;

		virtqueue_disable(&bench->vq);
		assert_int_equal(virtqueue_enable(&bench->vq, &bench->memory.mem,
						  &bench->ring.config, INDIRECT),
				 0);
		__atomic_store_n(&bench->ring.avail->idx, (uint16_t)1, __ATOMIC_RELEASE);
		result = pop(bench);
		popped += result == 1;
		broken += result == -EPROTO;
		if (result != 1)
			continue;
		assert_true(bench->chain.in.n + bench->chain.out.n <= ROOM);
		for (unsigned int k = 0; k < bench->chain.in.n + bench->chain.out.n; k++) {
			uint8_t *low = fake_memory_at(&bench->memory, 0, FAKE_LOW_SIZE);
			uint8_t *high =
				fake_memory_at(&bench->memory, FAKE_HIGH_BASE, FAKE_HIGH_SIZE);
			uint8_t *at = bench->iov[k].iov_base;
			size_t len = bench->iov[k].iov_len;

			assert_true((at >= low && at + len <= low + FAKE_LOW_SIZE) ||
				    (at >= high && at + len <= high + FAKE_HIGH_SIZE));
		}
	}
	__atomic_store_n(&scribbler.stop, true, __ATOMIC_RELAXED);
	pthread_join(scribbler.thread, NULL);
	assert_int_equal(popped + broken, 20000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bench, drop_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_goes_there_and_back),
		TEST(indices_go_on_past_65535),
		TEST(a_full_ring_is_popped_and_returned_in_any_order),
		TEST(an_unpopped_chain_is_popped_again),
		TEST(an_indirect_table_is_followed_at_any_alignment),
		TEST(direct_descriptors_may_end_in_an_indirect_one),
		TEST(an_indirect_chain_may_be_longer_than_the_ring),
		TEST(pieces_of_length_zero_say_nothing),
		TEST(a_chain_that_does_not_fit_comes_empty),
		TEST(without_event_idx_the_drivers_flag_decides),
		TEST(with_event_idx_one_interrupt_comes_when_its_index_is_passed),
		TEST(a_batch_asks_once),
		TEST(kicks_are_asked_for_by_flag_or_by_index),
		TEST(what_came_before_kicks_were_on_again_is_noticed),
		TEST(a_poisoned_used_event_costs_at_most_one_interrupt_a_batch),
		TEST(rings_must_be_what_2_7_says),
		TEST(a_queue_that_is_not_enabled_is_silent),
		TEST(a_base_is_where_the_queue_goes_on),
		TEST(hostile_chains_are_refused),
		TEST(a_chain_longer_than_the_queue_is_refused),
		TEST(a_chain_of_more_than_4_gib_is_refused),
		TEST(an_empty_chain_is_a_request_like_any),
		TEST(the_same_head_twice_is_two_requests),
		TEST(an_available_index_may_not_jump),
		TEST(an_available_entry_beyond_the_ring_is_refused),
		TEST(a_used_ring_full_of_scribbles_is_not_read),
		TEST(rings_that_change_while_they_are_read_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
