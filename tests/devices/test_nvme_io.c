/* test_nvme_io.c: the NVM commands, by a driver that behaves and by one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static void a_write_reaches_the_disk_and_a_read_brings_it_back(void **state)
{
	struct fake_nvme *driver = *state;

	memset(fake_nvme_at(driver, driver->data, 8192), 0x42, 8192);
	assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_move(NVME_WRITE, 8, 16, driver->data)),
			 NVME_SUCCESS);
	assert_int_equal(driver->ram->bytes[8 * 512], 0x42);
	assert_int_equal(driver->ram->bytes[8 * 512 + 8191], 0x42);
	assert_int_equal(driver->ram->bytes[8 * 512 + 8192], 0);
	memset(fake_nvme_at(driver, driver->data, 8192), 0, 8192);
	assert_int_equal(fake_nvme_run(driver, 2, fake_nvme_move(NVME_READ, 8, 16, driver->data)),
			 NVME_SUCCESS);
	assert_int_equal(*fake_nvme_at(driver, driver->data + 8191, 1), 0x42);
}

static void a_batch_is_one_commit_and_one_interrupt(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	unsigned int commits = driver->ram->commits;

	fake_nvme_interrupts(driver, 1);
	for (unsigned int i = 0; i < 8; i++)
		fake_nvme_submit(driver, 1, fake_nvme_move(NVME_READ, i, 1, driver->data));
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	assert_int_equal(driver->ram->commits, commits + 1);
	assert_int_equal(fake_nvme_interrupts(driver, 1), 1);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(fake_nvme_reap(driver, 1, &completion));
	assert_false(fake_nvme_reap(driver, 1, &completion));
}

static void flush_reaches_the_disk_for_one_namespace_and_for_all(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command flush = fake_nvme_flush();

	assert_int_equal(fake_nvme_run(driver, 1, flush), NVME_SUCCESS);
	flush.nsid = htole32(0xffffffff);
	assert_int_equal(fake_nvme_run(driver, 1, flush), NVME_SUCCESS);
	assert_int_equal(driver->ram->flushes, 2);
}

static void fua_and_a_disabled_write_cache_make_writes_durable(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command write = fake_nvme_move(NVME_WRITE, 0, 1, driver->data);
	struct nvme_command off = {.opcode = NVME_SET_FEATURES,
				   .cdw10 = htole32(NVME_FEATURE_WRITE_CACHE)};

	assert_int_equal(fake_nvme_run(driver, 1, write), NVME_SUCCESS);
	assert_int_equal(driver->ram->durable, 0);
	write.cdw12 |= htole32(NVME_RW_FUA);
	assert_int_equal(fake_nvme_run(driver, 1, write), NVME_SUCCESS);
	assert_int_equal(driver->ram->durable, 1);
	assert_int_equal(fake_nvme_admin(driver, off, NULL), NVME_SUCCESS);
	write.cdw12 = 0;
	assert_int_equal(fake_nvme_run(driver, 1, write), NVME_SUCCESS);
	assert_int_equal(driver->ram->durable, 2);
}

static void write_zeroes_needs_no_data(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command zeroes = fake_nvme_move(NVME_WRITE_ZEROES, 4, 4, 0);

	memset(driver->ram->bytes, 0xff, 8192);
	assert_int_equal(fake_nvme_run(driver, 1, zeroes), NVME_SUCCESS);
	assert_int_equal(driver->ram->bytes[4 * 512 - 1], 0xff);
	assert_int_equal(driver->ram->bytes[4 * 512], 0);
	assert_int_equal(driver->ram->bytes[8 * 512 - 1], 0);
	assert_int_equal(driver->ram->bytes[8 * 512], 0xff);
}

static struct nvme_command deallocate(struct fake_nvme *driver, gpa_t at, unsigned int n)
{
	(void)driver;
	return (struct nvme_command){
		.opcode = NVME_DATASET_MANAGEMENT,
		.nsid = htole32(1),
		.prp1 = htole64(at),
		.prp2 = htole64(align_up(at + 1, NVME_PAGE_SIZE)),
		.cdw10 = htole32(n - 1),
		.cdw11 = htole32(NVME_DSM_DEALLOCATE),
	};
}

static void put_range(struct fake_nvme *driver, gpa_t at, uint64_t first, uint32_t blocks)
{
	uint8_t *range = fake_nvme_at(driver, at, 16);

	store_le32(range, 0);
	store_le32(range + 4, blocks);
	store_le64(range + 8, first);
}

static void deallocate_serves_range_after_range(void **state)
{
	struct fake_nvme *driver = *state;

	memset(driver->ram->bytes, 0xff, 65536);
	put_range(driver, driver->data, 0, 8);
	put_range(driver, driver->data + 16, 0, 0); /* an empty one */
	put_range(driver, driver->data + 32, 64, 8);
	assert_int_equal(fake_nvme_run(driver, 1, deallocate(driver, driver->data, 3)),
			 NVME_SUCCESS);
	assert_int_equal(driver->ram->discards, 2);
	assert_int_equal(driver->ram->bytes[0], 0);
	assert_int_equal(driver->ram->bytes[8 * 512], 0xff);
	assert_int_equal(driver->ram->bytes[64 * 512], 0);
}

static void ranges_may_lie_across_pages(void **state)
{
	struct fake_nvme *driver = *state;
	gpa_t at = driver->data + 4096 -
		   24; /* the second range begins in one page and ends in the next */

	put_range(driver, at, 0, 8);
	put_range(driver, at + 16, 8, 8);
	assert_int_equal(fake_nvme_run(driver, 1, deallocate(driver, at, 2)), NVME_SUCCESS);
	assert_int_equal(driver->ram->discards, 2);
}

static void hints_about_a_dataset_change_nothing(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = deallocate(driver, driver->data, 1);

	command.cdw11 = 0;
	put_range(driver, driver->data, 0, 8);
	assert_int_equal(fake_nvme_run(driver, 1, command), NVME_SUCCESS);
	assert_int_equal(driver->ram->discards, 0);
}

static void a_range_out_of_the_disk_fails_its_command_only(void **state)
{
	struct fake_nvme *driver = *state;

	put_range(driver, driver->data, 0, 8);
	put_range(driver, driver->data + 16, FAKE_NVME_DISK / 512 - 1, 2);
	assert_int_equal(fake_nvme_run(driver, 1, deallocate(driver, driver->data, 2)),
			 NVME_LBA_OUT_OF_RANGE);
	put_range(driver, driver->data, UINT64_MAX, UINT32_MAX);
	assert_int_equal(fake_nvme_run(driver, 1, deallocate(driver, driver->data, 1)),
			 NVME_LBA_OUT_OF_RANGE);
	fake_nvme_still_works(driver);
}

static void bad_commands_fail_and_nothing_else(void **state)
{
	struct fake_nvme *driver = *state;
	const gpa_t data = driver->data;
	const uint64_t end = FAKE_NVME_DISK / 512;
	struct {
		const char *what;
		struct nvme_command command;
		uint16_t status;
	} rows[] = {
		{"read behind the end", fake_nvme_move(NVME_READ, end, 1, data),
		 NVME_LBA_OUT_OF_RANGE},
		{"read across the end", fake_nvme_move(NVME_READ, end - 1, 2, data),
		 NVME_LBA_OUT_OF_RANGE},
		{"an offset that wraps", fake_nvme_move(NVME_READ, UINT64_MAX / 512 + 1, 1, data),
		 NVME_LBA_OUT_OF_RANGE},
		{"a sum that wraps", fake_nvme_move(NVME_WRITE, UINT64_MAX / 512, 8, data),
		 NVME_LBA_OUT_OF_RANGE},
		{"the last block there could be", fake_nvme_move(NVME_WRITE, UINT64_MAX, 1, data),
		 NVME_LBA_OUT_OF_RANGE},
		{"more than MDTS", fake_nvme_move(NVME_READ, 0, 2049, data), NVME_INVALID_FIELD},
		{"zeroes behind the end", fake_nvme_move(NVME_WRITE_ZEROES, end - 1, 65536, 0),
		 NVME_LBA_OUT_OF_RANGE},
		{"data nowhere", fake_nvme_move(NVME_READ, 0, 1, FAKE_HOLE),
		 NVME_DATA_TRANSFER_ERROR},
		{"data on our own registers", fake_nvme_move(NVME_READ, 0, 1, 0xc0000000),
		 NVME_DATA_TRANSFER_ERROR},
		{"an odd address", fake_nvme_move(NVME_READ, 0, 1, data + 2),
		 NVME_INVALID_PRP_OFFSET},
		{"an opcode that is not",
		 {.opcode = 0x7f, .nsid = htole32(1)},
		 NVME_INVALID_OPCODE},
		{"compare", {.opcode = 0x05, .nsid = htole32(1)}, NVME_INVALID_OPCODE},
		{"namespace 0", {.opcode = NVME_READ}, NVME_INVALID_NAMESPACE},
		{"namespace 2", {.opcode = NVME_FLUSH, .nsid = htole32(2)}, NVME_INVALID_NAMESPACE},
		{"a read of all namespaces",
		 {.opcode = NVME_READ, .nsid = htole32(0xffffffff)},
		 NVME_INVALID_NAMESPACE},
		{"fused",
		 {.opcode = NVME_FLUSH, .flags = 1, .nsid = htole32(1)},
		 NVME_INVALID_FIELD},
		{"scatter-gather lists",
		 {.opcode = NVME_READ, .flags = 0x40, .nsid = htole32(1)},
		 NVME_INVALID_FIELD},
		{"ranges nowhere", deallocate(driver, FAKE_HOLE, 256), NVME_DATA_TRANSFER_ERROR},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t status = fake_nvme_run(driver, 1, rows[i].command);

		if (status != rows[i].status)
			fail_msg("%s: status 0x%x, not 0x%x", rows[i].what, status, rows[i].status);
		fake_nvme_still_works(driver);
	}
}

static void what_the_host_cannot_do_is_told_as_what_it_is(void **state)
{
	struct fake_nvme *driver = *state;
	static const struct {
		int err;
		uint8_t opcode;
		uint16_t status;
	} rows[] = {
		{-EIO, NVME_READ, NVME_READ_ERROR},
		{-EIO, NVME_WRITE, NVME_WRITE_FAULT},
		{-EIO, NVME_FLUSH, NVME_WRITE_FAULT},
		{-ENOSPC, NVME_WRITE, NVME_CAPACITY_EXCEEDED},
		{-EOPNOTSUPP, NVME_WRITE_ZEROES, NVME_INTERNAL_ERROR},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		driver->ram->fail = rows[i].err;
		assert_int_equal(fake_nvme_run(driver, 1,
					       fake_nvme_move(rows[i].opcode, 0, 1, driver->data)),
				 rows[i].status);
	}
	driver->ram->fail = -EOPNOTSUPP;
	put_range(driver, driver->data, 0, 8);
	assert_int_equal(fake_nvme_run(driver, 1, deallocate(driver, driver->data, 1)),
			 NVME_SUCCESS); /* it was advice */
	driver->ram->fail = 0;
	fake_nvme_still_works(driver);
}

static void a_read_only_disk_refuses_what_would_change_it(void **state)
{
	struct fake_nvme *driver = *state;
	static const uint8_t opcodes[] = {NVME_WRITE, NVME_WRITE_ZEROES};

	driver->ram->disk.read_only = true;
	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++)
		assert_int_equal(
			fake_nvme_run(driver, 1, fake_nvme_move(opcodes[i], 0, 1, driver->data)),
			NVME_WRITE_PROTECTED);
	put_range(driver, driver->data, 0, 8);
	assert_int_equal(fake_nvme_run(driver, 1, deallocate(driver, driver->data, 1)),
			 NVME_WRITE_PROTECTED);
	assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_move(NVME_READ, 0, 1, driver->data)),
			 NVME_SUCCESS);
}

static void completions_come_in_the_order_of_the_disk(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	uint16_t flush, wrong;

	driver->ram->hold = true;
	flush = fake_nvme_submit(driver, 1, fake_nvme_flush());
	wrong = fake_nvme_submit(driver, 1, fake_nvme_move(0x55, 0, 1, 0));
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 1, &completion));
	assert_int_equal(fake_nvme_cid(&completion), wrong);
	assert_false(fake_nvme_reap(driver, 1, &completion));
	ram_disk_release(driver->ram, 1);
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 1, &completion));
	assert_int_equal(fake_nvme_cid(&completion), flush);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_write_reaches_the_disk_and_a_read_brings_it_back,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_batch_is_one_commit_and_one_interrupt,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			flush_reaches_the_disk_for_one_namespace_and_for_all, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(fua_and_a_disabled_write_cache_make_writes_durable,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(write_zeroes_needs_no_data, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(deallocate_serves_range_after_range,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(ranges_may_lie_across_pages, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(hints_about_a_dataset_change_nothing,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_range_out_of_the_disk_fails_its_command_only,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(bad_commands_fail_and_nothing_else, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_the_host_cannot_do_is_told_as_what_it_is,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_read_only_disk_refuses_what_would_change_it,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(completions_come_in_the_order_of_the_disk,
						fake_nvme_setup, fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
