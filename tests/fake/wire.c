/* wire.c: see wire.h. */
#include "tests/fake/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util.h"

#define DEADLINE_NS (20 * 1000000000ull)

static struct wire *wire_of(struct nic_client *client)
{
	return container_of(client, struct wire, client);
}

static void readable(struct nic_client *client, unsigned int queue)
{
	(void)queue;
	wire_of(client)->readable++;
	loop_stop(&wire_of(client)->loop);
}

static void writable(struct nic_client *client, unsigned int queue)
{
	(void)queue;
	wire_of(client)->writable++;
	loop_stop(&wire_of(client)->loop);
}

static void link_changed(struct nic_client *client)
{
	wire_of(client)->link_changes++;
	loop_stop(&wire_of(client)->loop);
}

static void too_late(struct loop_timer *timer)
{
	(void)timer;
	fail_msg("nothing came within the deadline");
}

void wire_init(struct wire *wire)
{
	memset(wire, 0, sizeof(*wire));
	assert_int_equal(loop_init(&wire->loop), 0);
	wire->deadline.fired = too_late;
	assert_int_equal(loop_timer_init(&wire->loop, &wire->deadline), 0);
}

void wire_connect(struct wire *wire, struct nic *nic)
{
	wire->nic = nic;
	wire->client = (struct nic_client){readable, writable, link_changed};
	nic->client = &wire->client;
	nic_pause(nic, 0, false);
}

void wire_free(struct wire *wire)
{
	nic_close(wire->nic);
	loop_timer_destroy(&wire->loop, &wire->deadline);
	loop_destroy(&wire->loop);
}

void wire_wait(struct wire *wire)
{
	loop_timer_set(&wire->deadline, DEADLINE_NS, 0);
	assert_int_equal(loop_run(&wire->loop), 0);
	loop_timer_set(&wire->deadline, 0, 0);
}

void wire_poll(struct wire *wire)
{
	loop_stop(&wire->loop);
	assert_int_equal(loop_run(&wire->loop), 0);
}

int wire_send(struct wire *wire, const void *frame, size_t len)
{
	struct virtio_net_hdr_v1 header = {0};
	uint8_t *bytes = (uint8_t *)(uintptr_t)frame;
	struct iovec iov[3] = {
		{&header, sizeof(header)}, {bytes, len / 3}, {bytes + len / 3, len - len / 3}};

	return nic_send(wire->nic, 0, iov, 3);
}

ssize_t wire_recv(struct wire *wire, void *frame, size_t size, struct virtio_net_hdr_v1 *header)
{
	struct virtio_net_hdr_v1 own;
	uint8_t *bytes = frame;
	struct iovec iov[3] = {{header ? header : &own, sizeof(own)},
			       {bytes, size / 5},
			       {bytes + size / 5, size - size / 5}};
	ssize_t len;

	memset(iov[0].iov_base, 0xff, sizeof(own));
	len = nic_recv(wire->nic, 0, iov, 3);
	if (len < 0)
		return len;
	assert_true(len >= NIC_HEADER_SIZE);
	return len - NIC_HEADER_SIZE;
}

void wire_frame(uint8_t *frame, size_t len, uint8_t seed)
{
	static const uint8_t ethernet[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52,
					     0x54, 0,	 0x12, 0x34, 0x56, 0x88, 0xb5};

	for (size_t i = 0; i < len; i++)
		frame[i] = i < sizeof(ethernet) ? ethernet[i] : (uint8_t)(seed + i * 7 + i / 256);
}
