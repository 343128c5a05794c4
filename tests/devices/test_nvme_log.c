/* test_nvme_log.c: log pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static struct nvme_command log_command(struct fake_nvme *driver, uint32_t id, uint32_t len,
				       uint64_t offset)
{
	memset(fake_nvme_at(driver, driver->data, 16384), 0xee, 16384);
	return (struct nvme_command){
		.opcode = NVME_GET_LOG_PAGE,
		.nsid = htole32(0xffffffff),
		.prp1 = htole64(driver->data),
		.prp2 = htole64(driver->data + 4096),
		.cdw10 = htole32((len / 4 - 1) << 16 | id),
		.cdw11 = htole32((len / 4 - 1) >> 16),
		.cdw12 = htole32((uint32_t)offset),
		.cdw13 = htole32((uint32_t)(offset >> 32)),
	};
}

static const uint8_t *page_of(struct fake_nvme *driver, uint32_t id, uint32_t len)
{
	assert_int_equal(fake_nvme_admin(driver, log_command(driver, id, len, 0), NULL),
			 NVME_SUCCESS);
	return fake_nvme_at(driver, driver->data, 16384);
}

static void failures_are_in_the_error_log_the_newest_first(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page;

	fake_nvme_run(driver, 1, fake_nvme_move(NVME_READ, 0x123456789, 1, driver->data));
	fake_nvme_run(driver, 2, (struct nvme_command){.opcode = 0x55, .nsid = htole32(1)});
	page = page_of(driver, NVME_LOG_ERROR, 192);
	assert_int_equal(load_le64(page + NVME_ERROR_COUNT), 2);
	assert_int_equal(load_le16(page + NVME_ERROR_SQ_ID), 2);
	assert_int_equal(load_le16(page + NVME_ERROR_STATUS), NVME_INVALID_OPCODE << 1);
	page += NVME_ERROR_SIZE;
	assert_int_equal(load_le64(page + NVME_ERROR_COUNT), 1);
	assert_int_equal(load_le16(page + NVME_ERROR_SQ_ID), 1);
	assert_int_equal(load_le16(page + NVME_ERROR_STATUS), NVME_LBA_OUT_OF_RANGE << 1);
	assert_int_equal(load_le64(page + NVME_ERROR_LBA), 0x123456789);
	page += NVME_ERROR_SIZE;
	assert_int_equal(load_le64(page + NVME_ERROR_COUNT), 0);
	assert_int_equal(page[NVME_ERROR_SIZE], 0xee); /* and not a byte more */
}

static void the_error_log_goes_round(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page;

	for (unsigned int i = 0; i < 100; i++)
		fake_nvme_run(driver, 1, (struct nvme_command){.opcode = 0x55, .nsid = htole32(1)});
	page = page_of(driver, NVME_LOG_ERROR, 1024);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(load_le64(page + i * NVME_ERROR_SIZE), 100 - i);
}

static void errors_survive_a_controller_reset(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_run(driver, 1, (struct nvme_command){.opcode = 0x55, .nsid = htole32(1)});
	fake_nvme_disable(driver);
	fake_nvme_enable(driver);
	assert_int_equal(load_le64(page_of(driver, NVME_LOG_ERROR, 64)), 1);
}

static void health_counts_what_was_done(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page;

	fake_nvme_run(driver, 1, fake_nvme_move(NVME_READ, 0, 1, driver->data));
	fake_nvme_run(driver, 1, fake_nvme_move(NVME_WRITE, 0, 1, driver->data));
	fake_nvme_run(driver, 1, fake_nvme_move(NVME_WRITE, 0, 8, driver->data));
	page = page_of(driver, NVME_LOG_HEALTH, 512);
	assert_int_equal(page[NVME_HEALTH_WARNING], 0);
	assert_int_equal(load_le16(page + NVME_HEALTH_TEMPERATURE), 313);
	assert_int_equal(load_le64(page + NVME_HEALTH_READS), 1);
	assert_int_equal(load_le64(page + NVME_HEALTH_WRITES), 2);
	assert_int_equal(load_le64(page + NVME_HEALTH_UNITS_READ), 1);
	assert_int_equal(load_le64(page + NVME_HEALTH_UNITS_WRITTEN), 1);
}

static void the_one_firmware_slot_is_active(void **state)
{
	const uint8_t *page = page_of(*state, NVME_LOG_FIRMWARE, 512);

	assert_int_equal(page[NVME_FIRMWARE_ACTIVE], 1);
	assert_memory_equal(page + NVME_FIRMWARE_SLOT_1, MINIVMM_VERSION "     ", 8);
	assert_int_equal(load_le64(page + NVME_FIRMWARE_SLOT_1 + 8), 0);
}

static void parts_of_pages_can_be_read_and_nothing_behind_them(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page = fake_nvme_at(driver, driver->data, 16384);

	assert_int_equal(
		fake_nvme_admin(driver, log_command(driver, NVME_LOG_FIRMWARE, 4, 8), NULL),
		NVME_SUCCESS);
	assert_memory_equal(page, MINIVMM_VERSION, strlen(MINIVMM_VERSION));
	assert_int_equal(page[4], 0xee);
	assert_int_equal(
		fake_nvme_admin(driver, log_command(driver, NVME_LOG_FIRMWARE, 8192, 508), NULL),
		NVME_SUCCESS);
	for (unsigned int i = 0; i < 8192; i++)
		assert_int_equal(page[i], 0);
}

static void what_is_not_there_is_refused(void **state)
{
	struct fake_nvme *driver = *state;
	static const struct {
		uint32_t id, len;
		uint64_t offset;
		uint32_t nsid;
		uint16_t status;
	} rows[] = {
		{0x00, 4, 0, 0, NVME_INVALID_LOG_PAGE},
		{0x05, 4, 0, 0, NVME_INVALID_LOG_PAGE},
		{0xff, 4, 0, 0, NVME_INVALID_LOG_PAGE},
		{NVME_LOG_HEALTH, 512, 516, 0, NVME_INVALID_FIELD},
		{NVME_LOG_HEALTH, 512, 2, 0, NVME_INVALID_FIELD},
		{NVME_LOG_HEALTH, 512, UINT64_MAX - 3, 0, NVME_INVALID_FIELD},
		{NVME_LOG_HEALTH, 512, 0, 1, NVME_INVALID_FIELD},
		{NVME_LOG_ERROR, (1 << 20) + 4, 0, 0, NVME_INVALID_FIELD},
		{NVME_LOG_ERROR, 0, 0, 0, NVME_INVALID_FIELD}, /* 2^32 doublewords */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nvme_command command =
			log_command(driver, rows[i].id, rows[i].len, rows[i].offset);

		command.nsid = htole32(rows[i].nsid);
		if (rows[i].len == 0) {
			command.cdw10 |= htole32(0xffff0000);
			command.cdw11 = htole32(0xffff);
		}
		assert_int_equal(fake_nvme_admin(driver, command, NULL), rows[i].status);
	}
	fake_nvme_still_works(driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failures_are_in_the_error_log_the_newest_first,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_error_log_goes_round, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(errors_survive_a_controller_reset, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(health_counts_what_was_done, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_one_firmware_slot_is_active, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(parts_of_pages_can_be_read_and_nothing_behind_them,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_refused, fake_nvme_setup,
						fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
