/* fake_nic.c: see fake_nic.h. */
#include "tests/fake/fake_nic.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util.h"

static struct fake_nic *fake_of(struct nic *nic)
{
	return container_of(nic, struct fake_nic, nic);
}

static int fake_send(struct nic *nic, unsigned int queue, const struct iovec *iov, unsigned int n)
{
	struct fake_nic *fake = fake_of(nic);
	struct fake_frame *frame = &fake->sent[fake->nsent];
	uint8_t *bytes;

	if (fake->refuse)
		return fake->refuse;
	if (fake->room == 0)
		return -EAGAIN;
	fake->room--;
	assert_true(fake->nsent < FAKE_NIC_FRAMES);
	assert_int_equal(iov[0].iov_len, sizeof(frame->header));
	memcpy(&frame->header, iov[0].iov_base, sizeof(frame->header));
	frame->queue = queue;
	frame->len = 0;
	for (unsigned int i = 1; i < n; i++)
		frame->len += iov[i].iov_len;
	bytes = malloc(frame->len);
	frame->bytes = bytes;
	for (unsigned int i = 1; i < n; i++) {
		memcpy(bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
	fake->nsent++;
	return 0;
}

static ssize_t fake_recv(struct nic *nic, unsigned int queue, const struct iovec *iov,
			 unsigned int n)
{
	struct fake_nic *fake = fake_of(nic);
	const struct fake_frame *frame = &fake->coming[fake->received];
	size_t copied = 0;

	(void)queue;
	fake->reads++;
	if (!nic->link_up)
		return -ENOTCONN;
	if (fake->received == fake->ncoming)
		return -EAGAIN;
	assert_int_equal(iov[0].iov_len, sizeof(frame->header));
	memcpy(iov[0].iov_base, &frame->header, sizeof(frame->header));
	for (unsigned int i = 1; i < n; i++) {
		size_t left = frame->len - copied;
		size_t part = left < iov[i].iov_len ? left : iov[i].iov_len;

		/* A backend may touch all it is given. */
		memset(iov[i].iov_base, 0xdd, iov[i].iov_len);
		if (part)
			memcpy(iov[i].iov_base, frame->bytes + copied, part);
		copied += part;
	}
	fake->received++;
	return (ssize_t)(sizeof(frame->header) + copied);
}

static int fake_set_offloads(struct nic *nic, uint32_t offloads)
{
	assert_int_equal(offloads & ~nic->offloads, 0);
	fake_of(nic)->offloads = offloads;
	return 0;
}

static int fake_set_queues(struct nic *nic, unsigned int n)
{
	assert_in_range(n, 1, nic->queues);
	if (fake_of(nic)->refuse_queues)
		return -EPERM;
	fake_of(nic)->nqueues = n;
	return 0;
}

static void fake_pause(struct nic *nic, unsigned int queue, bool on)
{
	fake_of(nic)->paused[queue] = on;
}

static void fake_close(struct nic *nic)
{
	fake_of(nic)->closed = true;
}

static const struct nic_ops fake_ops = {
	.send = fake_send,
	.recv = fake_recv,
	.set_offloads = fake_set_offloads,
	.set_queues = fake_set_queues,
	.pause = fake_pause,
	.close = fake_close,
};

void fake_nic_init(struct fake_nic *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->nic = (struct nic){.ops = &fake_ops, .queues = 1, .link_up = true};
	fake->room = FAKE_NIC_FRAMES;
	for (unsigned int i = 0; i < NIC_MAX_QUEUES; i++)
		fake->paused[i] = true;
}

void fake_nic_free(struct fake_nic *fake)
{
	for (unsigned int i = 0; i < fake->nsent; i++)
		free((void *)(uintptr_t)fake->sent[i].bytes);
}

void fake_nic_feed(struct fake_nic *fake, const uint8_t *bytes, size_t len)
{
	assert_true(fake->ncoming < FAKE_NIC_FRAMES);
	fake->coming[fake->ncoming++] = (struct fake_frame){.len = len, .bytes = bytes};
}

void fake_nic_deliver(struct fake_nic *fake)
{
	while (!fake->paused[0] && fake->received < fake->ncoming)
		fake->nic.client->readable(fake->nic.client, 0);
}
