/* test_console_hub.c: devices/backend/console_hub.c and stream_null.c. */
#include "devices/backend/console_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "devices/backend/stream_null.h"
#include "tests/fake/wires.h"
#include "vmm/util.h"

struct fake_client {
	struct stream_client client;
	unsigned int readable, writable;
};

static struct fake_stream below;
static struct console_hub hub;
static struct fake_client clients[CONSOLE_FRONTS];

static void readable(struct stream_client *client)
{
	container_of(client, struct fake_client, client)->readable++;
}

static void writable(struct stream_client *client)
{
	container_of(client, struct fake_client, client)->writable++;
}

static int set_up(void **state)
{
	(void)state;
	fake_stream_init(&below);
	console_hub_init(&hub, &below.stream);
	for (unsigned int i = 0; i < CONSOLE_FRONTS; i++) {
		clients[i] =
			(struct fake_client){{.readable = readable, .writable = writable}, 0, 0};
		hub.fronts[i].stream.client = &clients[i].client;
	}
	return 0;
}

static void what_both_write_is_merged(void **state)
{
	(void)state;
	assert_int_equal(stream_write(&hub.fronts[CONSOLE_SERIAL].stream, "ab", 2), 2);
	assert_int_equal(stream_write(&hub.fronts[CONSOLE_VIRTIO].stream, "cd", 2), 2);
	assert_memory_equal(below.out, "abcd", 4);
}

static void input_goes_to_the_uart_first_and_then_where_it_is_routed(void **state)
{
	char byte;

	(void)state;
	fake_stream_type(&below, "xyz");
	assert_int_equal(clients[CONSOLE_SERIAL].readable, 1);
	assert_int_equal(clients[CONSOLE_VIRTIO].readable, 0);
	assert_int_equal(stream_read(&hub.fronts[CONSOLE_VIRTIO].stream, &byte, 1), 0);
	assert_int_equal(stream_read(&hub.fronts[CONSOLE_SERIAL].stream, &byte, 1), 1);
	assert_int_equal(byte, 'x');

	console_hub_route(&hub, CONSOLE_VIRTIO);
	assert_int_equal(clients[CONSOLE_VIRTIO].readable, 1); /* what waits is its own now */
	assert_int_equal(stream_read(&hub.fronts[CONSOLE_SERIAL].stream, &byte, 1), 0);
	assert_int_equal(stream_read(&hub.fronts[CONSOLE_VIRTIO].stream, &byte, 1), 1);
	assert_int_equal(byte, 'y');

	console_hub_route(&hub, CONSOLE_SERIAL); /* a reset */
	assert_int_equal(stream_read(&hub.fronts[CONSOLE_SERIAL].stream, &byte, 1), 1);
}

static void room_is_told_to_both(void **state)
{
	(void)state;
	below.room = 1;
	assert_int_equal(stream_write(&hub.fronts[CONSOLE_SERIAL].stream, "ab", 2), 1);
	assert_int_equal(stream_write(&hub.fronts[CONSOLE_VIRTIO].stream, "cd", 2), 0);
	fake_stream_make_room(&below, 100);
	assert_int_equal(clients[CONSOLE_SERIAL].writable, 1);
	assert_int_equal(clients[CONSOLE_VIRTIO].writable, 1);
}

static void the_null_stream_swallows_and_says_nothing(void **state)
{
	struct stream null;
	char buf[4];

	(void)state;
	stream_null_init(&null);
	assert_int_equal(stream_write(&null, "anything", 8), 8);
	assert_int_equal(stream_read(&null, buf, sizeof(buf)), 0);
	stream_close(&null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_both_write_is_merged, set_up),
		cmocka_unit_test_setup(input_goes_to_the_uart_first_and_then_where_it_is_routed,
				       set_up),
		cmocka_unit_test_setup(room_is_told_to_both, set_up),
		cmocka_unit_test(the_null_stream_swallows_and_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
