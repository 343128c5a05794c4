/* test_blk.c: the block device over a disk in memory, driven by a driver that behaves, and by one
 * that does not. */
#include "virtio/blk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/backend/disk_raw.h"
#include "tests/fake/driver.h"
#include "tests/fake/ram_disk.h"
#include "tests/fake/temp_file.h"
#include "vmm/util.h"

#define BIT(n) (UINT64_C(1) << (n))

enum {
	DISK_SIZE = 1 << 20,
	DATA_SIZE = 64 * 1024,
	NO_STATUS = 0xee, /* in the status byte before the device writes it */
};

static const uint64_t usual = BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_DISCARD) |
			      BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
			      BIT(VIRTIO_RING_F_EVENT_IDX);

static struct loop loop;
static struct fake_memory memory;
static struct fake_driver driver;
static struct ram_disk *ram;
static struct virtio_blk *blk;
static struct virtio_device *dev;
static gpa_t data; /* DATA_SIZE bytes of guest memory */

/* The disk is read-only: set before make(). */
static bool read_only;
static unsigned int nqueues;

static int make(uint64_t features)
{
	assert_int_equal(loop_init(&loop), 0);
	fake_memory_init(&memory);
	data = fake_memory_alloc(&memory, DATA_SIZE);
	ram = calloc(1, sizeof(*ram));
	ram_disk_init(ram, DISK_SIZE);
	ram->disk.read_only = read_only;
	assert_int_equal(virtio_blk_create(&ram->disk, nqueues, "disk0", "serial-7", &loop,
					   &memory.mem, &blk),
			 0);
	dev = virtio_blk_device(blk);
	memset(&driver, 0, sizeof(driver));
	fake_driver_start(&driver, dev, &memory, features);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	read_only = false;
	nqueues = 1;
	return make(usual);
}

static int setup_read_only(void **state)
{
	(void)state;
	read_only = true;
	nqueues = 1;
	return make(BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_RO));
}

static int setup_bare(void **state)
{
	(void)state;
	read_only = false;
	nqueues = 1;
	return make(0);
}

static int setup_write_cache_switch(void **state)
{
	(void)state;
	read_only = false;
	nqueues = 1;
	return make(usual | BIT(VIRTIO_BLK_F_CONFIG_WCE));
}

static int setup_four_queues(void **state)
{
	(void)state;
	read_only = false;
	nqueues = 4;
	return make(usual | BIT(VIRTIO_BLK_F_MQ));
}

static int teardown(void **state)
{
	(void)state;
	virtio_blk_free(blk);
	free(ram);
	fake_memory_free(&memory);
	loop_destroy(&loop);
	return 0;
}

/* A request as a driver builds it. */
struct offer {
	uint16_t head;
	uint8_t *status;
};

static gpa_t put(const void *bytes, size_t len)
{
	gpa_t gpa = fake_memory_alloc(&memory, len);

	memcpy(fake_memory_at(&memory, gpa, len), bytes, len);
	return gpa;
}

static gpa_t put_header(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = {.type = htole32(type), .sector = htole64(sector)};

	return put(&header, sizeof(header));
}

static gpa_t put_status(void)
{
	static const uint8_t nothing = NO_STATUS;

	return put(&nothing, 1);
}

static struct offer offer_on(unsigned int queue, uint32_t type, uint64_t sector, gpa_t at,
			     uint32_t len)
{
	bool to_guest = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	gpa_t status = put_status();
	struct fake_segment segments[] = {
		{.gpa = put_header(type, sector), .len = 16},
		{.gpa = at, .len = len, .write = to_guest},
		{.gpa = status, .len = 1, .write = true},
	};

	return (struct offer){
		.head = fake_driver_offer(&driver, queue, segments, ARRAY_SIZE(segments)),
		.status = fake_memory_at(&memory, status, 1),
	};
}

static struct offer offer(uint32_t type, uint64_t sector, gpa_t at, uint32_t len)
{
	return offer_on(0, type, sector, at, len);
}

/* One turn of the loop. */
static void turn(void)
{
	loop_stop(&loop);
	assert_int_equal(loop_run(&loop), 0);
}

/* The next request that comes back is this one; how many bytes it says were written. */
static uint32_t comes_back(const struct offer *one)
{
	uint32_t written;
	uint16_t head;

	assert_true(fake_driver_used(&driver, 0, &head, &written));
	assert_int_equal(head, one->head);
	return written;
}

/* One request from the offer to the end: its status. */
static uint8_t run(uint32_t type, uint64_t sector, gpa_t at, uint32_t len)
{
	struct offer one = offer(type, sector, at, len);

	fake_driver_kick(&driver, 0);
	turn(); /* a request of many ranges leaves others their turn */
	comes_back(&one);
	return *one.status;
}

static uint8_t run_range(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes range = {
		.sector = htole64(sector),
		.num_sectors = htole32(sectors),
		.flags = htole32(flags),
	};

	return run(type, 0, put(&range, sizeof(range)), sizeof(range));
}

static uint8_t *guest(gpa_t gpa, uint64_t len)
{
	return fake_memory_at(&memory, gpa, len);
}

static void still_works(void)
{
	assert_false(fake_driver_needs_reset(&driver));
	memset(guest(data, 512), 0x77, 512);
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 9, data, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->bytes[9 * 512], 0x77);
}

/* What works. */

static void a_write_reaches_the_disk_and_a_read_brings_it_back(void **state)
{
	struct offer one;

	(void)state;
	memset(guest(data, 4096), 0x42, 4096);
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 8, data, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->bytes[8 * 512], 0x42);
	assert_int_equal(ram->bytes[8 * 512 + 4095], 0x42);
	memset(guest(data, 4096), 0, 4096);
	one = offer(VIRTIO_BLK_T_IN, 8, data, 4096);
	fake_driver_kick(&driver, 0);
	assert_int_equal(comes_back(&one), 4097); /* data and status */
	assert_int_equal(*one.status, VIRTIO_BLK_S_OK);
	assert_int_equal(guest(data, 4096)[4095], 0x42);
}

static void how_a_request_is_cut_up_does_not_matter(void **state)
{
	gpa_t header = put_header(VIRTIO_BLK_T_IN, 4);
	gpa_t tail = fake_memory_alloc(&memory, 513); /* the last byte of it is the status */
	struct fake_segment segments[] = {
		{.gpa = header, .len = 3},
		{.gpa = header + 3, .len = 13},
		{.gpa = data, .len = 1, .write = true},
		{.gpa = data + 100, .len = 511, .write = true},
		{.gpa = tail, .len = 513, .write = true},
	};

	(void)state;
	for (size_t i = 0; i < 1024; i++)
		ram->bytes[4 * 512 + i] = (uint8_t)(i * 3);
	fake_driver_offer(&driver, 0, segments, ARRAY_SIZE(segments));
	fake_driver_kick(&driver, 0);
	assert_true(fake_driver_used(&driver, 0, NULL, NULL));
	assert_int_equal(*guest(data, 1), 0);
	assert_int_equal(*guest(data + 100, 1), 3);
	assert_int_equal(*guest(tail + 511, 1), (uint8_t)(1023 * 3));
	assert_int_equal(*guest(tail + 512, 1), VIRTIO_BLK_S_OK);
}

static void a_whole_indirect_table_of_segments_is_served(void **state)
{
	struct fake_segment segments[256];
	gpa_t status = put_status();

	(void)state;
	segments[0] = (struct fake_segment){.gpa = put_header(VIRTIO_BLK_T_IN, 0), .len = 16};
	for (unsigned int i = 1; i < 255; i++)
		segments[i] = (struct fake_segment){.gpa = data, .len = 512, .write = true};
	segments[255] = (struct fake_segment){.gpa = status, .len = 1, .write = true};
	fake_ring_offer(&driver.rings[0],
			fake_ring_indirect(&driver.rings[0], &memory, segments, 256));
	fake_driver_kick(&driver, 0);
	assert_true(fake_driver_used(&driver, 0, NULL, NULL));
	assert_int_equal(*guest(status, 1), VIRTIO_BLK_S_OK);
}

static void the_driver_reads_what_the_disk_is_like(void **state)
{
	(void)state;
	assert_int_equal(virtio_config_read(dev, 0, 8), DISK_SIZE / 512);
	assert_int_equal(virtio_config_read(dev, offsetof(struct virtio_blk_config, seg_max), 4),
			 254);
	assert_int_equal(virtio_config_read(dev, offsetof(struct virtio_blk_config, blk_size), 4),
			 512);
	assert_int_equal(
		virtio_config_read(dev, offsetof(struct virtio_blk_config, physical_block_exp), 1),
		3);
	assert_int_equal(virtio_config_read(dev, offsetof(struct virtio_blk_config, num_queues), 2),
			 1);
	assert_true(virtio_get_offered(dev, 0) & BIT(VIRTIO_BLK_F_DISCARD));
	assert_false(virtio_get_offered(dev, 0) & BIT(VIRTIO_BLK_F_RO));
	assert_false(virtio_get_offered(dev, 0) & BIT(VIRTIO_BLK_F_MQ));
}

static void get_id_gives_the_serial_number(void **state)
{
	struct offer one = offer(VIRTIO_BLK_T_GET_ID, 0, data, 20);
	static const uint8_t id[20] = "serial-7";

	(void)state;
	memset(guest(data, 20), 0xff, 20);
	fake_driver_kick(&driver, 0);
	assert_int_equal(comes_back(&one), 21);
	assert_int_equal(*one.status, VIRTIO_BLK_S_OK);
	assert_memory_equal(guest(data, 20), id, 20);
}

static void get_id_into_a_short_buffer_is_cut(void **state)
{
	struct offer one = offer(VIRTIO_BLK_T_GET_ID, 0, data, 4);

	(void)state;
	memset(guest(data, 20), 0xff, 20);
	fake_driver_kick(&driver, 0);
	assert_int_equal(comes_back(&one), 5);
	assert_memory_equal(guest(data, 4), "seri", 4);
	assert_int_equal(*guest(data + 4, 1), 0xff);
}

static void get_id_into_a_long_buffer_says_how_much_is_there(void **state)
{
	struct offer one = offer(VIRTIO_BLK_T_GET_ID, 0, data, 512);

	(void)state;
	fake_driver_kick(&driver, 0);
	assert_int_equal(comes_back(&one), 20);
	assert_int_equal(*one.status, VIRTIO_BLK_S_OK);
}

static void a_flush_goes_down_to_the_disk(void **state)
{
	(void)state;
	assert_int_equal(run(VIRTIO_BLK_T_FLUSH, 0, data, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->flushes, 1);
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->durable, 0);
}

static void discard_and_write_zeroes_do_all_their_ranges(void **state)
{
	struct virtio_blk_discard_write_zeroes ranges[3] = {
		{.sector = htole64(0), .num_sectors = htole32(1)},
		{.sector = htole64(4), .num_sectors = htole32(2)},
		{.sector = htole64(8), .num_sectors = htole32(0)},
	};
	gpa_t at = put(ranges, sizeof(ranges));

	(void)state;
	memset(ram->bytes, 0xcc, 16 * 512);
	assert_int_equal(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, at, sizeof(ranges)), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->bytes[0], 0);
	assert_int_equal(ram->bytes[512], 0xcc);
	assert_int_equal(ram->bytes[4 * 512], 0);
	assert_int_equal(ram->bytes[6 * 512 - 1], 0);
	assert_int_equal(ram->bytes[6 * 512], 0xcc);
	assert_int_equal(ram->bytes[8 * 512], 0xcc);
	assert_int_equal(run(VIRTIO_BLK_T_DISCARD, 0, at, sizeof(ranges)), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->discards, 2); /* the empty one is none */
}

static void a_kick_is_one_batch_and_one_interrupt(void **state)
{
	struct offer offers[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		offers[i] = offer(VIRTIO_BLK_T_OUT, i, data, 512);
	ram->commits = 0;
	fake_driver_kick(&driver, 0);
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		comes_back(&offers[i]);
	/* The second only finds that there is nothing more. */
	assert_in_range(ram->commits, 1, 2);
	assert_int_equal(driver.transport.queue_interrupts[0], 1);
}

static void large_requests_are_handed_over_in_smaller_batches(void **state)
{
	struct offer offers[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		offers[i] = offer(VIRTIO_BLK_T_OUT, i, data, DATA_SIZE);
	ram->commits = 0;
	fake_driver_kick(&driver, 0);
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		comes_back(&offers[i]);
	assert_in_range(ram->commits, 2, 6);
}

static void completions_of_one_wake_are_one_interrupt(void **state)
{
	struct offer offers[16];

	(void)state;
	ram->hold = true;
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		offers[i] = offer(VIRTIO_BLK_T_IN, i, data, 512);
	fake_driver_kick(&driver, 0);
	assert_int_equal(driver.transport.queue_interrupts[0], 0);
	ram_disk_release(ram, 16);
	turn();
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		comes_back(&offers[i]);
	assert_int_equal(driver.transport.queue_interrupts[0], 1);
}

static void with_many_in_flight_no_kick_is_asked_for(void **state)
{
	struct offer offers[17];

	(void)state;
	ram->hold = true;
	for (size_t i = 0; i < 16; i++)
		offers[i] = offer(VIRTIO_BLK_T_IN, i, data, 512);
	fake_driver_kick(&driver, 0);
	assert_int_not_equal(*fake_ring_avail_event(&driver.rings[0]), 16);
	/* What comes now is found at the next completion. */
	offers[16] = offer(VIRTIO_BLK_T_IN, 16, data, 512);
	ram_disk_release(ram, 1);
	turn();
	comes_back(&offers[0]);
	ram_disk_release(ram, 100);
	turn();
	for (size_t i = 1; i < ARRAY_SIZE(offers); i++)
		comes_back(&offers[i]);
	assert_int_equal(*fake_ring_avail_event(&driver.rings[0]), 17);
}

static void more_requests_than_the_pool_wait_in_the_ring(void **state)
{
	/* Three descriptors each: indirect, so that the ring itself holds more than the pool. */
	enum { MANY = 250 };
	gpa_t status = fake_memory_alloc(&memory, MANY);
	unsigned int n = 0;

	(void)state;
	ram->hold = true;
	for (unsigned int i = 0; i < MANY; i++) {
		struct fake_segment segments[] = {
			{.gpa = put_header(VIRTIO_BLK_T_IN, i), .len = 16},
			{.gpa = data, .len = 512, .write = true},
			{.gpa = status + i, .len = 1, .write = true},
		};

		fake_ring_offer(&driver.rings[0],
				fake_ring_indirect(&driver.rings[0], &memory, segments, 3));
	}
	memset(guest(status, MANY), NO_STATUS, MANY);
	fake_driver_kick(&driver, 0);
	for (unsigned int turns = 0; turns < 10; turns++) {
		ram_disk_release(ram, 64);
		turn();
	}
	while (fake_driver_used(&driver, 0, NULL, NULL))
		n++;
	assert_int_equal(n, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(guest(status, MANY)[i], VIRTIO_BLK_S_OK);
}

static void each_queue_serves_its_own(void **state)
{
	struct offer offers[4];

	(void)state;
	assert_int_equal(virtio_config_read(dev, offsetof(struct virtio_blk_config, num_queues), 2),
			 4);
	for (unsigned int i = 0; i < 4; i++) {
		offers[i] = offer_on(i, VIRTIO_BLK_T_OUT, i, data, 512);
		fake_driver_kick(&driver, i);
		assert_true(fake_driver_used(&driver, i, NULL, NULL));
		assert_int_equal(*offers[i].status, VIRTIO_BLK_S_OK);
		assert_int_equal(driver.transport.queue_interrupts[i], 1);
	}
}

static void a_grown_disk_is_a_configuration_change(void **state)
{
	unsigned int before = driver.transport.config_interrupts;

	(void)state;
	assert_int_equal(run(VIRTIO_BLK_T_IN, DISK_SIZE / 512, data, 512), VIRTIO_BLK_S_IOERR);
	ram->measured = ram->disk.size / 2;
	virtio_blk_refresh(blk);
	assert_int_equal(virtio_config_read(dev, 0, 8), DISK_SIZE / 1024);
	ram->measured = DISK_SIZE;
	virtio_blk_refresh(blk);
	assert_int_equal(virtio_config_read(dev, 0, 8), DISK_SIZE / 512);
	assert_int_equal(driver.transport.config_interrupts, before + 2);
	still_works();
}

static void who_cannot_flush_has_durable_writes(void **state)
{
	(void)state;
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->durable, 1);
}

static void the_write_cache_can_be_switched_off_and_on(void **state)
{
	const unsigned int wce = offsetof(struct virtio_blk_config, wce);

	(void)state;
	assert_int_equal(virtio_config_read(dev, wce, 1), 1);
	run(VIRTIO_BLK_T_OUT, 0, data, 512);
	assert_int_equal(ram->durable, 0);
	virtio_config_write(dev, wce, 0, 1);
	assert_int_equal(virtio_config_read(dev, wce, 1), 0);
	run(VIRTIO_BLK_T_OUT, 0, data, 512);
	assert_int_equal(ram->durable, 1);
	virtio_config_write(dev, wce, 7, 1); /* neither on nor off */
	assert_int_equal(virtio_config_read(dev, wce, 1), 0);
	virtio_config_write(dev, wce, 1, 1);
	run(VIRTIO_BLK_T_OUT, 0, data, 512);
	assert_int_equal(ram->durable, 1);
	virtio_config_write(dev, wce, 0, 1);
	fake_driver_reset(&driver);
	assert_int_equal(virtio_config_read(dev, wce, 1), 1);
}

static void nothing_else_of_the_configuration_can_be_written(void **state)
{
	uint8_t before[60], after[60];

	(void)state;
	for (unsigned int i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)virtio_config_read(dev, i, 1);
	for (unsigned int i = 0; i < 80; i++)
		virtio_config_write(dev, i, 0xa5, 1);
	virtio_config_write(dev, 0, UINT64_MAX, 8);
	for (unsigned int i = 0; i < sizeof(after); i++)
		after[i] = (uint8_t)virtio_config_read(dev, i, 1);
	assert_memory_equal(before, after, sizeof(before));
}

/* What drivers may not do. */

static void sectors_that_are_not_there_are_refused(void **state)
{
	static const uint64_t sectors[] = {
		DISK_SIZE / 512,      DISK_SIZE / 512 - 1, UINT64_MAX,	      UINT64_MAX / 512,
		UINT64_MAX / 512 + 1, UINT64_C(1) << 63,   UINT64_C(1) << 55,
	};
	static const uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(types); k++) {
			struct offer one = offer(types[k], sectors[i], data, 1024);

			fake_driver_kick(&driver, 0);
			assert_int_equal(comes_back(&one), types[k] == VIRTIO_BLK_T_IN ? 0 : 1);
			assert_int_equal(*one.status, VIRTIO_BLK_S_IOERR);
		}
	}
	still_works();
}

static void lengths_that_are_no_sectors_are_refused(void **state)
{
	static const uint32_t lengths[] = {1, 511, 513, 4095};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		assert_int_equal(run(VIRTIO_BLK_T_IN, 0, data, lengths[i]), VIRTIO_BLK_S_IOERR);
		assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, lengths[i]), VIRTIO_BLK_S_IOERR);
	}
	still_works();
}

static void a_request_without_data_succeeds(void **state)
{
	(void)state;
	assert_int_equal(run(VIRTIO_BLK_T_IN, 0, data, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 0), VIRTIO_BLK_S_OK);
	still_works();
}

static void unknown_types_are_unsupported(void **state)
{
	static const uint32_t types[] = {2, 3, 5, 7, 14, 15, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		assert_int_equal(run(types[i], 0, data, 512), VIRTIO_BLK_S_UNSUPP);
	still_works();
}

static void what_was_not_negotiated_is_unsupported(void **state)
{
	(void)state;
	assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 1, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_UNSUPP);
	still_works();
}

static void a_read_only_disk_refuses_every_change(void **state)
{
	(void)state;
	assert_true(virtio_get_offered(dev, 0) & BIT(VIRTIO_BLK_F_RO));
	assert_false(virtio_get_offered(dev, 0) & BIT(VIRTIO_BLK_F_DISCARD));
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run_range(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(run(VIRTIO_BLK_T_FLUSH, 0, data, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(run(VIRTIO_BLK_T_IN, 0, data, 512), VIRTIO_BLK_S_OK);
}

static void ranges_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		uint32_t sectors, flags;
		uint8_t status;
	} cases[] = {
		{VIRTIO_BLK_T_DISCARD, DISK_SIZE / 512, 1, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, DISK_SIZE / 512 - 1, 2, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, UINT64_MAX / 512, 1, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, UINT64_MAX / 512 + 1, 1, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_DISCARD, 0, 1, 1, VIRTIO_BLK_S_UNSUPP}, /* unmap */
		{VIRTIO_BLK_T_DISCARD, 0, 1, 0x80000000, VIRTIO_BLK_S_UNSUPP},
		{VIRTIO_BLK_T_WRITE_ZEROES, DISK_SIZE / 512, 1, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, UINT64_MAX, UINT32_MAX, 1, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR},
		{VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2, VIRTIO_BLK_S_UNSUPP},
		{VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, 1, VIRTIO_BLK_S_OK},
	};

	(void)state;
	memset(ram->bytes, 0xcc, DISK_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
			run_range(cases[i].type, cases[i].sector, cases[i].sectors, cases[i].flags),
			cases[i].status);
	for (size_t i = 0; i < DISK_SIZE; i++)
		assert_int_equal(ram->bytes[i], 0xcc);
	still_works();
}

static void a_wrong_number_of_ranges_is_refused(void **state)
{
	static const uint32_t lengths[] = {0, 1, 15, 17, 16 * 16 + 1, 17 * 16, 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		assert_int_equal(run(VIRTIO_BLK_T_DISCARD, 0, data, lengths[i]),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(run(VIRTIO_BLK_T_WRITE_ZEROES, 0, data, lengths[i]),
				 VIRTIO_BLK_S_IOERR);
	}
	assert_int_equal(ram->discards, 0);
	assert_int_equal(run(VIRTIO_BLK_T_DISCARD, 0, data, 16 * 16), VIRTIO_BLK_S_OK);
}

static void one_bad_range_among_good_ones_does_nothing(void **state)
{
	struct virtio_blk_discard_write_zeroes ranges[2] = {
		{.sector = 0, .num_sectors = htole32(1)},
		{.sector = 0, .num_sectors = htole32(UINT32_MAX)},
	};

	(void)state;
	ram->bytes[0] = 0xcc;
	assert_int_equal(
		run(VIRTIO_BLK_T_WRITE_ZEROES, 0, put(ranges, sizeof(ranges)), sizeof(ranges)),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(ram->bytes[0], 0xcc);
}

static void a_host_error_is_an_io_error(void **state)
{
	static const int errors[] = {-EIO, -ENOSPC, -ENOMEM};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		ram->fail = errors[i];
		assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512), VIRTIO_BLK_S_IOERR);
		assert_int_equal(run(VIRTIO_BLK_T_FLUSH, 0, data, 0), VIRTIO_BLK_S_IOERR);
		assert_int_equal(run_range(VIRTIO_BLK_T_DISCARD, 0, 1, 0), VIRTIO_BLK_S_IOERR);
	}
	ram->fail = 0;
	still_works();
}

static void a_request_without_a_status_byte_breaks_the_device(void **state)
{
	struct fake_segment only_readable[] = {
		{.gpa = put_header(VIRTIO_BLK_T_OUT, 0), .len = 16},
		{.gpa = data, .len = 512},
		{.gpa = put_status(), .len = 1},
	};
	struct fake_segment empty[] = {{.gpa = data, .len = 0}};
	const struct {
		const struct fake_segment *segments;
		unsigned int n;
	} cases[] = {{only_readable, 3}, {only_readable, 1}, {empty, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int interrupts = driver.transport.config_interrupts;

		ram->bytes[0] = 0xcc;
		fake_driver_offer(&driver, 0, cases[i].segments, cases[i].n);
		fake_driver_kick(&driver, 0);
		assert_true(fake_driver_needs_reset(&driver));
		assert_int_equal(driver.transport.config_interrupts, interrupts + 1);
		assert_int_equal(ram->bytes[0], 0xcc);
		fake_driver_start(&driver, dev, &memory, usual);
		still_works();
	}
}

static void a_request_without_a_whole_header_fails(void **state)
{
	gpa_t status = put_status();
	gpa_t header = put_header(VIRTIO_BLK_T_OUT, 0);
	struct fake_segment status_only[] = {{.gpa = status, .len = 1, .write = true}};
	struct fake_segment short_header[] = {
		{.gpa = header, .len = 15},
		{.gpa = status, .len = 1, .write = true},
	};
	struct fake_segment writable_header[] = {
		{.gpa = header, .len = 16, .write = true},
		{.gpa = status, .len = 1, .write = true},
	};
	const struct {
		const struct fake_segment *segments;
		unsigned int n;
	} cases[] = {{status_only, 1}, {short_header, 2}, {writable_header, 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		*guest(status, 1) = NO_STATUS;
		fake_driver_offer(&driver, 0, cases[i].segments, cases[i].n);
		fake_driver_kick(&driver, 0);
		assert_true(fake_driver_used(&driver, 0, NULL, NULL));
		assert_int_equal(*guest(status, 1), VIRTIO_BLK_S_IOERR);
	}
	still_works();
}

static void more_segments_than_were_offered_break_the_device(void **state)
{
	struct fake_segment segments[258];

	(void)state;
	segments[0] = (struct fake_segment){.gpa = put_header(VIRTIO_BLK_T_IN, 0), .len = 16};
	for (unsigned int i = 1; i < 258; i++)
		segments[i] = (struct fake_segment){.gpa = data, .len = 512, .write = true};
	fake_ring_offer(&driver.rings[0],
			fake_ring_indirect(&driver.rings[0], &memory, segments, 258));
	fake_driver_kick(&driver, 0);
	assert_true(fake_driver_needs_reset(&driver));
	fake_driver_start(&driver, dev, &memory, usual);
	still_works();
}

static void a_giant_request_over_the_same_page_again_and_again_is_refused(void **state)
{
	struct fake_segment segments[255];
	gpa_t status = put_status();

	(void)state;
	ram->disk.size = UINT64_C(1) << 40; /* the range alone would not stop it */
	segments[0] = (struct fake_segment){.gpa = put_header(VIRTIO_BLK_T_OUT, 0), .len = 16};
	for (unsigned int i = 1; i < 254; i++)
		segments[i] = (struct fake_segment){.gpa = FAKE_HIGH_BASE, .len = FAKE_HIGH_SIZE};
	segments[254] = (struct fake_segment){.gpa = status, .len = 1, .write = true};
	fake_ring_offer(&driver.rings[0],
			fake_ring_indirect(&driver.rings[0], &memory, segments, 255));
	fake_driver_kick(&driver, 0); /* 506 MiB, in twice as large segments as were offered */
	ram->disk.size = DISK_SIZE;
	assert_true(fake_driver_used(&driver, 0, NULL, NULL));
	assert_int_equal(*guest(status, 1), VIRTIO_BLK_S_IOERR);
	still_works();
}

static void a_header_that_changes_meanwhile_counts_as_it_was(void **state)
{
	gpa_t header = put_header(VIRTIO_BLK_T_OUT, 3);
	gpa_t status = put_status();
	struct fake_segment segments[] = {
		{.gpa = header, .len = 16},
		{.gpa = data, .len = 512},
		{.gpa = status, .len = 1, .write = true},
	};

	(void)state;
	ram->hold = true;
	memset(guest(data, 512), 0x11, 512);
	fake_driver_offer(&driver, 0, segments, 3);
	fake_driver_kick(&driver, 0);
	memset(guest(header, 16), 0xff, 16); /* sector and type now lead nowhere */
	ram_disk_release(ram, 1);
	turn();
	assert_int_equal(*guest(status, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(ram->bytes[3 * 512], 0x11);
}

static void data_on_top_of_the_rings_hurts_only_the_driver(void **state)
{
	struct offer one = offer(VIRTIO_BLK_T_IN, 0, driver.rings[0].config.avail, 512);

	(void)state;
	memset(ram->bytes, 0xff, 512);
	fake_driver_kick(&driver, 0);
	fake_driver_kick(&driver, 0); /* the index that it reads now is nonsense */
	assert_true(fake_driver_needs_reset(&driver));
	(void)one;
	fake_driver_start(&driver, dev, &memory, usual);
	still_works();
}

/* Reset. */

static void a_reset_waits_for_what_is_in_flight(void **state)
{
	struct offer offers[20];

	(void)state;
	ram->hold = true;
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		offers[i] = offer(i % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, i, data, 512);
	fake_driver_kick(&driver, 0);
	fake_driver_reset(&driver);
	assert_null(ram->held.first);
	assert_int_equal(ram->disk.queues[0].in_flight, 0);
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		assert_int_equal(*offers[i].status, VIRTIO_BLK_S_OK);
	ram->hold = false;
	fake_driver_start(&driver, dev, &memory, usual);
	still_works();
}

/* Or a driver that goes on offering would never see the end of it. */
static void a_reset_takes_nothing_more_from_the_ring(void **state)
{
	struct offer first, second;

	(void)state;
	ram->hold = true;
	first = offer(VIRTIO_BLK_T_IN, 0, data, 512);
	fake_driver_kick(&driver, 0);
	second = offer(VIRTIO_BLK_T_IN, 0, data, 512);
	fake_driver_reset(&driver);
	assert_int_equal(*first.status, VIRTIO_BLK_S_OK);
	assert_int_equal(*second.status, NO_STATUS);
}

static void after_a_reset_guest_memory_is_not_touched(void **state)
{
	uint8_t *before = malloc(FAKE_LOW_SIZE);

	(void)state;
	ram->hold = true;
	offer(VIRTIO_BLK_T_IN, 0, data, 512);
	fake_driver_kick(&driver, 0);
	fake_driver_reset(&driver);
	offer(VIRTIO_BLK_T_IN, 0, data, 512);
	memcpy(before, guest(0, FAKE_LOW_SIZE), FAKE_LOW_SIZE);
	memset(ram->bytes, 0x99, DISK_SIZE);
	ram_disk_release(ram, 100);
	fake_driver_kick(&driver, 0); /* and a kick means nothing */
	turn();
	assert_memory_equal(before, guest(0, FAKE_LOW_SIZE), FAKE_LOW_SIZE);
	free(before);
}

static void ten_thousand_resets_under_load_leak_nothing(void **state)
{
	gpa_t mark = memory.next;

	(void)state;
	for (unsigned int i = 0; i < 10000; i++) {
		memory.next = mark; /* the driver reuses its memory */
		ram->hold = true;
		for (unsigned int k = 0; k < 3; k++)
			offer(VIRTIO_BLK_T_OUT, k, data, 512);
		if (i % 3 == 0)
			fake_driver_offer(&driver, 0, &(struct fake_segment){.gpa = data}, 1);
		fake_driver_kick(&driver, 0);
		if (i % 2)
			ram_disk_release(ram, 1);
		fake_driver_start(&driver, dev, &memory, usual);
	}
	ram->hold = false;
	still_works();
}

static void a_multi_range_request_is_finished_before_the_reset(void **state)
{
	struct virtio_blk_discard_write_zeroes ranges[4] = {{0}};
	struct offer one;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		ranges[i].num_sectors = htole32(1);
	ram->hold = true;
	one = offer(VIRTIO_BLK_T_DISCARD, 0, put(ranges, sizeof(ranges)), sizeof(ranges));
	fake_driver_kick(&driver, 0);
	fake_driver_reset(&driver);
	assert_int_equal(ram->discards, 4);
	assert_int_equal(*one.status, VIRTIO_BLK_S_OK);
}

static void poisoned_event_indices_neither_hang_nor_flood(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		*fake_ring_used_event(&driver.rings[0]) = (uint16_t)(i * 7919);
		*fake_ring_avail_event(&driver.rings[0]) = (uint16_t)(i * 104729);
		memory.next = align_up(data + DATA_SIZE, 4096) + 0x20000;
		assert_int_equal(run(VIRTIO_BLK_T_IN, 0, data, 512), VIRTIO_BLK_S_OK);
	}
	assert_in_range(driver.transport.queue_interrupts[0], 0, 1000);
}

static void a_storm_of_kicks_does_nothing(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10000; i++)
		fake_driver_kick(&driver, 0);
	assert_int_equal(driver.transport.queue_interrupts[0], 0);
	still_works();
}

/* What is in the host's cache is copied at once, and one page of the guest's will do for all. */
static void many_giant_requests_take_turns_with_the_rest_of_the_loop(void **state)
{
	struct offer offers[85];
	unsigned int done = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		offers[i] = offer(VIRTIO_BLK_T_IN, 0, FAKE_HIGH_BASE, DISK_SIZE);
	fake_driver_kick(&driver, 0);
	while (done < ARRAY_SIZE(offers) && *offers[done].status == VIRTIO_BLK_S_OK)
		done++;
	assert_int_equal(done, 64);
	turn();
	for (size_t i = 0; i < ARRAY_SIZE(offers); i++)
		assert_int_equal(comes_back(&offers[i]), DISK_SIZE + 1);
	still_works();
}

static unsigned int offered_anew;

/* A driver on another CPU, as fast as we are. */
static void offer_anew(struct virtio_transport *transport, unsigned int queue)
{
	(void)transport;
	(void)queue;
	if (++offered_anew < 10000)
		offer(VIRTIO_BLK_T_IN, 0, data, 512);
}

static void a_driver_that_never_stops_takes_turns_with_the_rest_of_the_loop(void **state)
{
	static const struct virtio_transport_ops ops = {.queue_interrupt = offer_anew};

	(void)state;
	offered_anew = 0;
	driver.transport.transport.ops = &ops;
	offer(VIRTIO_BLK_T_IN, 0, data, 512);
	fake_driver_kick(&driver, 0);
	assert_in_range(offered_anew, 1, 100);
	turn();
	assert_in_range(offered_anew, 1, 200);
}

/* A real file and a loop of its own: the device does not know. For the thread sanitizer. */
static void a_device_with_a_loop_thread_of_its_own_works_the_same(void **state)
{
	char path[TEMP_PATH_BYTES];
	const struct disk_raw_config raw = {.path = path};
	struct disk *file;
	struct virtio_blk *threaded;
	struct fake_driver other = {0};
	struct loop own;

	(void)state;
	temp_file_make(path, DISK_SIZE);
	assert_int_equal(loop_init(&own), 0);
	assert_int_equal(disk_raw_open(&raw, &file), 0);
	assert_int_equal(
		virtio_blk_create(file, 1, "disk1", "serial", &own, &memory.mem, &threaded), 0);
	assert_int_equal(loop_start(&own, "disk1"), 0);
	for (unsigned int i = 0; i < 50; i++) {
		fake_driver_start(&other, virtio_blk_device(threaded), &memory, usual);
		for (unsigned int k = 0; k < 20; k++) {
			gpa_t status = put_status();
			struct fake_segment segments[] = {
				{.gpa = put_header(VIRTIO_BLK_T_OUT, k), .len = 16},
				{.gpa = data, .len = 512},
				{.gpa = status, .len = 1, .write = true},
			};

			fake_driver_offer(&other, 0, segments, 3);
		}
		virtio_kick(virtio_blk_device(threaded), 0);
		fake_driver_reset(&other); /* in the middle of it */
		memory.next = align_up(data + DATA_SIZE, 4096) + 0x20000;
	}
	virtio_blk_refresh(threaded);
	virtio_blk_free(threaded);
	loop_destroy(&own);
	unlink(path);
}

#define with(setup_function, name) cmocka_unit_test_setup_teardown(name, setup_function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(setup, a_write_reaches_the_disk_and_a_read_brings_it_back),
		with(setup, how_a_request_is_cut_up_does_not_matter),
		with(setup, a_whole_indirect_table_of_segments_is_served),
		with(setup, the_driver_reads_what_the_disk_is_like),
		with(setup, get_id_gives_the_serial_number),
		with(setup, get_id_into_a_short_buffer_is_cut),
		with(setup, get_id_into_a_long_buffer_says_how_much_is_there),
		with(setup, a_flush_goes_down_to_the_disk),
		with(setup, discard_and_write_zeroes_do_all_their_ranges),
		with(setup, a_kick_is_one_batch_and_one_interrupt),
		with(setup, large_requests_are_handed_over_in_smaller_batches),
		with(setup, completions_of_one_wake_are_one_interrupt),
		with(setup, with_many_in_flight_no_kick_is_asked_for),
		with(setup, more_requests_than_the_pool_wait_in_the_ring),
		with(setup_four_queues, each_queue_serves_its_own),
		with(setup, a_grown_disk_is_a_configuration_change),
		with(setup_bare, who_cannot_flush_has_durable_writes),
		with(setup_write_cache_switch, the_write_cache_can_be_switched_off_and_on),
		with(setup, nothing_else_of_the_configuration_can_be_written),
		with(setup, sectors_that_are_not_there_are_refused),
		with(setup, lengths_that_are_no_sectors_are_refused),
		with(setup, a_request_without_data_succeeds),
		with(setup, unknown_types_are_unsupported),
		with(setup_bare, what_was_not_negotiated_is_unsupported),
		with(setup_read_only, a_read_only_disk_refuses_every_change),
		with(setup, ranges_that_make_no_sense_are_refused),
		with(setup, a_wrong_number_of_ranges_is_refused),
		with(setup, one_bad_range_among_good_ones_does_nothing),
		with(setup, a_host_error_is_an_io_error),
		with(setup, a_request_without_a_status_byte_breaks_the_device),
		with(setup, a_request_without_a_whole_header_fails),
		with(setup, more_segments_than_were_offered_break_the_device),
		with(setup, a_giant_request_over_the_same_page_again_and_again_is_refused),
		with(setup, a_header_that_changes_meanwhile_counts_as_it_was),
		with(setup, data_on_top_of_the_rings_hurts_only_the_driver),
		with(setup, a_reset_waits_for_what_is_in_flight),
		with(setup, a_reset_takes_nothing_more_from_the_ring),
		with(setup, after_a_reset_guest_memory_is_not_touched),
		with(setup, ten_thousand_resets_under_load_leak_nothing),
		with(setup, a_multi_range_request_is_finished_before_the_reset),
		with(setup, poisoned_event_indices_neither_hang_nor_flood),
		with(setup, a_storm_of_kicks_does_nothing),
		with(setup_bare, many_giant_requests_take_turns_with_the_rest_of_the_loop),
		with(setup_bare, a_driver_that_never_stops_takes_turns_with_the_rest_of_the_loop),
		with(setup, a_device_with_a_loop_thread_of_its_own_works_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
