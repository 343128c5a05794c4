/* Tests of devices/backend/nic.c and nic_port.c: from options to a backend, and what is awaited. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "devices/backend/nic_port.h"
#include "tests/fake/fake_nic.h"
#include "tests/fake/wire.h"

static void options_choose_the_backend_and_its_mtu(void **state)
{
	struct nic_options options = {.kind = NIC_PEER, .queues = 1, .mtu = 1400};
	struct wire wire;
	struct nic *nic;

	(void)state;
	wire_init(&wire);
	assert_int_equal(nic_open(&options, &wire.loop, &nic), 0);
	assert_int_equal(nic->mtu, 1400);
	nic_close(nic);
	options = (struct nic_options){.kind = NIC_FD, .queues = 1, .fd = 1 << 20};
	assert_int_equal(nic_open(&options, &wire.loop, &nic), -EBADF);
	wire_free(&wire);
}

static void a_link_goes_down_once(void **state)
{
	struct fake_nic fake;
	struct wire wire;

	(void)state;
	wire_init(&wire);
	fake_nic_init(&fake);
	nic_link_down(&fake.nic); /* nobody to tell yet */
	fake.nic.link_up = true;
	wire_connect(&wire, &fake.nic);
	nic_link_down(&fake.nic);
	nic_link_down(&fake.nic);
	assert_int_equal(wire.link_changes, 1);
	wire_free(&wire);
	nic_close(NULL);
}

struct port_fixture {
	struct wire wire;
	struct fake_nic fake;
	struct nic_port port;
	int far;
};

static void set_up(struct port_fixture *fixture)
{
	int fds[2];

	wire_init(&fixture->wire);
	fake_nic_init(&fixture->fake);
	wire_connect(&fixture->wire, &fixture->fake.nic);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fixture->far = fds[1];
	nic_port_init(&fixture->port, &fixture->fake.nic, 0, &fixture->wire.loop, fds[0]);
}

static void tear_down(struct port_fixture *fixture)
{
	nic_port_destroy(&fixture->port);
	nic_port_destroy(&fixture->port);
	close(fixture->far);
	wire_free(&fixture->wire);
}

static void only_what_is_awaited_is_told(void **state)
{
	struct port_fixture fixture;

	(void)state;
	set_up(&fixture);
	assert_int_equal(write(fixture.far, "x", 1), 1);
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 0);
	nic_port_await_read(&fixture.port, true);
	wire_wait(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 1);
	assert_int_equal(fixture.wire.writable, 0);
	nic_port_await_read(&fixture.port, false);
	nic_port_await_write(&fixture.port);
	wire_wait(&fixture.wire);
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable, 1);
	assert_int_equal(fixture.wire.writable, 1); /* once */
	tear_down(&fixture);
}

static void after_the_end_nothing_is_told(void **state)
{
	struct port_fixture fixture;

	(void)state;
	set_up(&fixture);
	nic_port_await_read(&fixture.port, true);
	nic_port_await_write(&fixture.port);
	nic_port_hang_up(&fixture.port);
	shutdown(fixture.far, SHUT_RDWR);
	wire_poll(&fixture.wire);
	assert_int_equal(fixture.wire.readable + fixture.wire.writable, 0);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_choose_the_backend_and_its_mtu),
		cmocka_unit_test(a_link_goes_down_once),
		cmocka_unit_test(only_what_is_awaited_is_told),
		cmocka_unit_test(after_the_end_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
