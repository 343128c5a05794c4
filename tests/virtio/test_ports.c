/* test_ports.c: named ports and their control messages (virtio/ports.c). */
#include "virtio/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <linux/virtio_console.h>

#include "tests/fake/driver.h"
#include "tests/fake/wires.h"
#include "vmm/util.h"

enum { TO_GUEST = 2, FROM_GUEST = 3 }; /* the control queues */
enum { PORTS = 3, BUFFER = 64, BUFFERS = 16 };

static struct loop loop;
static struct fake_memory memory;
static struct fake_driver driver;
static struct fake_stream streams[PORTS];
static struct virtio_ports *ports;
static gpa_t data;
static unsigned int buffers_offered;

static const uint64_t usual = UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT;

static unsigned int receiveq(unsigned int id)
{
	return id == 0 ? 0 : 2 + 2 * id;
}

static int setup(void **state)
{
	static const char *const names[PORTS] = {"first", "org.second", "third"};
	struct virtio_port config[PORTS];

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	fake_memory_init(&memory);
	data = fake_memory_alloc(&memory, 65536);
	for (unsigned int i = 0; i < PORTS; i++) {
		fake_stream_init(&streams[i]);
		config[i] = (struct virtio_port){names[i], &streams[i].stream};
	}
	assert_int_equal(virtio_ports_create(config, PORTS, "ports", &loop, &memory.mem, &ports),
			 0);
	memset(&driver, 0, sizeof(driver));
	fake_driver_start(&driver, virtio_ports_device(ports), &memory, usual);
	buffers_offered = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	virtio_ports_free(ports);
	fake_memory_free(&memory);
	loop_destroy(&loop);
	return 0;
}

static void offer_control_buffers(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct fake_segment buffer = {
			.gpa = data + 4096 + BUFFER * (buffers_offered++ % BUFFERS),
			.len = BUFFER,
			.write = true,
		};

		fake_driver_offer(&driver, TO_GUEST, &buffer, 1);
	}
	fake_driver_kick(&driver, TO_GUEST);
}

static void say_bytes(const void *bytes, uint32_t len)
{
	struct fake_segment segment = {.gpa = data, .len = len};

	memcpy(fake_memory_at(&memory, data, len), bytes, len);
	fake_driver_offer(&driver, FROM_GUEST, &segment, 1);
	fake_driver_kick(&driver, FROM_GUEST);
	assert_true(fake_driver_used(&driver, FROM_GUEST, NULL, NULL));
}

static void say(uint32_t id, uint16_t event, uint16_t value)
{
	const struct virtio_console_control message = {.id = id, .event = event, .value = value};

	say_bytes(&message, sizeof(message));
}

static void hear(uint32_t id, uint16_t event, uint16_t value, const char *rest)
{
	struct virtio_console_control message;
	uint16_t head;
	uint32_t len;
	const uint8_t *bytes;

	assert_true(fake_driver_used(&driver, TO_GUEST, &head, &len));
	assert_int_equal(len, sizeof(message) + strlen(rest));
	bytes = fake_memory_at(&memory, driver.rings[TO_GUEST].desc[head].addr, len);
	memcpy(&message, bytes, sizeof(message));
	assert_int_equal(message.id, id);
	assert_int_equal(message.event, event);
	assert_int_equal(message.value, value);
	assert_memory_equal(bytes + sizeof(message), rest, strlen(rest));
}

static void hear_nothing(void)
{
	assert_false(fake_driver_used(&driver, TO_GUEST, NULL, NULL));
}

static void the_driver_learns_of_all_ports_and_their_names(void **state)
{
	struct virtio_device *dev = virtio_ports_device(ports);

	(void)state;
	assert_int_equal(virtio_config_read(dev, 4, 4), PORTS);
	offer_control_buffers(16);
	hear_nothing();
	say(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned int i = 0; i < PORTS; i++)
		hear(i, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(1, VIRTIO_CONSOLE_PORT_NAME, 1, "org.second");
	hear(1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	hear_nothing();
}

static void messages_wait_for_buffers(void **state)
{
	(void)state;
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(2, VIRTIO_CONSOLE_PORT_READY, 1);
	hear_nothing();
	offer_control_buffers(1);
	hear(0, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	offer_control_buffers(10);
	hear(1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	hear(2, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	hear(2, VIRTIO_CONSOLE_PORT_NAME, 1, "third");
	hear(2, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	hear_nothing();
}

static void write_to_port(unsigned int id, const char *text)
{
	struct fake_segment segment = {.gpa = data, .len = (uint32_t)strlen(text)};

	memcpy(fake_memory_at(&memory, data, segment.len), text, segment.len);
	fake_driver_offer(&driver, receiveq(id) + 1, &segment, 1);
	fake_driver_kick(&driver, receiveq(id) + 1);
}

static void each_port_has_its_own_stream(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PORTS; i++) {
		char text[16];

		snprintf(text, sizeof(text), "port %u", i);
		write_to_port(i, text);
		assert_int_equal(streams[i].out_len, 6);
		assert_memory_equal(streams[i].out, text, 6);
	}
}

static void a_stalled_reader_blocks_its_port_alone(void **state)
{
	(void)state;
	streams[1].room = 0;
	write_to_port(1, "stuck");
	write_to_port(0, "goes");
	write_to_port(2, "on");
	assert_int_equal(streams[0].out_len, 4);
	assert_int_equal(streams[2].out_len, 2);
	assert_false(fake_driver_used(&driver, receiveq(1) + 1, NULL, NULL));
	fake_stream_make_room(&streams[1], 100);
	assert_true(fake_driver_used(&driver, receiveq(1) + 1, NULL, NULL));
	assert_int_equal(streams[1].out_len, 5);
}

static void a_port_gets_input_only_while_the_guest_has_it_open(void **state)
{
	struct fake_segment buffer = {.gpa = data + 8192, .len = 16, .write = true};
	uint32_t len;

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		fake_driver_offer(&driver, receiveq(1), &buffer, 1);
	fake_driver_kick(&driver, receiveq(1));
	fake_stream_type(&streams[1], "early");
	assert_int_equal(streams[1].in_taken, 0);
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_true(fake_driver_used(&driver, receiveq(1), NULL, &len));
	assert_int_equal(len, 5);
	say(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	fake_stream_type(&streams[1], "late");
	assert_int_equal(streams[1].in_taken, 5);
}

static void the_driver_learns_who_comes_and_goes(void **state)
{
	(void)state;
	offer_control_buffers(16);
	streams[2].stream.absent = true;
	say(2, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(2, VIRTIO_CONSOLE_PORT_NAME, 1, "third");
	hear(2, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	stream_set_absent(&streams[2].stream, false);
	hear(2, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	stream_set_absent(&streams[2].stream, true);
	hear(2, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
}

static void a_driver_without_multiport_is_refused(void **state)
{
	struct virtio_device *dev = virtio_ports_device(ports);

	(void)state;
	fake_driver_reset(&driver);
	virtio_set_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	virtio_set_driver_features(dev, 0, 0);
	virtio_set_driver_features(dev, 1, 1);
	virtio_set_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				       VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(virtio_get_status(dev) & VIRTIO_CONFIG_S_FEATURES_OK, 0);
}

/* Case 29: what a driver may say on the control queue. */
static void odd_control_messages_hurt_nobody(void **state)
{
	static const struct virtio_console_control table[] = {
		{.id = PORTS, .event = VIRTIO_CONSOLE_PORT_OPEN, .value = 1},
		{.id = 0xffffffff, .event = VIRTIO_CONSOLE_PORT_OPEN, .value = 1},
		{.id = 0x7fffffff, .event = VIRTIO_CONSOLE_PORT_READY, .value = 1},
		{.id = 0, .event = VIRTIO_CONSOLE_PORT_READY, .value = 0},
		{.id = 0, .event = VIRTIO_CONSOLE_DEVICE_READY, .value = 0},
		{.id = 0, .event = VIRTIO_CONSOLE_PORT_ADD, .value = 1},
		{.id = 0, .event = VIRTIO_CONSOLE_PORT_NAME, .value = 1},
		{.id = 0, .event = 0xffff, .value = 0xffff},
	};
	const uint8_t shorts[7] = {0};

	(void)state;
	offer_control_buffers(16);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		say_bytes(&table[i], sizeof(table[i]));
	for (uint32_t len = 1; len <= sizeof(shorts); len++)
		say_bytes(shorts, len);
	hear_nothing();
	assert_false(fake_driver_needs_reset(&driver));
	say(0, VIRTIO_CONSOLE_PORT_READY, 1);
	hear(0, VIRTIO_CONSOLE_PORT_NAME, 1, "first");
}

static void a_control_buffer_that_is_too_short_gets_what_fits(void **state)
{
	struct fake_segment tiny = {.gpa = data + 4096, .len = 3, .write = true};
	struct fake_segment unwritable = {.gpa = data + 4096, .len = 64};
	uint32_t len;

	(void)state;
	fake_driver_offer(&driver, TO_GUEST, &tiny, 1);
	fake_driver_offer(&driver, TO_GUEST, &unwritable, 1);
	say(1, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_true(fake_driver_used(&driver, TO_GUEST, NULL, &len));
	assert_int_equal(len, 3);
	assert_true(fake_driver_used(&driver, TO_GUEST, NULL, &len));
	assert_int_equal(len, 0);
}

static void a_storm_of_ready_messages_is_answered_within_bounds(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10000; i++)
		say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	offer_control_buffers(16);
	for (unsigned int i = 0; i < PORTS; i++)
		hear(i, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	hear_nothing();
}

static void a_reset_closes_all_ports(void **state)
{
	(void)state;
	say(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	fake_driver_start(&driver, virtio_ports_device(ports), &memory, usual);
	fake_stream_type(&streams[0], "x");
	stream_set_absent(&streams[0].stream, false);
	offer_control_buffers(4);
	hear(0, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	hear_nothing();
	assert_int_equal(streams[0].in_taken, 0);
	fake_driver_reset(&driver);
	fake_stream_make_room(&streams[0], 1);
	fake_stream_type(&streams[0], "y");
	stream_set_absent(&streams[0].stream, true);
}

#define with(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(the_driver_learns_of_all_ports_and_their_names),
		with(messages_wait_for_buffers),
		with(each_port_has_its_own_stream),
		with(a_stalled_reader_blocks_its_port_alone),
		with(a_port_gets_input_only_while_the_guest_has_it_open),
		with(the_driver_learns_who_comes_and_goes),
		with(a_driver_without_multiport_is_refused),
		with(odd_control_messages_hurt_nobody),
		with(a_control_buffer_that_is_too_short_gets_what_fits),
		with(a_storm_of_ready_messages_is_answered_within_bounds),
		with(a_reset_closes_all_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
