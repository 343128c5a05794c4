/* test_virtio.c: status machine, features, queues' registers, configuration space and reset. */
#include "virtio/virtio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/driver.h"
#include "vmm/util.h"

enum {
	ACK = VIRTIO_CONFIG_S_ACKNOWLEDGE,
	DRIVER = VIRTIO_CONFIG_S_DRIVER,
	FEATURES = VIRTIO_CONFIG_S_FEATURES_OK,
	DRIVER_OK = VIRTIO_CONFIG_S_DRIVER_OK,
	FAILED = VIRTIO_CONFIG_S_FAILED,
	NEEDS_RESET = VIRTIO_CONFIG_S_NEEDS_RESET,
	AGREED = ACK | DRIVER | FEATURES,
	RUNNING = AGREED | DRIVER_OK,
};

enum { QUEUES = 3, HELD = 64 };

#define FEATURE_A (1ull << 3)
#define FEATURE_B (1ull << 33)
#define RING_RESET (1ull << VIRTIO_F_RING_RESET)
#define VERSION_1 (1ull << VIRTIO_F_VERSION_1)

/*
 * A device that keeps what it pops in flight until it is told to complete it, or stopped.
 */
struct slow_device {
	struct virtio_device dev;
	struct virtq_chain held[QUEUES][HELD];
	struct iovec iov[QUEUES][HELD][4];
	unsigned int nheld[QUEUES];
	unsigned int starts, stops, resets, kicks[QUEUES];
	unsigned int popped, pushed;
	int start_result;
	bool lend; /* act as if vhost took over queue 0 */
	int lent_call;
	uint8_t config_written[8];
	unsigned int config_offset, config_size;
};

static struct slow_device *slow_of(struct virtio_device *dev)
{
	return container_of(dev, struct slow_device, dev);
}

static void complete_all(struct slow_device *slow, unsigned int queue)
{
	for (unsigned int i = 0; i < slow->nheld[queue]; i++) {
		struct virtq_chain *chain = &slow->held[queue][i];

		/* With a sanitizer this tells whether the guest's memory is still ours. */
		virtqueue_push(virtio_queue(&slow->dev, queue), chain,
			       (uint32_t)iov_put_zeroes(&chain->out, chain->out.left));
		slow->pushed++;
	}
	slow->nheld[queue] = 0;
	virtio_flush(&slow->dev, queue);
}

static int slow_start(struct virtio_device *dev)
{
	struct slow_device *slow = slow_of(dev);

	assert_false(dev->running);
	slow->starts++;
	if (slow->lend) {
		virtio_lend_kick_fd(dev, 0);
		slow->lent_call = virtio_lend_call_fd(dev, 0);
	}
	return slow->start_result;
}

static void slow_stop(struct virtio_device *dev)
{
	struct slow_device *slow = slow_of(dev);

	slow->stops++;
	assert_int_equal(slow->starts, slow->stops);
	for (unsigned int i = 0; i < QUEUES; i++)
		complete_all(slow, i);
}

static void slow_kick(struct virtio_device *dev, unsigned int queue)
{
	struct slow_device *slow = slow_of(dev);

	assert_true(dev->running);
	slow->kicks[queue]++;
	while (slow->nheld[queue] < HELD) {
		struct virtq_chain *chain = &slow->held[queue][slow->nheld[queue]];

		*chain =
			(struct virtq_chain){.iov = slow->iov[queue][slow->nheld[queue]], .cap = 4};
		if (!virtio_pop(dev, queue, chain))
			break;
		slow->nheld[queue]++;
		slow->popped++;
	}
}

static void slow_reset(struct virtio_device *dev)
{
	assert_false(dev->running);
	slow_of(dev)->resets++;
}

static bool slow_features_ok(const struct virtio_device *dev, uint64_t features)
{
	uint64_t both = FEATURE_A | FEATURE_B;

	(void)dev;
	return (features & both) != both;
}

static void slow_write_config(struct virtio_device *dev, unsigned int offset, const void *bytes,
			      unsigned int size)
{
	struct slow_device *slow = slow_of(dev);

	slow->config_offset = offset;
	slow->config_size = size;
	memcpy(slow->config_written, bytes, size);
	virtio_config_store(dev, offset, bytes, size);
}

static const struct virtio_device_ops slow_ops = {
	.start = slow_start,
	.stop = slow_stop,
	.kick = slow_kick,
	.reset = slow_reset,
	.features_ok = slow_features_ok,
	.write_config = slow_write_config,
};

struct bench {
	struct loop loop;
	struct fake_memory memory;
	struct slow_device slow;
	struct fake_driver driver;
	gpa_t buffer;
};

static void bench_init(struct bench *bench)
{
	*bench = (struct bench){.slow.dev = {.name = "slow0",
					     .id = 42,
					     .ops = &slow_ops,
					     .features = FEATURE_A | FEATURE_B,
					     .nqueues = QUEUES,
					     .queue_size = 16,
					     .config_size = 12}};
	assert_int_equal(loop_init(&bench->loop), 0);
	fake_memory_init(&bench->memory);
	bench->buffer = fake_memory_alloc(&bench->memory, 4096);
	memcpy(bench->slow.dev.state.config, "abcdefghijklmnop", 16);
	assert_int_equal(virtio_device_init(&bench->slow.dev, &bench->loop, &bench->memory.mem), 0);
	fake_transport_init(&bench->driver.transport);
	bench->driver.dev = &bench->slow.dev;
	bench->driver.memory = &bench->memory;
	virtio_attach(&bench->slow.dev, &bench->driver.transport.transport);
}

static void bench_destroy(struct bench *bench)
{
	virtio_device_destroy(&bench->slow.dev);
	fake_memory_free(&bench->memory);
	loop_destroy(&bench->loop);
}

static int make_bench(void **state)
{
	static struct bench bench;

	bench_init(&bench);
	*state = &bench;
	return 0;
}

static int drop_bench(void **state)
{
	bench_destroy(*state);
	return 0;
}

static void offer(struct bench *bench, unsigned int queue)
{
	struct fake_segment segment = {.gpa = bench->buffer, .len = 64, .write = true};

	fake_driver_offer(&bench->driver, queue, &segment, 1);
}

static void start(struct bench *bench, uint64_t features)
{
	fake_driver_start(&bench->driver, &bench->slow.dev, &bench->memory, features);
}

static unsigned int set_status(struct bench *bench, unsigned int status)
{
	virtio_set_status(&bench->slow.dev, (uint8_t)status);
	return virtio_get_status(&bench->slow.dev);
}

static void set_features(struct bench *bench, uint64_t features)
{
	virtio_set_driver_features(&bench->slow.dev, 0, (uint32_t)features);
	virtio_set_driver_features(&bench->slow.dev, 1, (uint32_t)(features >> 32));
}

/*
 * Status and features.
 */

static void a_driver_comes_up_step_by_step(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;

	assert_int_equal(virtio_get_status(dev), 0);
	assert_int_equal(set_status(bench, ACK), ACK);
	assert_false(dev->was_driven);
	assert_int_equal(set_status(bench, ACK | DRIVER), ACK | DRIVER);
	assert_true(dev->was_driven);
	assert_int_equal(virtio_get_offered(dev, 0), FEATURE_A | 3u << 28);
	assert_int_equal(virtio_get_offered(dev, 1), (FEATURE_B | VERSION_1 | RING_RESET) >> 32);
	assert_int_equal(virtio_get_offered(dev, 2), 0);
	assert_int_equal(virtio_get_offered(dev, UINT32_MAX), 0);
	set_features(bench, VERSION_1 | FEATURE_A);
	virtio_set_driver_features(dev, 7, UINT32_MAX);
	assert_int_equal(virtio_get_driver_features(dev, 0), FEATURE_A);
	assert_int_equal(virtio_get_driver_features(dev, 1), 1);
	assert_int_equal(set_status(bench, AGREED), AGREED);
	assert_true(virtio_has_feature(dev, 3));
	assert_false(virtio_has_feature(dev, 33));
	assert_int_equal(bench->slow.starts, 0);
	assert_int_equal(set_status(bench, RUNNING), RUNNING);
	assert_int_equal(bench->slow.starts, 1);
	assert_int_equal(set_status(bench, 0), 0);
	assert_int_equal(bench->slow.stops, 1);
	assert_int_equal(bench->slow.resets, 1);
	assert_int_equal(virtio_get_driver_features(dev, 0), 0);
	assert_false(virtio_has_feature(dev, 3));
}

/* Hostile case 16. */
static void features_are_refused_unless_they_fit(void **state)
{
	struct bench *bench = *state;
	const struct {
		const char *what;
		uint64_t features;
		unsigned int status;
	} cases[] = {
		{"the version alone", VERSION_1, AGREED},
		{"both of the device's", VERSION_1 | FEATURE_A, AGREED},
		{"nothing", 0, ACK | DRIVER},
		{"no version", FEATURE_A, ACK | DRIVER},
		{"an unoffered one", VERSION_1 | 1 << 4, ACK | DRIVER},
		{"an unoffered high one", VERSION_1 | 1ull << 63, ACK | DRIVER},
		{"all", UINT64_MAX, ACK | DRIVER},
		{"two that exclude each other", VERSION_1 | FEATURE_A | FEATURE_B, ACK | DRIVER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_status(bench, 0);
		set_status(bench, ACK | DRIVER);
		set_features(bench, cases[i].features);
		if (set_status(bench, AGREED) != cases[i].status)
			fail_msg("features: %s", cases[i].what);
		/* A driver that does not look is not let in either. */
		if (cases[i].status != AGREED)
			assert_int_equal(set_status(bench, RUNNING), ACK | DRIVER);
	}
	assert_int_equal(bench->slow.starts, 0);
}

/* Hostile case 16. */
static void features_do_not_change_once_agreed(void **state)
{
	struct bench *bench = *state;

	set_status(bench, ACK | DRIVER);
	set_features(bench, VERSION_1);
	set_status(bench, AGREED);
	set_features(bench, UINT64_MAX);
	assert_int_equal(virtio_get_driver_features(&bench->slow.dev, 0), 0);
	assert_int_equal(virtio_get_driver_features(&bench->slow.dev, 1), 1);
	assert_int_equal(bench->slow.dev.negotiated, VERSION_1);
	set_status(bench, RUNNING);
	set_features(bench, 0);
	assert_int_equal(virtio_get_driver_features(&bench->slow.dev, 1), 1);
}

/* Hostile case 16. */
static void status_bits_are_not_skipped_nor_cleared(void **state)
{
	struct bench *bench = *state;
	static const struct {
		const char *what;
		uint8_t before, written, after;
	} cases[] = {
		{"FEATURES_OK at once", 0, FEATURES, 0},
		{"FEATURES_OK without DRIVER", ACK, ACK | FEATURES, ACK},
		{"DRIVER_OK at once", 0, DRIVER_OK, 0},
		{"DRIVER_OK without FEATURES_OK", ACK | DRIVER, ACK | DRIVER | DRIVER_OK,
		 ACK | DRIVER},
		{"everything at once", 0, RUNNING, RUNNING},
		{"ACKNOWLEDGE cleared", AGREED, DRIVER | FEATURES, AGREED},
		{"FEATURES_OK cleared", AGREED, ACK | DRIVER, AGREED},
		{"DRIVER_OK cleared", RUNNING, AGREED, RUNNING},
		{"NEEDS_RESET set by the driver", AGREED, AGREED | NEEDS_RESET, AGREED},
		{"bits that do not exist", AGREED, AGREED | 0x30, AGREED},
		{"only bits that do not exist", 0, 0x30, 0},
		{"FAILED", RUNNING, RUNNING | FAILED, RUNNING | FAILED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		set_status(bench, 0);
		set_features(bench, VERSION_1);
		if (cases[i].before)
			set_status(bench, cases[i].before);
		if (set_status(bench, cases[i].written) != cases[i].after)
			fail_msg("%s: 0x%x", cases[i].what, virtio_get_status(&bench->slow.dev));
	}
}

/*
 * Queues.
 */

static void requests_go_through_a_device(void **state)
{
	struct bench *bench = *state;
	uint32_t written = 0;

	start(bench, 0);
	offer(bench, 1);
	offer(bench, 1);
	fake_driver_kick(&bench->driver, 1);
	assert_int_equal(bench->slow.nheld[1], 2);
	complete_all(&bench->slow, 1);
	assert_int_equal(bench->driver.transport.queue_interrupts[1], 1);
	assert_true(fake_driver_used(&bench->driver, 1, NULL, &written));
	assert_int_equal(written, 64);
	assert_true(fake_driver_used(&bench->driver, 1, NULL, NULL));
	assert_false(fake_driver_used(&bench->driver, 1, NULL, NULL));
}

static void a_doorbell_reaches_the_device_through_the_loop(void **state)
{
	struct bench *bench = *state;

	start(bench, 0);
	offer(bench, 2);
	virtio_kick(&bench->slow.dev, 2);
	assert_int_equal(bench->slow.nheld[2], 0);
	loop_stop(&bench->loop);
	assert_int_equal(loop_run(&bench->loop), 0);
	assert_int_equal(bench->slow.nheld[2], 1);
	/* Edge-triggered: the same doorbell is not heard twice. */
	loop_stop(&bench->loop);
	assert_int_equal(loop_run(&bench->loop), 0);
	assert_int_equal(bench->slow.kicks[2], 2); /* one comes with the start */
}

/* Hostile case 15. */
static void kicks_before_and_after_do_nothing(void **state)
{
	struct bench *bench = *state;

	fake_driver_kick(&bench->driver, 0);
	start(bench, 0);
	assert_int_equal(bench->slow.kicks[0], 1);
	offer(bench, 0);
	fake_driver_reset(&bench->driver);
	fake_driver_kick(&bench->driver, 0);
	assert_int_equal(bench->slow.kicks[0], 1);
	assert_int_equal(bench->slow.popped, 0);
}

static void what_was_offered_before_driver_ok_is_found(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	struct fake_ring *ring = &bench->driver.rings[0];

	fake_ring_init(ring, &bench->memory, 16);
	set_status(bench, ACK | DRIVER);
	set_features(bench, VERSION_1);
	set_status(bench, AGREED);
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_DESC_LOW, (uint32_t)ring->config.desc);
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_AVAIL_LOW, (uint32_t)ring->config.avail);
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_USED_LOW, (uint32_t)ring->config.used);
	virtio_queue_change(dev, 0, VIRTIO_QUEUE_ENABLE);
	offer(bench, 0);
	set_status(bench, RUNNING);
	assert_int_equal(bench->slow.popped, 1);
	assert_int_equal(bench->slow.kicks[1], 0); /* not enabled */
}

/* Hostile case 17. */
static void a_queue_takes_only_sizes_that_it_has(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	static const struct {
		uint32_t written, read;
	} cases[] = {{8, 8},   {1, 1},	    {16, 16},	 {0, 16},	   {3, 16},
		     {32, 16}, {65536, 16}, {65544, 16}, {0x80000000, 16}, {UINT32_MAX, 16}};

	assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_MAX_SIZE), 16);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		virtio_queue_write(dev, 0, VIRTIO_QUEUE_SIZE, cases[i].written);
		assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_SIZE), cases[i].read);
	}
}

/* Hostile cases 17 and 18. */
static void an_enabled_queue_does_not_change(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	static const uint64_t features[] = {0, RING_RESET};

	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
		start(bench, features[i]);
		for (enum virtio_queue_register reg = VIRTIO_QUEUE_SIZE; reg < VIRTIO_QUEUE_ENABLED;
		     reg++) {
			uint32_t before = virtio_queue_read(dev, 0, reg);

			virtio_queue_write(dev, 0, reg, 4);
			assert_int_equal(virtio_queue_read(dev, 0, reg), before);
		}
		offer(bench, 0);
		fake_driver_kick(&bench->driver, 0);
		virtio_queue_change(dev, 0, VIRTIO_QUEUE_ENABLE); /* not from its beginning again */
		assert_int_equal(bench->slow.starts, i + 1);
		offer(bench, 0);
		fake_driver_kick(&bench->driver, 0);
		assert_int_equal(bench->slow.popped, 2 * (i + 1));
	}
}

/* Hostile case 21. */
static void a_queue_that_is_not_there_reads_as_zero_and_takes_nothing(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	static const uint32_t queues[] = {QUEUES, VIRTIO_MAX_QUEUES, 0xffff, 0x10000, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		enum virtio_queue_register reg;

		for (reg = VIRTIO_QUEUE_SIZE; reg < VIRTIO_QUEUE_ENABLED; reg++)
			virtio_queue_write(dev, queues[i], reg, 8);
		for (reg = VIRTIO_QUEUE_MAX_SIZE; reg <= VIRTIO_QUEUE_ENABLED; reg++)
			assert_int_equal(virtio_queue_read(dev, queues[i], reg), 0);
		virtio_queue_change(dev, queues[i], VIRTIO_QUEUE_ENABLE);
		virtio_queue_change(dev, queues[i], VIRTIO_QUEUE_DISABLE);
		virtio_queue_change(dev, queues[i], VIRTIO_QUEUE_RESET);
		virtio_kick(dev, queues[i]);
	}
	start(bench, 0);
	assert_int_equal(bench->slow.starts, 1);
}

/* Hostile case 18. */
static void a_ring_outside_of_ram_breaks_the_device_alone(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;

	set_status(bench, ACK | DRIVER);
	set_features(bench, VERSION_1);
	set_status(bench, AGREED);
	virtio_queue_write(dev, 1, VIRTIO_QUEUE_DESC_LOW, FAKE_HOLE);
	virtio_queue_change(dev, 1, VIRTIO_QUEUE_ENABLE);
	assert_int_equal(set_status(bench, RUNNING), RUNNING | NEEDS_RESET);
	assert_int_equal(bench->slow.starts, 0);
	assert_int_equal(bench->driver.transport.config_interrupts, 1);
	start(bench, 0);
	assert_int_equal(bench->slow.starts, 1);
	assert_false(fake_driver_needs_reset(&bench->driver));
}

static void a_queue_can_be_reset_while_others_have_io_in_flight(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	struct virtqueue_config config;

	start(bench, RING_RESET);
	offer(bench, 0);
	offer(bench, 1);
	offer(bench, 1);
	fake_driver_kick(&bench->driver, 0);
	fake_driver_kick(&bench->driver, 1);
	assert_int_equal(bench->slow.popped, 3);
	virtio_queue_change(dev, 0, VIRTIO_QUEUE_RESET);
	assert_int_equal(bench->slow.pushed, 3);
	assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_ENABLED), 0);
	assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_DESC_LOW), 0);
	assert_int_equal(virtio_queue_read(dev, 1, VIRTIO_QUEUE_ENABLED), 1);

	/* The other goes on where it was. */
	offer(bench, 0);
	offer(bench, 1);
	fake_driver_kick(&bench->driver, 0);
	fake_driver_kick(&bench->driver, 1);
	assert_int_equal(bench->slow.popped, 4);

	/* And the first comes back, from its beginning, elsewhere and smaller. */
	fake_ring_init(&bench->driver.rings[0], &bench->memory, 4);
	config = bench->driver.rings[0].config;
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_SIZE, 4);
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_DESC_LOW, (uint32_t)config.desc);
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_AVAIL_LOW, (uint32_t)config.avail);
	virtio_queue_write(dev, 0, VIRTIO_QUEUE_USED_LOW, (uint32_t)config.used);
	offer(bench, 0);
	virtio_queue_change(dev, 0, VIRTIO_QUEUE_ENABLE);
	assert_int_equal(bench->slow.popped, 5);
	assert_int_equal(bench->slow.starts, 3);
	assert_int_equal(bench->slow.resets, 1); /* the driver's first */
}

static void a_queue_reset_is_negotiated_first(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;

	start(bench, 0);
	virtio_queue_change(dev, 0, VIRTIO_QUEUE_RESET);
	assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_ENABLED), 1);
	/* Taken away (virtio-mmio can), it does not come back either. */
	virtio_queue_change(dev, 0, VIRTIO_QUEUE_DISABLE);
	assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_ENABLED), 0);
	virtio_queue_change(dev, 0, VIRTIO_QUEUE_ENABLE);
	assert_int_equal(virtio_queue_read(dev, 0, VIRTIO_QUEUE_ENABLED), 0);
}

/*
 * The latch.
 */

static void a_broken_ring_latches_the_device_until_reset(void **state)
{
	struct bench *bench = *state;

	start(bench, 0);
	offer(bench, 0);
	fake_driver_kick(&bench->driver, 0);
	fake_ring_offer(&bench->driver.rings[0], 9999);
	fake_driver_kick(&bench->driver, 0);
	assert_true(fake_driver_needs_reset(&bench->driver));
	assert_int_equal(bench->driver.transport.config_interrupts, 1);
	/* No queue is served any more, the sound ones neither; what is in flight may end. */
	offer(bench, 1);
	fake_driver_kick(&bench->driver, 0);
	fake_driver_kick(&bench->driver, 1);
	slow_kick(&bench->slow.dev, 1); /* as one does that was told by its host */
	assert_int_equal(bench->slow.popped, 1);
	assert_int_equal(bench->driver.transport.config_interrupts, 1);
	complete_all(&bench->slow, 0);
	/* The driver cannot talk itself out of it. */
	assert_int_equal(set_status(bench, RUNNING), RUNNING | NEEDS_RESET);

	start(bench, 0);
	assert_false(fake_driver_needs_reset(&bench->driver));
	offer(bench, 1);
	fake_driver_kick(&bench->driver, 1);
	assert_int_equal(bench->slow.popped, 2);
}

static void a_device_that_cannot_start_says_so(void **state)
{
	struct bench *bench = *state;

	bench->slow.start_result = -ENOSYS;
	set_status(bench, ACK | DRIVER);
	set_features(bench, VERSION_1);
	set_status(bench, AGREED);
	assert_int_equal(set_status(bench, RUNNING), RUNNING | NEEDS_RESET);
	set_status(bench, 0);
	assert_int_equal(bench->slow.stops, 0);
}

/* Hostile case 25. */
static void ten_thousand_resets_with_io_in_flight(void **state)
{
	struct bench *bench = *state;

	for (unsigned int i = 0; i < 10000; i++) {
		start(bench, i & 1 ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0);
		for (unsigned int queue = 0; queue < QUEUES; queue++) {
			offer(bench, queue);
			offer(bench, queue);
			fake_driver_kick(&bench->driver, queue);
		}
		fake_driver_reset(&bench->driver);
	}
	assert_int_equal(bench->slow.popped, 60000);
	assert_int_equal(bench->slow.pushed, 60000);
	assert_int_equal(bench->slow.starts, bench->slow.stops);
}

/*
 * Configuration space.
 */

/* Hostile case 24. */
static void configuration_space_ends_where_it_ends(void **state)
{
	struct bench *bench = *state;
	static const struct {
		uint64_t offset;
		unsigned int size;
		uint64_t value;
	} cases[] = {
		{0, 1, 'a'},
		{1, 2, 0x6362},
		{3, 4, 0x67666564},
		{4, 8, 0x6c6b6a6968676665},
		{11, 1, 'l'},
		{11, 4, 'l'},
		{12, 1, 0},
		{12, 8, 0},
		{VIRTIO_MAX_CONFIG, 8, 0},
		{UINT64_MAX, 8, 0},
		{UINT64_MAX - 7, 8, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
			virtio_config_read(&bench->slow.dev, cases[i].offset, cases[i].size),
			cases[i].value);
}

/* Hostile case 24. */
static void writes_reach_the_device_only_inside_its_space(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	static const struct {
		uint64_t offset;
		unsigned int size;
		bool taken;
	} cases[] = {{0, 1, true},	    {4, 8, true},	    {11, 1, true},
		     {11, 2, false},	    {5, 8, false},	    {12, 1, false},
		     {256, 4, false},	    {UINT64_MAX, 1, false}, {UINT64_MAX - 3, 8, false},
		     {1ull << 32, 4, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bench->slow.config_size = 0;
		virtio_config_write(dev, cases[i].offset, 0x8877665544332211, cases[i].size);
		assert_int_equal(bench->slow.config_size, cases[i].taken ? cases[i].size : 0);
	}
	assert_int_equal(virtio_config_read(dev, 4, 8) & 0xffffff, 0x332211);
}

static void a_change_is_told_to_a_driver_that_runs(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;
	uint8_t generation = virtio_config_generation(dev);

	virtio_config_changed(dev, 2, "XY", 2);
	assert_int_equal(virtio_config_read(dev, 1, 4), 0x65595862);
	assert_int_not_equal(virtio_config_generation(dev), generation);
	assert_int_equal(bench->driver.transport.config_interrupts, 0);
	start(bench, 0);
	virtio_config_changed(dev, 2, "cd", 2);
	assert_int_equal(bench->driver.transport.config_interrupts, 1);
	virtio_config_store(dev, 2, "ef", 2);
	assert_int_equal(bench->driver.transport.config_interrupts, 1);
	/* It is the device's, not the driver's: a reset leaves it. */
	fake_driver_reset(&bench->driver);
	assert_int_equal(virtio_config_read(dev, 2, 2), 0x6665);
}

/*
 * Lending eventfds, as to vhost.
 */

static void a_lent_doorbell_is_left_alone_and_comes_back(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;

	bench->slow.lend = true;
	bench->driver.transport.call_fd = 77;
	start(bench, 0);
	assert_int_equal(bench->slow.lent_call, 77);
	assert_int_equal(bench->slow.kicks[0], 0);
	virtio_kick(dev, 0);
	loop_stop(&bench->loop);
	assert_int_equal(loop_run(&bench->loop), 0);
	assert_int_equal(bench->slow.kicks[0], 0);

	bench->slow.lend = false;
	start(bench, 0);
	assert_int_equal(bench->slow.kicks[0], 1);
	virtio_kick(dev, 0);
	loop_stop(&bench->loop);
	assert_int_equal(loop_run(&bench->loop), 0);
	assert_int_equal(bench->slow.kicks[0], 2);
}

static void who_borrowed_an_interrupt_asks_again_when_it_moves(void **state)
{
	struct bench *bench = *state;
	struct virtio_device *dev = &bench->slow.dev;

	bench->slow.lend = true;
	bench->driver.transport.call_fd = 77;
	start(bench, 0);
	bench->driver.transport.call_fd = -1;
	virtio_call_moved(dev, 1); /* not lent */
	assert_int_equal(bench->slow.starts, 1);
	virtio_call_moved(dev, 0);
	assert_int_equal(bench->slow.starts, 2);
	assert_int_equal(bench->slow.lent_call, -1);
}

/*
 * Hostile case 15: two vCPUs kick, reset and start a device that lives on a loop's own thread.
 */
struct vcpu_thread {
	struct bench *bench;
	pthread_t thread;
	bool starts;
};

static void *play_vcpu(void *arg)
{
	struct vcpu_thread *vcpu = arg;
	struct bench *bench = vcpu->bench;
	struct virtio_device *dev = &bench->slow.dev;

	for (unsigned int i = 0; i < 500; i++) {
		for (unsigned int queue = 0; queue <= QUEUES; queue++) {
			virtio_queue_write(dev, queue, VIRTIO_QUEUE_DESC_LOW, 0x8000 * (queue + 1));
			virtio_queue_write(dev, queue, VIRTIO_QUEUE_AVAIL_LOW,
					   0x8000 * (queue + 1) + 0x1000);
			virtio_queue_write(dev, queue, VIRTIO_QUEUE_USED_LOW,
					   0x8000 * (queue + 1) + 0x2000);
			virtio_queue_change(dev, queue, VIRTIO_QUEUE_ENABLE);
		}
		virtio_set_status(dev, ACK | DRIVER);
		virtio_set_driver_features(dev, 1, (uint32_t)((VERSION_1 | RING_RESET) >> 32));
		virtio_set_status(dev, AGREED);
		virtio_set_status(dev, RUNNING);
		virtio_kick(dev, i % (QUEUES + 1));
		virtio_queue_change(dev, i % QUEUES, VIRTIO_QUEUE_RESET);
		virtio_config_write(dev, i % 16, i, 4);
		virtio_config_read(dev, i % 16, 8);
		virtio_call_moved(dev, 0);
		if (vcpu->starts || i % 3)
			virtio_set_status(dev, 0);
	}
	return NULL;
}

static void two_vcpus_at_once_do_no_harm(void **state)
{
	static struct bench bench;
	struct vcpu_thread vcpus[2] = {{.bench = &bench, .starts = true}, {.bench = &bench}};

	(void)state;
	bench_init(&bench);
	bench.slow.lend = true;
	assert_int_equal(loop_start(&bench.loop, "slow0"), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&vcpus[i].thread, NULL, play_vcpu, &vcpus[i]), 0);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(vcpus[i].thread, NULL);
	virtio_set_status(&bench.slow.dev, 0);
	assert_int_equal(bench.slow.starts, bench.slow.stops);
	bench_destroy(&bench);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bench, drop_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_comes_up_step_by_step),
		TEST(features_are_refused_unless_they_fit),
		TEST(features_do_not_change_once_agreed),
		TEST(status_bits_are_not_skipped_nor_cleared),
		TEST(requests_go_through_a_device),
		TEST(a_doorbell_reaches_the_device_through_the_loop),
		TEST(kicks_before_and_after_do_nothing),
		TEST(what_was_offered_before_driver_ok_is_found),
		TEST(a_queue_takes_only_sizes_that_it_has),
		TEST(an_enabled_queue_does_not_change),
		TEST(a_queue_that_is_not_there_reads_as_zero_and_takes_nothing),
		TEST(a_ring_outside_of_ram_breaks_the_device_alone),
		TEST(a_queue_can_be_reset_while_others_have_io_in_flight),
		TEST(a_queue_reset_is_negotiated_first),
		TEST(a_broken_ring_latches_the_device_until_reset),
		TEST(a_device_that_cannot_start_says_so),
		TEST(ten_thousand_resets_with_io_in_flight),
		TEST(configuration_space_ends_where_it_ends),
		TEST(writes_reach_the_device_only_inside_its_space),
		TEST(a_change_is_told_to_a_driver_that_runs),
		TEST(a_lent_doorbell_is_left_alone_and_comes_back),
		TEST(who_borrowed_an_interrupt_asks_again_when_it_moves),
		cmocka_unit_test(two_vcpus_at_once_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
