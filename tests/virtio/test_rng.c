/* test_rng.c: the entropy device. */
#include "virtio/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/driver.h"
#include "vmm/util.h"

static struct loop loop;
static struct fake_memory memory;
static struct fake_driver driver;
static struct virtio_rng *rng;
static gpa_t data;

enum { DATA_SIZE = 65536 };

static int setup(void **state)
{
	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	fake_memory_init(&memory);
	data = fake_memory_alloc(&memory, DATA_SIZE);
	assert_int_equal(virtio_rng_create("rng0", &loop, &memory.mem, &rng), 0);
	memset(&driver, 0, sizeof(driver));
	fake_driver_start(&driver, virtio_rng_device(rng), &memory, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_rng_free(rng);
	fake_memory_free(&memory);
	loop_destroy(&loop);
	return 0;
}

static uint32_t ask(const struct fake_segment *segments, unsigned int n)
{
	uint16_t head = fake_driver_offer(&driver, 0, segments, n), used;
	uint32_t written;

	fake_driver_kick(&driver, 0);
	assert_true(fake_driver_used(&driver, 0, &used, &written));
	assert_int_equal(used, head);
	return written;
}

static void a_request_is_filled_with_random_bytes(void **state)
{
	const struct fake_segment segment = {.gpa = data, .len = 64, .write = true};
	uint8_t first[64], *bytes = fake_memory_at(&memory, data, DATA_SIZE);

	(void)state;
	assert_int_equal(ask(&segment, 1), 64);
	memcpy(first, bytes, 64);
	assert_int_equal(ask(&segment, 1), 64);
	assert_memory_not_equal(first, bytes, 64);
	assert_int_equal(bytes[64], 0);
	assert_int_equal(driver.transport.queue_interrupts[0], 2);
}

/* Case 30. */
static void odd_requests_get_what_is_due_and_no_more(void **state)
{
	static const struct {
		struct fake_segment segments[2];
		unsigned int n;
		uint32_t written;
	} table[] = {
		{{{.len = DATA_SIZE, .write = true}}, 1, 4096},	    /* huge */
		{{{.len = 0, .write = true}}, 1, 0},		    /* empty */
		{{{.len = 16}}, 1, 0},				    /* nothing to write to */
		{{{.len = 16}, {.len = 16, .write = true}}, 2, 16}, /* a header nobody asked for */
		{{{.len = 1, .write = true}, {.len = 5000, .write = true}}, 2, 4096},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct fake_segment segments[2];

		memcpy(segments, table[i].segments, sizeof(segments));
		segments[0].gpa = data;
		segments[1].gpa = data + 20000;
		assert_int_equal(ask(segments, table[i].n), table[i].written);
	}
}

static void many_requests_take_turns_with_the_rest_of_the_loop(void **state)
{
	const struct fake_segment segment = {.gpa = data, .len = 8, .write = true};
	unsigned int served = 0;

	(void)state;
	for (unsigned int i = 0; i < 64; i++)
		fake_driver_offer(&driver, 0, &segment, 1);
	fake_driver_kick(&driver, 0);
	while (fake_driver_used(&driver, 0, NULL, NULL))
		served++;
	assert_int_equal(served, 16);
	for (unsigned int i = 0; i < 4; i++)
		fake_driver_kick(&driver, 0); /* as the loop will, for it kicked itself */
	while (fake_driver_used(&driver, 0, NULL, NULL))
		served++;
	assert_int_equal(served, 64);
}

static void it_survives_ten_thousand_resets(void **state)
{
	const struct fake_segment segment = {.gpa = data, .len = 8, .write = true};

	(void)state;
	for (unsigned int i = 0; i < 10000; i++)
		fake_driver_reset(&driver);
	fake_driver_start(&driver, virtio_rng_device(rng), &memory, 0);
	assert_int_equal(ask(&segment, 1), 8);
}

static void a_broken_ring_is_latched_until_reset(void **state)
{
	const struct fake_segment wild = {.gpa = FAKE_HOLE, .len = 8, .write = true};
	const struct fake_segment good = {.gpa = data, .len = 8, .write = true};

	(void)state;
	fake_driver_offer(&driver, 0, &wild, 1);
	fake_driver_kick(&driver, 0);
	assert_true(fake_driver_needs_reset(&driver));
	fake_driver_start(&driver, virtio_rng_device(rng), &memory, 0);
	assert_int_equal(ask(&good, 1), 8);
}

#define with(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(a_request_is_filled_with_random_bytes),
		with(odd_requests_get_what_is_due_and_no_more),
		with(many_requests_take_turns_with_the_rest_of_the_loop),
		with(it_survives_ten_thousand_resets),
		with(a_broken_ring_is_latched_until_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
