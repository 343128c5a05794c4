/*
 * fuzz_virtqueue.c: libFuzzer plays the driver's half of a split virtqueue. The first bytes choose
 * size, features and room for segments, the rest are steps: bytes written into guest memory, rings
 * included, and what a device does with its queue. Guest memory is two heap blocks, so that
 * AddressSanitizer sees every byte outside of them.
 */
#include <stdlib.h>
#include <string.h>

#include "virtio/virtqueue.h"

enum {
	LOW_SIZE = 0x4000,
	HIGH_SIZE = 0x1000,
	DESC = 0x1000,
	AVAIL = 0x2000,
	USED = 0x3000,
	IN_FLIGHT = 64,
	ROOM = 32,

	CHOICE_SIZE = 7, /* log2, at most 128 entries */
	CHOICE_EVENT_IDX = 8,
	CHOICE_INDIRECT = 16,
};

#define HIGH_BASE 0x10000ull

/* What is left of the input. */
struct input {
	const uint8_t *at;
	size_t left;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Zeroes once there is nothing left. */
static uint64_t take(struct input *input, size_t size)
{
	uint64_t value = 0;

	if (size > input->left)
		size = input->left;
	memcpy(&value, input->at, size);
	input->at += size;
	input->left -= size;
	return value;
}

/* A device that has some requests in flight. */
struct device {
	struct virtqueue vq;
	struct virtq_chain chains[IN_FLIGHT];
	struct iovec iov[IN_FLIGHT][ROOM];
	unsigned int cap;
	unsigned int n;
};

/* Touches every byte of a request. */
static uint32_t serve(struct virtq_chain *chain)
{
	uint8_t bytes[64];

	while (iov_take(&chain->in, bytes, sizeof(bytes)) == sizeof(bytes))
		;
	iov_take_last(&chain->out);
	iov_put(&chain->out, bytes, sizeof(bytes));
	iov_truncate(&chain->out, 1000);
	return (uint32_t)iov_put_zeroes(&chain->out, SIZE_MAX);
}

static void pop(struct device *device)
{
	struct virtq_chain *chain = &device->chains[device->n];
	size_t bytes = 0;

	if (device->n == IN_FLIGHT)
		return;
	*chain = (struct virtq_chain){.iov = device->iov[device->n], .cap = device->cap};
	if (virtqueue_pop(&device->vq, chain) <= 0)
		return;
	if (chain->in.n + chain->out.n > device->cap)
		abort();
	for (unsigned int i = 0; i < chain->in.n + chain->out.n; i++) {
		if (chain->iov[i].iov_len == 0)
			abort();
		bytes += chain->iov[i].iov_len;
	}
	if (bytes != chain->in.left + chain->out.left)
		abort();
	device->n++;
}

static void push(struct device *device)
{
	if (device->n == 0)
		return;
	device->n--;
	virtqueue_push(&device->vq, &device->chains[device->n], serve(&device->chains[device->n]));
}

static void step(struct device *device, const struct guest_memory *mem, struct input *input)
{
	uint8_t bytes[8];
	gpa_t gpa;

	switch (take(input, 1) & 7) {
	case 0:
		pop(device);
		break;
	case 1:
		push(device);
		break;
	case 2:
		virtqueue_flush(&device->vq);
		break;
	case 3:
		if (device->n > 0) {
			device->n--;
			virtqueue_unpop(&device->vq, 1);
		}
		break;
	case 4:
		virtqueue_disable_notify(&device->vq);
		break;
	case 5:
		virtqueue_enable_notify(&device->vq);
		break;
	default:
		gpa = take(input, 2);
		memcpy(bytes, &(uint64_t){take(input, 8)}, sizeof(bytes));
		memory_write(mem, gpa, bytes, sizeof(bytes));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct device device;
	struct input input = {.at = data, .left = size};
	uint8_t choice = (uint8_t)take(&input, 1);
	struct guest_memory mem = {
		.regions = {{.base = 0, .size = LOW_SIZE, .host = calloc(1, LOW_SIZE)},
			    {.base = HIGH_BASE, .size = HIGH_SIZE, .host = calloc(1, HIGH_SIZE)}},
		.nregions = 2,
	};
	const struct virtqueue_config config = {
		.desc = DESC,
		.avail = AVAIL,
		.used = USED,
		.size = (uint16_t)(1 << (choice & CHOICE_SIZE)),
		.enabled = true,
	};
	uint64_t features =
		(choice & CHOICE_EVENT_IDX ? UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX : 0) |
		(choice & CHOICE_INDIRECT ? UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC : 0);

	device.n = 0;
	device.cap = 1 + (unsigned int)take(&input, 1) % ROOM;
	if (virtqueue_enable(&device.vq, &mem, &config, features) < 0)
		abort();
	while (input.left)
		step(&device, &mem, &input);
	free(mem.regions[0].host);
	free(mem.regions[1].host);
	return 0;
}
