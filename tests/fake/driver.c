/* driver.c: the driver's half of virtio for tests. */
#include "tests/fake/driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "vmm/util.h"

void fake_memory_init(struct fake_memory *memory)
{
	*memory = (struct fake_memory){.next = 0x1000};
	assert_int_equal(memory_add(&memory->mem, 0, FAKE_LOW_SIZE), 0);
	assert_int_equal(memory_add(&memory->mem, FAKE_HIGH_BASE, FAKE_HIGH_SIZE), 0);
}

void fake_memory_free(struct fake_memory *memory)
{
	memory_free(&memory->mem);
}

gpa_t fake_memory_alloc(struct fake_memory *memory, uint64_t size)
{
	gpa_t gpa = memory->next;

	assert_true(size <= FAKE_LOW_SIZE - gpa);
	memory->next = align_up(gpa + size, 64);
	memset(fake_memory_at(memory, gpa, size), 0, size);
	return gpa;
}

void *fake_memory_at(struct fake_memory *memory, gpa_t gpa, uint64_t size)
{
	void *at = memory_range(&memory->mem, gpa, size, MEMORY_WRITE);

	assert_non_null(at);
	return at;
}

static struct fake_transport *fake_of(struct virtio_transport *transport)
{
	return container_of(transport, struct fake_transport, transport);
}

static void count_queue_interrupt(struct virtio_transport *transport, unsigned int queue)
{
	fake_of(transport)->queue_interrupts[queue]++;
}

static void count_config_interrupt(struct virtio_transport *transport)
{
	fake_of(transport)->config_interrupts++;
}

static int give_call_fd(struct virtio_transport *transport, unsigned int queue)
{
	(void)queue;
	return fake_of(transport)->call_fd;
}

static const struct virtio_transport_ops fake_ops = {
	.queue_interrupt = count_queue_interrupt,
	.config_interrupt = count_config_interrupt,
	.queue_call_fd = give_call_fd,
};

void fake_transport_init(struct fake_transport *fake)
{
	*fake = (struct fake_transport){.transport = {.ops = &fake_ops}, .call_fd = -1};
}

void fake_ring_init(struct fake_ring *ring, struct fake_memory *memory, uint16_t size)
{
	uint64_t desc_size = size * sizeof(struct vring_desc);
	uint64_t avail_size = 6 + 2 * (uint64_t)size;
	uint64_t used_size = 6 + 8 * (uint64_t)size;

	*ring = (struct fake_ring){
		.config = {.desc = fake_memory_alloc(memory, desc_size),
			   .avail = fake_memory_alloc(memory, avail_size),
			   .used = fake_memory_alloc(memory, used_size),
			   .size = size,
			   .enabled = true},
	};
	ring->desc = fake_memory_at(memory, ring->config.desc, desc_size);
	ring->avail = fake_memory_at(memory, ring->config.avail, avail_size);
	ring->used = fake_memory_at(memory, ring->config.used, used_size);
}

static void fill(struct vring_desc *desc, const struct fake_segment *segment)
{
	desc->addr = segment->gpa;
	desc->len = segment->len;
	desc->flags = segment->write ? VRING_DESC_F_WRITE : 0;
}

uint16_t fake_ring_chain(struct fake_ring *ring, const struct fake_segment *segments,
			 unsigned int n)
{
	uint16_t mask = (uint16_t)(ring->config.size - 1);
	uint16_t head = ring->next_desc;

	for (unsigned int i = 0; i < n; i++) {
		struct vring_desc *desc = &ring->desc[ring->next_desc];

		ring->next_desc = (uint16_t)((ring->next_desc + 1) & mask);
		fill(desc, &segments[i]);
		desc->next = ring->next_desc;
		if (i + 1 < n)
			desc->flags |= VRING_DESC_F_NEXT;
	}
	return head;
}

uint16_t fake_ring_indirect(struct fake_ring *ring, struct fake_memory *memory,
			    const struct fake_segment *segments, unsigned int n)
{
	uint32_t size = n * (uint32_t)sizeof(struct vring_desc);
	struct fake_segment table_segment = {.gpa = fake_memory_alloc(memory, size), .len = size};
	struct vring_desc *table = fake_memory_at(memory, table_segment.gpa, size);
	uint16_t head;

	for (unsigned int i = 0; i < n; i++) {
		fill(&table[i], &segments[i]);
		table[i].next = (uint16_t)(i + 1);
		if (i + 1 < n)
			table[i].flags |= VRING_DESC_F_NEXT;
	}
	head = fake_ring_chain(ring, &table_segment, 1);
	ring->desc[head].flags = VRING_DESC_F_INDIRECT;
	return head;
}

void fake_ring_offer(struct fake_ring *ring, uint16_t head)
{
	uint16_t at = ring->next_avail++ & (uint16_t)(ring->config.size - 1);

	__atomic_store_n(&ring->avail->ring[at], head, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->avail->idx, ring->next_avail, __ATOMIC_SEQ_CST);
}

bool fake_ring_used(struct fake_ring *ring, uint16_t *head, uint32_t *written)
{
	const struct vring_used_elem *element;

	if (__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) == ring->next_used)
		return false;
	element = &ring->used->ring[ring->next_used++ & (ring->config.size - 1)];
	if (head)
		*head = (uint16_t)element->id;
	if (written)
		*written = element->len;
	return true;
}

uint16_t *fake_ring_avail_event(struct fake_ring *ring)
{
	return (uint16_t *)&ring->used->ring[ring->config.size];
}

uint16_t *fake_ring_used_event(struct fake_ring *ring)
{
	return &ring->avail->ring[ring->config.size];
}

static void give_ring(struct fake_driver *driver, unsigned int queue)
{
	struct virtio_device *dev = driver->dev;
	struct fake_ring *ring = &driver->rings[queue];
	uint16_t size = (uint16_t)virtio_queue_read(dev, queue, VIRTIO_QUEUE_MAX_SIZE);

	/* The same memory again after a reset. */
	if (ring->config.size != size)
		fake_ring_init(ring, driver->memory, size);
	memset(ring->avail, 0, 6 + 2 * (size_t)size);
	memset(ring->used, 0, 6 + 8 * (size_t)size);
	ring->next_desc = ring->next_avail = ring->next_used = 0;
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_SIZE, size);
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_DESC_LOW, (uint32_t)ring->config.desc);
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_DESC_HIGH, (uint32_t)(ring->config.desc >> 32));
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_AVAIL_LOW, (uint32_t)ring->config.avail);
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_AVAIL_HIGH,
			   (uint32_t)(ring->config.avail >> 32));
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_USED_LOW, (uint32_t)ring->config.used);
	virtio_queue_write(dev, queue, VIRTIO_QUEUE_USED_HIGH, (uint32_t)(ring->config.used >> 32));
	virtio_queue_change(dev, queue, VIRTIO_QUEUE_ENABLE);
}

void fake_driver_start_queues(struct fake_driver *driver, struct virtio_device *dev,
			      struct fake_memory *memory, uint64_t features, unsigned int nqueues)
{
	const uint8_t driven = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	const uint8_t agreed = driven | VIRTIO_CONFIG_S_FEATURES_OK;

	if (dev->transport != &driver->transport.transport) {
		*driver = (struct fake_driver){.dev = dev, .memory = memory};
		fake_transport_init(&driver->transport);
		virtio_attach(dev, &driver->transport.transport);
	}
	features |= UINT64_C(1) << VIRTIO_F_VERSION_1;
	fake_driver_reset(driver);
	virtio_set_status(dev, driven);
	virtio_set_driver_features(dev, 0, (uint32_t)features);
	virtio_set_driver_features(dev, 1, (uint32_t)(features >> 32));
	virtio_set_status(dev, agreed);
	assert_int_equal(virtio_get_status(dev), agreed);
	for (unsigned int i = 0; i < nqueues; i++)
		give_ring(driver, i);
	virtio_set_status(dev, agreed | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(virtio_get_status(dev), agreed | VIRTIO_CONFIG_S_DRIVER_OK);
}

void fake_driver_start(struct fake_driver *driver, struct virtio_device *dev,
		       struct fake_memory *memory, uint64_t features)
{
	fake_driver_start_queues(driver, dev, memory, features, dev->nqueues);
}

void fake_driver_reset(struct fake_driver *driver)
{
	virtio_set_status(driver->dev, 0);
	assert_int_equal(virtio_get_status(driver->dev), 0);
}

uint16_t fake_driver_offer(struct fake_driver *driver, unsigned int queue,
			   const struct fake_segment *segments, unsigned int n)
{
	uint16_t head = fake_ring_chain(&driver->rings[queue], segments, n);

	fake_ring_offer(&driver->rings[queue], head);
	return head;
}

void fake_driver_kick(struct fake_driver *driver, unsigned int queue)
{
	struct loop_source *kick = &driver->dev->queues[queue].kick;

	kick->ready(kick, EPOLLIN);
}

bool fake_driver_used(struct fake_driver *driver, unsigned int queue, uint16_t *head,
		      uint32_t *written)
{
	return fake_ring_used(&driver->rings[queue], head, written);
}

bool fake_driver_needs_reset(const struct fake_driver *driver)
{
	return virtio_get_status(driver->dev) & VIRTIO_CONFIG_S_NEEDS_RESET;
}
