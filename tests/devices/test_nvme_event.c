/* test_nvme_event.c: asynchronous events: asked for, told, masked and told again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum { ERROR_VALUE = 0x010100, ERROR_REGISTER = 0x010000, NAMESPACE = 0x040002, HEAT = 0x020101 };

static uint16_t ask(struct fake_nvme *driver)
{
	uint16_t cid = fake_nvme_submit(driver, 0,
					(struct nvme_command){.opcode = NVME_ASYNC_EVENT_REQUEST});

	fake_nvme_ring(driver, 0);
	fake_nvme_turn(driver);
	return cid;
}

static void invalid_value(struct fake_nvme *driver)
{
	fake_nvme_set(driver, NVME_DOORBELLS + 8, 0xffff, 4);
	fake_nvme_turn(driver);
}

static void want(struct fake_nvme *driver, uint32_t events)
{
	const struct nvme_command command = {.opcode = NVME_SET_FEATURES,
					     .cdw10 = htole32(NVME_FEATURE_EVENTS),
					     .cdw11 = htole32(events)};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
}

static void read_log(struct fake_nvme *driver, uint32_t id, uint32_t flags)
{
	const struct nvme_command command = {
		.opcode = NVME_GET_LOG_PAGE,
		.prp1 = htole64(driver->page),
		.cdw10 = htole32(15 << 16 | flags | id),
	};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
}

static bool told(struct fake_nvme *driver, uint32_t *event, uint16_t *cid)
{
	struct nvme_completion completion;

	fake_nvme_turn(driver);
	if (!fake_nvme_reap(driver, 0, &completion))
		return false;
	fake_nvme_turn(driver);
	assert_int_equal(fake_nvme_status(&completion), NVME_SUCCESS);
	*event = le32toh(completion.result);
	*cid = fake_nvme_cid(&completion);
	return true;
}

static void requests_are_held_until_something_happens(void **state)
{
	struct fake_nvme *driver = *state;
	uint16_t asked = ask(driver), cid;
	uint32_t event;

	assert_false(told(driver, &event, &cid));
	invalid_value(driver);
	assert_true(told(driver, &event, &cid));
	assert_int_equal(event, ERROR_VALUE);
	assert_int_equal(cid, asked);
}

static void a_head_beyond_its_queue_is_told_as_a_tail_is(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t event;
	uint16_t cid;

	ask(driver);
	fake_nvme_set(driver, NVME_DOORBELLS + 12, FAKE_NVME_ENTRIES, 4);
	assert_true(told(driver, &event, &cid));
	assert_int_equal(event, ERROR_VALUE);
	fake_nvme_still_works(driver);
}

static void what_happened_before_the_request_is_told_then(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t event;
	uint16_t cid;

	fake_nvme_set(driver, NVME_DOORBELLS + 0x800, 1, 4); /* a register without a queue */
	fake_nvme_turn(driver);
	ask(driver);
	assert_true(told(driver, &event, &cid));
	assert_int_equal(event, ERROR_REGISTER);
}

static void a_type_is_masked_until_its_log_page_is_read(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t event;
	uint16_t cid;

	ask(driver);
	ask(driver);
	invalid_value(driver);
	assert_true(told(driver, &event, &cid));
	invalid_value(driver);
	assert_false(told(driver, &event, &cid));
	read_log(driver, NVME_LOG_HEALTH, 0); /* that is not it */
	assert_false(told(driver, &event, &cid));
	read_log(driver, NVME_LOG_ERROR, NVME_LOG_RETAIN_EVENT);
	assert_false(told(driver, &event, &cid));
	read_log(driver, NVME_LOG_ERROR, 0);
	assert_true(told(driver, &event, &cid));
	assert_int_equal(event, ERROR_VALUE);
}

static void only_so_many_are_held(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_ASYNC_EVENT_REQUEST};
	struct nvme_completion completion;

	for (unsigned int i = 0; i < 4; i++)
		ask(driver);
	assert_false(fake_nvme_reap(driver, 0, &completion));
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_AER_LIMIT_EXCEEDED);
}

static void another_size_of_the_disk_is_told_to_who_wants_to_know(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t event;
	uint16_t cid;

	ask(driver);
	driver->ram->measured = FAKE_NVME_DISK / 2;
	nvme_refresh(driver->nvme);
	assert_false(told(driver, &event, &cid));
	want(driver, NVME_EVENTS_NAMESPACE);
	driver->ram->measured = FAKE_NVME_DISK;
	nvme_refresh(driver->nvme);
	assert_true(told(driver, &event, &cid));
	assert_int_equal(event, NAMESPACE);
	read_log(driver, NVME_LOG_CHANGED_NAMESPACES, 0);
	assert_int_equal(load_le32(fake_nvme_at(driver, driver->page, 4)), 1);
	read_log(driver, NVME_LOG_CHANGED_NAMESPACES, 0);
	assert_int_equal(load_le32(fake_nvme_at(driver, driver->page, 4)), 0);
}

static void a_temperature_beyond_the_threshold_is_told(void **state)
{
	struct fake_nvme *driver = *state;
	const struct nvme_command command = {.opcode = NVME_SET_FEATURES,
					     .cdw10 = htole32(NVME_FEATURE_TEMPERATURE),
					     .cdw11 = htole32(300)};
	uint32_t event;
	uint16_t cid;

	ask(driver);
	want(driver, NVME_EVENTS_TEMPERATURE);
	fake_nvme_submit(driver, 0, command);
	fake_nvme_ring(driver, 0);
	assert_true(told(driver, &event, &cid)); /* the command */
	assert_true(told(driver, &event, &cid));
	assert_int_equal(event, HEAT);
	read_log(driver, NVME_LOG_HEALTH, 0);
	assert_int_equal(*fake_nvme_at(driver, driver->page, 1), NVME_EVENTS_TEMPERATURE);
}

static void a_full_completion_queue_delays_events_and_loses_none(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	bool found = false;

	ask(driver);
	for (unsigned int i = 0; i < FAKE_NVME_ENTRIES - 1; i++)
		fake_nvme_submit(driver, 0,
				 (struct nvme_command){.opcode = NVME_GET_FEATURES,
						       .cdw10 = htole32(NVME_FEATURE_QUEUES)});
	fake_nvme_ring(driver, 0);
	fake_nvme_turn(driver);
	invalid_value(driver);
	for (unsigned int i = 0; i < FAKE_NVME_ENTRIES; i++) {
		assert_true(fake_nvme_reap(driver, 0, &completion));
		found |= le32toh(completion.result) == ERROR_VALUE;
		fake_nvme_turn(driver);
	}
	assert_true(found);
}

static void a_reset_forgets_requests_and_events(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t event;
	uint16_t cid;

	ask(driver);
	fake_nvme_disable(driver);
	invalid_value(driver);
	fake_nvme_enable(driver);
	assert_false(told(driver, &event, &cid));
	ask(driver);
	assert_false(told(driver, &event, &cid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_are_held_until_something_happens,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_head_beyond_its_queue_is_told_as_a_tail_is,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_happened_before_the_request_is_told_then,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_type_is_masked_until_its_log_page_is_read,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(only_so_many_are_held, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			another_size_of_the_disk_is_told_to_who_wants_to_know, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_temperature_beyond_the_threshold_is_told,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_full_completion_queue_delays_events_and_loses_none, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_reset_forgets_requests_and_events,
						fake_nvme_setup, fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
