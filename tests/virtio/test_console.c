/* test_console.c: the console device and its port (virtio/console.c, console_port.c). */
#include "virtio/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/virtio_console.h>

#include "tests/fake/driver.h"
#include "tests/fake/wires.h"
#include "virtio/console_port.h"
#include "vmm/util.h"

enum { RECEIVEQ, TRANSMITQ };
enum { DATA_SIZE = 256 * 1024 };

static struct loop loop;
static struct fake_memory memory;
static struct fake_driver driver;
static struct fake_stream stream;
static struct console_hub hub;
static struct virtio_console *console;
static gpa_t data;

static const uint64_t usual = UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE;

static void make(struct stream *behind, struct console_hub *with_hub)
{
	assert_int_equal(
		virtio_console_create(behind, with_hub, "console", &loop, &memory.mem, &console),
		0);
	memset(&driver, 0, sizeof(driver));
	fake_driver_start(&driver, virtio_console_device(console), &memory, usual);
}

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	fake_memory_init(&memory);
	data = fake_memory_alloc(&memory, DATA_SIZE);
	fake_stream_init(&stream);
	return 0;
}

static int setup(void **state)
{
	set_up(state);
	make(&stream.stream, NULL);
	return 0;
}

static int setup_with_hub(void **state)
{
	set_up(state);
	console_hub_init(&hub, &stream.stream);
	make(&hub.fronts[CONSOLE_VIRTIO].stream, &hub);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_console_free(console);
	fake_memory_free(&memory);
	loop_destroy(&loop);
	return 0;
}

static void *at(uint64_t offset, uint64_t len)
{
	return fake_memory_at(&memory, data + offset, len);
}

/* The guest writes: one chain of two pieces. */
static void print(const char *text)
{
	uint32_t len = (uint32_t)strlen(text);
	struct fake_segment pieces[] = {{.gpa = data, .len = 1},
					{.gpa = data + 4096, .len = len - 1}};

	memcpy(at(0, 1), text, 1);
	memcpy(at(4096, len), text + 1, len - 1);
	fake_driver_offer(&driver, TRANSMITQ, pieces, 2);
	fake_driver_kick(&driver, TRANSMITQ);
}

static void offer_buffer(uint64_t offset, uint32_t len)
{
	struct fake_segment buffer = {.gpa = data + offset, .len = len, .write = true};

	fake_driver_offer(&driver, RECEIVEQ, &buffer, 1);
	fake_driver_kick(&driver, RECEIVEQ);
}

static void written(const char *text)
{
	assert_int_equal(stream.out_len, strlen(text));
	assert_memory_equal(stream.out, text, strlen(text));
}

static void what_the_guest_prints_goes_out(void **state)
{
	(void)state;
	print("hello, ");
	print("world");
	written("hello, world");
	assert_true(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	assert_true(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	assert_int_equal(driver.transport.queue_interrupts[TRANSMITQ], 2);
}

static void a_full_stream_keeps_the_request_and_loses_nothing(void **state)
{
	(void)state;
	stream.room = 3;
	print("abcdef");
	print("ghi");
	written("abc");
	assert_false(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	fake_stream_make_room(&stream, 4);
	written("abcdefg");
	assert_true(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	assert_false(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	fake_stream_make_room(&stream, 100);
	written("abcdefghi");
	assert_true(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
}

static void a_reset_forgets_a_request_that_was_begun(void **state)
{
	(void)state;
	stream.room = 3;
	print("abcdef");
	fake_driver_start(&driver, virtio_console_device(console), &memory, usual);
	fake_stream_make_room(&stream, 100);
	written("abc");
	print("xyz");
	written("abcxyz");
}

/* Another queue is reset: the device stops and starts, and the request goes on where it was. */
static void a_stop_that_is_no_reset_neither_loses_nor_repeats_output(void **state)
{
	struct virtio_device *dev = virtio_console_device(console);

	(void)state;
	fake_driver_start(&driver, dev, &memory, usual | UINT64_C(1) << VIRTIO_F_RING_RESET);
	stream.room = 3;
	print("abcdef");
	virtio_queue_change(dev, RECEIVEQ, VIRTIO_QUEUE_RESET);
	assert_false(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	fake_stream_make_room(&stream, 100);
	written("abcdef");
	assert_true(fake_driver_used(&driver, TRANSMITQ, NULL, NULL));
	/* Only that one goes on, not whatever has the same descriptors later. */
	driver.rings[TRANSMITQ].next_desc = 0;
	print("ghijkl");
	written("abcdefghijkl");
}

static void a_queue_that_is_reset_takes_its_request_with_it(void **state)
{
	struct virtio_device *dev = virtio_console_device(console);
	struct fake_ring *ring = &driver.rings[TRANSMITQ];

	(void)state;
	fake_driver_start(&driver, dev, &memory, usual | UINT64_C(1) << VIRTIO_F_RING_RESET);
	stream.room = 3;
	print("abcdef");
	virtio_queue_change(dev, TRANSMITQ, VIRTIO_QUEUE_RESET);
	fake_ring_init(ring, &memory, CONSOLE_QUEUE_SIZE);
	virtio_queue_write(dev, TRANSMITQ, VIRTIO_QUEUE_DESC_LOW, (uint32_t)ring->config.desc);
	virtio_queue_write(dev, TRANSMITQ, VIRTIO_QUEUE_AVAIL_LOW, (uint32_t)ring->config.avail);
	virtio_queue_write(dev, TRANSMITQ, VIRTIO_QUEUE_USED_LOW, (uint32_t)ring->config.used);
	virtio_queue_change(dev, TRANSMITQ, VIRTIO_QUEUE_ENABLE);
	fake_stream_make_room(&stream, 100);
	print("ghijkl");
	written("abcghijkl");
}

static void input_fills_the_buffers_of_the_guest(void **state)
{
	uint16_t head;
	uint32_t len;

	(void)state;
	offer_buffer(0, 4);
	offer_buffer(100, 100);
	assert_false(fake_driver_used(&driver, RECEIVEQ, &head, &len));
	fake_stream_type(&stream, "typed");
	assert_true(fake_driver_used(&driver, RECEIVEQ, &head, &len));
	assert_int_equal(len, 4);
	assert_memory_equal(at(0, 4), "type", 4);
	assert_true(fake_driver_used(&driver, RECEIVEQ, &head, &len));
	assert_int_equal(len, 1);
	assert_memory_equal(at(100, 1), "d", 1);
	assert_int_equal(driver.transport.queue_interrupts[RECEIVEQ], 1);
}

static void input_waits_while_the_guest_has_no_buffers(void **state)
{
	uint32_t len;

	(void)state;
	fake_stream_type(&stream, "early");
	assert_int_equal(stream.in_taken, 0);
	offer_buffer(0, 100);
	assert_true(fake_driver_used(&driver, RECEIVEQ, NULL, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(at(0, 5), "early", 5);
}

static void a_buffer_without_input_stays_the_drivers(void **state)
{
	uint32_t len;

	(void)state;
	offer_buffer(0, 100);
	for (unsigned int i = 0; i < 100; i++)
		fake_driver_kick(&driver, RECEIVEQ);
	assert_false(fake_driver_used(&driver, RECEIVEQ, NULL, NULL));
	fake_stream_type(&stream, "x");
	assert_true(fake_driver_used(&driver, RECEIVEQ, NULL, &len));
	assert_int_equal(len, 1);
}

static void the_window_size_is_in_the_configuration(void **state)
{
	struct virtio_device *dev = virtio_console_device(console);

	(void)state;
	virtio_console_resize(console, 132, 43);
	assert_int_equal(virtio_config_read(dev, 0, 2), 132);
	assert_int_equal(virtio_config_read(dev, 2, 2), 43);
	assert_int_equal(driver.transport.config_interrupts, 1);
	assert_int_equal(virtio_config_read(dev, 4, 4), 0);
	virtio_config_write(dev, 0, 1, 2);
	assert_int_equal(virtio_config_read(dev, 0, 2), 132);
}

static void input_goes_to_the_uart_until_a_driver_opens_the_console(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(hub.input, CONSOLE_VIRTIO);
	offer_buffer(0, 1);
	fake_stream_type(&stream, "ab");
	assert_true(fake_driver_used(&driver, RECEIVEQ, NULL, NULL));
	fake_driver_reset(&driver);
	assert_int_equal(hub.input, CONSOLE_SERIAL);
	assert_int_equal(stream_read(&hub.fronts[CONSOLE_SERIAL].stream, &byte, 1), 1);
	assert_int_equal(byte, 'b');
}

/* Case 29, and what a driver may do to its rings. */
static void odd_requests_hurt_nobody(void **state)
{
	static const struct {
		unsigned int queue;
		struct fake_segment segments[2];
		unsigned int n;
		bool breaks;
	} table[] = {
		{TRANSMITQ,
		 {{.gpa = 0x10000, .len = 8, .write = true}},
		 1,
		 false},					    /* nothing to send */
		{RECEIVEQ, {{.gpa = 0x10000, .len = 8}}, 1, false}, /* nothing to fill */
		{RECEIVEQ,
		 {{.gpa = 0x10000, .len = 0x100000, .write = true}},
		 1,
		 false}, /* giant */
		{RECEIVEQ,
		 {{.gpa = 0x10000, .len = 8}, {.gpa = 0x20000, .len = 8, .write = true}},
		 2,
		 false},
		{TRANSMITQ, {{.gpa = FAKE_HOLE, .len = 8}}, 1, true},
		{RECEIVEQ, {{.gpa = FAKE_LOW_SIZE - 4, .len = 8, .write = true}}, 1, true},
		{RECEIVEQ, {{.gpa = 0x10000, .len = 0xffffffff, .write = true}}, 1, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		fake_driver_start(&driver, virtio_console_device(console), &memory, usual);
		stream.in_taken = stream.in_len = stream.out_len = 0;
		fake_driver_offer(&driver, table[i].queue, table[i].segments, table[i].n);
		fake_driver_kick(&driver, table[i].queue);
		fake_stream_type(&stream, "input");
		assert_int_equal(fake_driver_needs_reset(&driver), table[i].breaks);
		if (!table[i].breaks) {
			print("alive");
			written("alive");
		}
	}
}

static void a_flood_of_output_takes_turns_with_the_rest_of_the_loop(void **state)
{
	struct fake_segment byte = {.gpa = data, .len = 1};
	struct fake_ring *ring;

	(void)state;
	ring = &driver.rings[TRANSMITQ];
	*(char *)at(0, 1) = 'f';
	for (unsigned int i = 0; i < ring->config.size; i++)
		fake_driver_offer(&driver, TRANSMITQ, &byte, 1);
	fake_driver_kick(&driver, TRANSMITQ);
	assert_in_range(stream.out_len, 1, 64);
}

/* A host and a driver without end: each byte that goes out, or comes in, is offered anew. */
static struct endless {
	struct stream stream;
	unsigned int calls;
} endless;

static size_t endless_write(struct stream *behind, const void *buf, size_t len)
{
	struct fake_segment byte = {.gpa = data, .len = 1};

	(void)behind;
	(void)buf;
	if (++endless.calls < 10000)
		fake_driver_offer(&driver, TRANSMITQ, &byte, 1);
	return len;
}

static size_t endless_read(struct stream *behind, void *buf, size_t len)
{
	struct fake_segment byte = {.gpa = data, .len = 1, .write = true};
	size_t n = len < 4096 ? len : 4096;

	(void)behind;
	memset(buf, 'i', n);
	if (++endless.calls < 10000)
		fake_driver_offer(&driver, RECEIVEQ, &byte, 1);
	/* Whole pieces, so that there is always more. */
	return n;
}

static int setup_endless(void **state)
{
	static const struct stream_ops ops = {.write = endless_write, .read = endless_read};

	set_up(state);
	endless = (struct endless){.stream.ops = &ops};
	make(&endless.stream, NULL);
	return 0;
}

static void a_driver_that_never_stops_takes_turns_with_the_rest_of_the_loop(void **state)
{
	static const struct {
		unsigned int queue;
		bool write;
	} table[] = {{TRANSMITQ, false}, {RECEIVEQ, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct fake_segment byte = {.gpa = data, .len = 1, .write = table[i].write};

		endless.calls = 0;
		fake_driver_offer(&driver, table[i].queue, &byte, 1);
		fake_driver_kick(&driver, table[i].queue);
		assert_in_range(endless.calls, 1, 64);
	}
}

static void a_giant_buffer_is_filled_as_far_as_one_turn_goes(void **state)
{
	uint32_t len;
	struct fake_segment pieces[32];

	(void)state;
	endless.calls = 10000;
	for (unsigned int i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = (struct fake_segment){.gpa = data, .len = 4096, .write = true};
	fake_driver_offer(&driver, RECEIVEQ, pieces, ARRAY_SIZE(pieces));
	fake_driver_kick(&driver, RECEIVEQ);
	assert_true(fake_driver_used(&driver, RECEIVEQ, NULL, &len));
	assert_int_equal(len, 65536);
}

static void it_survives_ten_thousand_resets_in_the_middle_of_things(void **state)
{
	(void)state;
	stream.room = 1;
	for (unsigned int i = 0; i < 1000; i++) {
		fake_driver_start(&driver, virtio_console_device(console), &memory, usual);
		print("begun");
		offer_buffer(100, 10);
	}
	for (unsigned int i = 0; i < 10000; i++)
		fake_driver_reset(&driver);
	fake_stream_make_room(&stream, 100);
	fake_stream_type(&stream, "nobody there");
	stream.out_len = 0;
	fake_driver_start(&driver, virtio_console_device(console), &memory, usual);
	print("alive");
	written("alive");
}

#define with(setup_function, name) cmocka_unit_test_setup_teardown(name, setup_function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(setup, what_the_guest_prints_goes_out),
		with(setup, a_full_stream_keeps_the_request_and_loses_nothing),
		with(setup, a_reset_forgets_a_request_that_was_begun),
		with(setup, a_stop_that_is_no_reset_neither_loses_nor_repeats_output),
		with(setup, a_queue_that_is_reset_takes_its_request_with_it),
		with(setup, input_fills_the_buffers_of_the_guest),
		with(setup, input_waits_while_the_guest_has_no_buffers),
		with(setup, a_buffer_without_input_stays_the_drivers),
		with(setup, the_window_size_is_in_the_configuration),
		with(setup_with_hub, input_goes_to_the_uart_until_a_driver_opens_the_console),
		with(setup, odd_requests_hurt_nobody),
		with(setup, a_flood_of_output_takes_turns_with_the_rest_of_the_loop),
		with(setup_endless,
		     a_driver_that_never_stops_takes_turns_with_the_rest_of_the_loop),
		with(setup_endless, a_giant_buffer_is_filled_as_far_as_one_turn_goes),
		with(setup, it_survives_ten_thousand_resets_in_the_middle_of_things),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
