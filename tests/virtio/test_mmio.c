/* test_mmio.c: virtio-mmio's registers, on a bus, driven as a guest's driver does. */
#include "virtio/mmio.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/driver.h"
#include "vmm/util.h"

enum { BASE = 0x10000000, QUEUES = 2, QUEUE_RESET = 0xc0 };

/* A device that returns each request at once. */
struct echo_device {
	struct virtio_device dev;
	bool tells_at_stop;
	unsigned int kicks[QUEUES];
};

static int echo_start(struct virtio_device *dev)
{
	(void)dev;
	return 0;
}

/* What was in flight ends, and the driver hears of it. */
static void echo_stop(struct virtio_device *dev)
{
	if (container_of(dev, struct echo_device, dev)->tells_at_stop)
		virtio_interrupt(dev, 0);
}

static void echo_kick(struct virtio_device *dev, unsigned int queue)
{
	struct iovec iov[4];
	struct virtq_chain chain = {.iov = iov, .cap = ARRAY_SIZE(iov)};

	container_of(dev, struct echo_device, dev)->kicks[queue]++;
	while (virtio_pop(dev, queue, &chain))
		virtqueue_push(virtio_queue(dev, queue), &chain, 0);
	virtio_flush(dev, queue);
}

static const struct virtio_device_ops echo_ops = {
	.start = echo_start,
	.stop = echo_stop,
	.kick = echo_kick,
};

struct bench {
	struct loop loop;
	struct fake_memory memory;
	struct bus bus;
	struct echo_device echo;
	struct virtio_mmio mmio;
	bool line;
	unsigned int raised;
	unsigned int armed; /* ioeventfds that KVM would have */
};

static void set_line(void *owner, unsigned int pin, bool on)
{
	struct bench *bench = owner;

	assert_int_equal(pin, 5);
	bench->raised += on && !bench->line;
	bench->line = on;
}

static int count_ioeventfd(struct bus *bus, const struct ioeventfd *event, uint64_t address,
			   bool assign)
{
	struct bench *bench = container_of(bus, struct bench, bus);

	assert_int_equal(address, BASE + VIRTIO_MMIO_QUEUE_NOTIFY);
	assert_int_equal(event->size, 4);
	assert_true(event->match_data && event->data < QUEUES);
	bench->armed += assign ? 1u : -1u;
	return 0;
}

static int make_bench(void **state)
{
	static struct bench bench;
	struct irq_line irq = {.set = set_line, .owner = &bench, .pin = 5};
	struct virtio_device *dev = &bench.echo.dev;

	bench = (struct bench){.echo.dev = {.name = "echo0",
					    .id = 4,
					    .ops = &echo_ops,
					    .features = 1,
					    .nqueues = QUEUES,
					    .queue_size = 8,
					    .config_size = 6}};
	memcpy(dev->state.config, "config", 6);
	assert_int_equal(loop_init(&bench.loop), 0);
	fake_memory_init(&bench.memory);
	bus_init(&bench.bus, &bench.memory.mem);
	bench.bus.ioeventfd = count_ioeventfd;
	assert_int_equal(virtio_device_init(dev, &bench.loop, &bench.memory.mem), 0);
	assert_int_equal(virtio_mmio_init(&bench.mmio, dev, &bench.bus, BASE, &irq), 0);
	*state = &bench;
	return 0;
}

static int drop_bench(void **state)
{
	struct bench *bench = *state;

	virtio_mmio_destroy(&bench->mmio);
	assert_int_equal(bench->armed, 0);
	virtio_device_destroy(&bench->echo.dev);
	bus_destroy(&bench->bus);
	fake_memory_free(&bench->memory);
	loop_destroy(&bench->loop);
	return 0;
}

static uint64_t get_wide(struct bench *bench, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	assert_true(bus_read(&bench->bus, BASE + offset, &value, size));
	return value;
}

static void set_wide(struct bench *bench, uint64_t offset, uint64_t value, unsigned int size)
{
	assert_true(bus_write(&bench->bus, BASE + offset, &value, size));
}

static uint32_t get(struct bench *bench, uint64_t offset)
{
	return (uint32_t)get_wide(bench, offset, 4);
}

static void set(struct bench *bench, uint64_t offset, uint32_t value)
{
	set_wide(bench, offset, value, 4);
}

static void give_ring(struct bench *bench, uint32_t queue, struct fake_ring *ring)
{
	fake_ring_init(ring, &bench->memory, 8);
	set(bench, VIRTIO_MMIO_QUEUE_SEL, queue);
	assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_NUM_MAX), 8);
	set(bench, VIRTIO_MMIO_QUEUE_NUM, 8);
	set(bench, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)ring->config.desc);
	set(bench, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
	set(bench, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)ring->config.avail);
	set(bench, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
	set(bench, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)ring->config.used);
	set(bench, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
	set(bench, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_READY), 1);
}

/* 3.1.1, as Linux does it. */
static void come_up(struct bench *bench, struct fake_ring *rings)
{
	set(bench, VIRTIO_MMIO_STATUS, 0);
	set(bench, VIRTIO_MMIO_STATUS, 1);
	set(bench, VIRTIO_MMIO_STATUS, 3);
	set(bench, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_true(get(bench, VIRTIO_MMIO_DEVICE_FEATURES) & 1);
	set(bench, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	assert_true(get(bench, VIRTIO_MMIO_DEVICE_FEATURES) & 1);
	set(bench, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(bench, VIRTIO_MMIO_DRIVER_FEATURES, 1 | 1u << (VIRTIO_F_RING_RESET - 32));
	set(bench, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(bench, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(bench, VIRTIO_MMIO_STATUS, 11);
	assert_int_equal(get(bench, VIRTIO_MMIO_STATUS), 11);
	for (uint32_t i = 0; i < QUEUES; i++)
		give_ring(bench, i, &rings[i]);
	set(bench, VIRTIO_MMIO_STATUS, 15);
	assert_int_equal(get(bench, VIRTIO_MMIO_STATUS), 15);
}

static void offer(struct bench *bench, struct fake_ring *ring)
{
	gpa_t buffer = fake_memory_alloc(&bench->memory, 16);
	struct fake_segment segment = {.gpa = buffer, .len = 16};

	fake_ring_offer(ring, fake_ring_chain(ring, &segment, 1));
}

static void run_loop(struct bench *bench)
{
	loop_stop(&bench->loop);
	assert_int_equal(loop_run(&bench->loop), 0);
}

static void it_says_who_it_is(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(get(bench, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(get(bench, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(get(bench, VIRTIO_MMIO_DEVICE_ID), 4);
	assert_int_not_equal(get(bench, VIRTIO_MMIO_VENDOR_ID), 0);
	assert_int_equal(bench->armed, QUEUES);
	/* 4.2.2.1: shared memory regions that are not there. */
	for (uint64_t offset = VIRTIO_MMIO_SHM_LEN_LOW; offset <= VIRTIO_MMIO_SHM_BASE_HIGH;
	     offset += 4)
		assert_int_equal(get(bench, offset), UINT32_MAX);
}

static void a_driver_comes_up_and_its_request_is_served(void **state)
{
	struct bench *bench = *state;
	struct fake_ring rings[QUEUES];

	come_up(bench, rings);
	offer(bench, &rings[1]);
	set(bench, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_false(bench->line);
	run_loop(bench);
	assert_true(fake_ring_used(&rings[1], NULL, NULL));
	assert_true(bench->line);
	assert_int_equal(get(bench, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	set(bench, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_false(bench->line);
	assert_int_equal(get(bench, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

static void the_line_is_up_while_anything_is_unacknowledged(void **state)
{
	struct bench *bench = *state;
	struct fake_ring rings[QUEUES];

	come_up(bench, rings);
	offer(bench, &rings[0]);
	set(bench, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	run_loop(bench);
	virtio_config_changed(&bench->echo.dev, 0, "C", 1);
	assert_int_equal(bench->raised, 1);
	assert_int_equal(get(bench, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	set(bench, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_true(bench->line);
	set(bench, VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffff0);
	assert_true(bench->line);
	set(bench, VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	assert_false(bench->line);
	set(bench, VIRTIO_MMIO_INTERRUPT_ACK, UINT32_MAX);
	assert_false(bench->line);
}

static void a_reset_takes_the_line_down(void **state)
{
	struct bench *bench = *state;
	struct fake_ring rings[QUEUES];

	for (unsigned int hard = 0; hard < 2; hard++) {
		come_up(bench, rings);
		virtio_config_changed(&bench->echo.dev, 0, "C", 1);
		assert_true(bench->line);
		if (hard)
			virtio_mmio_reset(&bench->mmio);
		else
			set(bench, VIRTIO_MMIO_STATUS, 0);
		assert_false(bench->line);
		assert_int_equal(get(bench, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		assert_int_equal(get(bench, VIRTIO_MMIO_STATUS), 0);
	}
}

static void a_queue_can_be_taken_away_and_reset(void **state)
{
	struct bench *bench = *state;
	struct fake_ring rings[QUEUES];

	come_up(bench, rings);
	set(bench, VIRTIO_MMIO_QUEUE_SEL, 1);
	set(bench, QUEUE_RESET, 1);
	assert_int_equal(get(bench, QUEUE_RESET), 0);
	assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_READY), 0);
	give_ring(bench, 1, &rings[1]);
	offer(bench, &rings[1]);
	set(bench, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	run_loop(bench);
	assert_true(fake_ring_used(&rings[1], NULL, NULL));
	set(bench, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_READY), 0);
}

/* Hostile case 21. */
static void no_selector_leads_out_of_bounds(void **state)
{
	struct bench *bench = *state;
	static const uint32_t selectors[] = {QUEUES, 64, 0xffff, 0x10000, 0x80000000, UINT32_MAX};
	struct fake_ring rings[QUEUES];

	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		set(bench, VIRTIO_MMIO_QUEUE_SEL, selectors[i]);
		set(bench, VIRTIO_MMIO_DEVICE_FEATURES_SEL, selectors[i]);
		set(bench, VIRTIO_MMIO_DRIVER_FEATURES_SEL, selectors[i]);
		assert_int_equal(get(bench, VIRTIO_MMIO_DEVICE_FEATURES), 0);
		assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		for (uint64_t offset = VIRTIO_MMIO_QUEUE_SEL + 4; offset < VIRTIO_MMIO_CONFIG;
		     offset += 4) {
			get(bench, offset);
			if (offset != VIRTIO_MMIO_STATUS)
				set(bench, offset, 1);
		}
		set(bench, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
		assert_int_equal(get(bench, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	come_up(bench, rings);
}

/* Hostile case 23. */
static void a_doorbell_that_is_not_there_rings_nowhere(void **state)
{
	struct bench *bench = *state;
	struct fake_ring rings[QUEUES];

	come_up(bench, rings);
	run_loop(bench);
	memset(bench->echo.kicks, 0, sizeof(bench->echo.kicks));
	set(bench, VIRTIO_MMIO_QUEUE_NOTIFY, QUEUES);
	set(bench, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	run_loop(bench);
	assert_int_equal(bench->echo.kicks[0] + bench->echo.kicks[1], 0);
}

/* Hostile case 24. */
static void registers_are_taken_at_32_bits_alone(void **state)
{
	struct bench *bench = *state;
	static const unsigned int sizes[] = {1, 2, 8};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (uint64_t offset = 0; offset + sizes[i] <= VIRTIO_MMIO_CONFIG; offset++) {
			assert_int_equal(get_wide(bench, offset, sizes[i]), 0);
			set_wide(bench, offset, UINT64_MAX, sizes[i]);
		}
	}
	for (uint64_t offset = 0; offset + 4 <= VIRTIO_MMIO_CONFIG; offset++) {
		if (offset % 4 == 0)
			continue;
		assert_int_equal(get(bench, offset), 0);
		set(bench, offset, UINT32_MAX);
	}
	assert_int_equal(get(bench, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(get(bench, VIRTIO_MMIO_DEVICE_ID), 4);
}

/* Hostile case 24. */
static void read_only_and_unknown_registers_ignore_writes(void **state)
{
	struct bench *bench = *state;
	static const uint64_t offsets[] = {0x00, 0x04, 0x08, 0x0c, 0x10, 0x18, 0x28, 0x34,
					   0x3c, 0x40, 0x48, 0x60, 0xb0, 0xbc, 0xc4, 0xfc};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint32_t before = get(bench, offsets[i]);

		set(bench, offsets[i], ~before);
		assert_int_equal(get(bench, offsets[i]), before);
	}
}

/* Hostile case 24. */
static void configuration_space_is_taken_at_any_width(void **state)
{
	struct bench *bench = *state;
	uint32_t generation = get(bench, VIRTIO_MMIO_CONFIG_GENERATION);

	assert_int_equal(get_wide(bench, VIRTIO_MMIO_CONFIG, 1), 'c');
	assert_int_equal(get_wide(bench, VIRTIO_MMIO_CONFIG + 1, 2), 0x6e6f);
	assert_int_equal(get_wide(bench, VIRTIO_MMIO_CONFIG + 4, 4), 0x6769);
	assert_int_equal(get_wide(bench, VIRTIO_MMIO_CONFIG, 8), 0x6769666e6f63);
	assert_int_equal(get_wide(bench, VIRTIO_MMIO_SIZE - 8, 8), 0);
	set_wide(bench, VIRTIO_MMIO_CONFIG, 0, 8);
	set_wide(bench, VIRTIO_MMIO_SIZE - 1, 0, 1);
	assert_int_equal(get_wide(bench, VIRTIO_MMIO_CONFIG, 1), 'c');
	virtio_config_changed(&bench->echo.dev, 0, "C", 1);
	assert_int_not_equal(get(bench, VIRTIO_MMIO_CONFIG_GENERATION), generation);
}

static void two_devices_in_one_place_are_refused(void **state)
{
	struct bench *bench = *state;
	struct irq_line irq = {0};
	struct virtio_mmio other;

	assert_int_equal(
		virtio_mmio_init(&other, &bench->echo.dev, &bench->bus, BASE + 0x100, &irq),
		-EEXIST);
	assert_ptr_equal(bench->echo.dev.transport, &bench->mmio.transport);
	virtio_mmio_destroy(&other);
}

static void it_goes_only_when_the_device_has_told_its_last(void **state)
{
	struct bench *bench = *state;
	struct fake_ring rings[QUEUES];

	come_up(bench, rings);
	bench->echo.tells_at_stop = true;
	virtio_mmio_destroy(&bench->mmio);
	assert_int_equal(bench->raised, 1);
	assert_false(bench->echo.dev.running);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bench, drop_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_who_it_is),
		TEST(a_driver_comes_up_and_its_request_is_served),
		TEST(the_line_is_up_while_anything_is_unacknowledged),
		TEST(a_reset_takes_the_line_down),
		TEST(a_queue_can_be_taken_away_and_reset),
		TEST(no_selector_leads_out_of_bounds),
		TEST(a_doorbell_that_is_not_there_rings_nowhere),
		TEST(registers_are_taken_at_32_bits_alone),
		TEST(read_only_and_unknown_registers_ignore_writes),
		TEST(configuration_space_is_taken_at_any_width),
		TEST(two_devices_in_one_place_are_refused),
		TEST(it_goes_only_when_the_device_has_told_its_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
