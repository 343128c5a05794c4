/* test_nvme_feature.c: features, their defaults and what may be set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

static uint16_t get(struct fake_nvme *driver, uint32_t cdw10, uint32_t cdw11, uint32_t *value)
{
	const struct nvme_command command = {
		.opcode = NVME_GET_FEATURES, .cdw10 = htole32(cdw10), .cdw11 = htole32(cdw11)};

	return fake_nvme_admin(driver, command, value);
}

static uint16_t set(struct fake_nvme *driver, uint32_t cdw10, uint32_t cdw11)
{
	const struct nvme_command command = {
		.opcode = NVME_SET_FEATURES, .cdw10 = htole32(cdw10), .cdw11 = htole32(cdw11)};

	return fake_nvme_admin(driver, command, NULL);
}

static void numbers_are_kept_until_a_reset(void **state)
{
	struct fake_nvme *driver = *state;
	static const struct {
		uint32_t id, first, written, kept;
	} rows[] = {
		{NVME_FEATURE_ARBITRATION, 7, 0x01020304, 0x01020304},
		{NVME_FEATURE_ERROR_RECOVERY, 0, 0xffff1234, 0x1234},
		{NVME_FEATURE_WRITE_CACHE, 1, 0xfffffffe, 0},
		{NVME_FEATURE_COALESCING, 0, 0x0a05, 0x0a05},
		{NVME_FEATURE_ATOMICITY, 0, 1, 1},
		{NVME_FEATURE_EVENTS, 0, 0xffffffff, 0x1ff},
	};
	uint32_t value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(get(driver, rows[i].id, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].first);
		assert_int_equal(set(driver, rows[i].id, rows[i].written), NVME_SUCCESS);
		assert_int_equal(get(driver, rows[i].id, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].kept);
		assert_int_equal(get(driver, rows[i].id | 1 << 8, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].first); /* its default */
		assert_int_equal(get(driver, rows[i].id | 3 << 8, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, 4); /* changeable, not saveable */
	}
	fake_nvme_disable(driver);
	fake_nvme_enable(driver);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(get(driver, rows[i].id, 0, &value), NVME_SUCCESS);
		assert_int_equal(value, rows[i].first);
	}
}

static void there_are_as_many_queues_as_there_are(void **state)
{
	struct fake_nvme *driver = *state;
	const struct nvme_command command = {.opcode = NVME_SET_FEATURES,
					     .cdw10 = htole32(NVME_FEATURE_QUEUES),
					     .cdw11 = htole32(63 << 16 | 63)};
	uint32_t value;

	assert_int_equal(get(driver, NVME_FEATURE_QUEUES, 0, &value), NVME_SUCCESS);
	assert_int_equal(value, 1 << 16 | 1);
	assert_int_equal(set(driver, NVME_FEATURE_QUEUES, 0), NVME_COMMAND_SEQUENCE_ERROR);
	fake_nvme_disable(driver);
	fake_nvme_enable(driver);
	assert_int_equal(fake_nvme_admin(driver, command, &value), NVME_SUCCESS);
	assert_int_equal(value, 1 << 16 | 1);
	assert_int_equal(set(driver, NVME_FEATURE_QUEUES, 0xffff), NVME_INVALID_FIELD);
	assert_int_equal(set(driver, NVME_FEATURE_QUEUES, 0xffff0000), NVME_INVALID_FIELD);
}

static void vectors_are_coalesced_each_for_itself(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t value;

	assert_int_equal(set(driver, NVME_FEATURE_VECTOR, 1 << 16 | 2), NVME_SUCCESS);
	assert_int_equal(get(driver, NVME_FEATURE_VECTOR, 2, &value), NVME_SUCCESS);
	assert_int_equal(value, 1 << 16 | 2);
	assert_int_equal(get(driver, NVME_FEATURE_VECTOR, 1, &value), NVME_SUCCESS);
	assert_int_equal(value, 1);
	assert_int_equal(set(driver, NVME_FEATURE_VECTOR, 3), NVME_INVALID_FIELD);
	assert_int_equal(set(driver, NVME_FEATURE_VECTOR, 0xffff), NVME_INVALID_FIELD);
	assert_int_equal(get(driver, NVME_FEATURE_VECTOR, 0xffff, &value), NVME_INVALID_FIELD);
}

static void temperature_has_two_thresholds(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t value;

	assert_int_equal(get(driver, NVME_FEATURE_TEMPERATURE, 0, &value), NVME_SUCCESS);
	assert_int_equal(value, 343);
	assert_int_equal(set(driver, NVME_FEATURE_TEMPERATURE, 1 << 20 | 200), NVME_SUCCESS);
	assert_int_equal(get(driver, NVME_FEATURE_TEMPERATURE, 1 << 20, &value), NVME_SUCCESS);
	assert_int_equal(value, 200);
	assert_int_equal(set(driver, NVME_FEATURE_TEMPERATURE, 0xf << 16 | 350), NVME_SUCCESS);
	assert_int_equal(get(driver, NVME_FEATURE_TEMPERATURE, 0, &value), NVME_SUCCESS);
	assert_int_equal(value, 350);
	assert_int_equal(set(driver, NVME_FEATURE_TEMPERATURE, 1 << 16), NVME_INVALID_FIELD);
	assert_int_equal(set(driver, NVME_FEATURE_TEMPERATURE, 2 << 20), NVME_INVALID_FIELD);
	assert_int_equal(get(driver, NVME_FEATURE_TEMPERATURE, 0xf << 16, &value),
			 NVME_INVALID_FIELD);
}

static void what_cannot_be_is_refused(void **state)
{
	struct fake_nvme *driver = *state;
	static const uint32_t missing[] = {0, 3, 0xc, 0xf, 0x10, 0x80, 0xff};
	uint32_t value;

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		assert_int_equal(get(driver, missing[i], 0, &value), NVME_INVALID_FIELD);
		assert_int_equal(set(driver, missing[i], 0), NVME_INVALID_FIELD);
	}
	assert_int_equal(set(driver, 1u << 31 | NVME_FEATURE_WRITE_CACHE, 0), NVME_NOT_SAVEABLE);
	assert_int_equal(get(driver, 4 << 8 | NVME_FEATURE_WRITE_CACHE, 0, &value),
			 NVME_INVALID_FIELD);
	assert_int_equal(set(driver, NVME_FEATURE_POWER, 1), NVME_INVALID_FIELD);
	assert_int_equal(set(driver, NVME_FEATURE_POWER, 0), NVME_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_are_kept_until_a_reset, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(there_are_as_many_queues_as_there_are,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(vectors_are_coalesced_each_for_itself,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(temperature_has_two_thresholds, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, fake_nvme_setup,
						fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
