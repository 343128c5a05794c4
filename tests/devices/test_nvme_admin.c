/* test_nvme_admin.c: admin commands, in order and out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

static void bad_commands_fail_and_nothing_else(void **state)
{
	struct fake_nvme *driver = *state;
	const gpa_t page = driver->page;
	const uint32_t on = NVME_CREATE_CQ_INTERRUPTS;
	const struct {
		const char *what;
		struct nvme_command command;
		uint16_t status;
	} rows[] = {
		{"an opcode that is not", {.opcode = 0x7f}, NVME_INVALID_OPCODE},
		{"keep alive", {.opcode = 0x18}, NVME_INVALID_OPCODE},
		{"format", {.opcode = 0x80}, NVME_INVALID_OPCODE},
		{"fused", {.opcode = NVME_IDENTIFY, .flags = 2}, NVME_INVALID_FIELD},
		{"scatter-gather", {.opcode = NVME_IDENTIFY, .flags = 0x80}, NVME_INVALID_FIELD},
		{"completion queue 0", fake_nvme_create(NVME_CREATE_CQ, 0, page, 16, on),
		 NVME_INVALID_QUEUE_ID},
		{"completion queue 1 again", fake_nvme_create(NVME_CREATE_CQ, 1, page, 16, on),
		 NVME_INVALID_QUEUE_ID},
		{"completion queue 3", fake_nvme_create(NVME_CREATE_CQ, 3, page, 16, on),
		 NVME_INVALID_QUEUE_ID},
		{"completion queue 65535", fake_nvme_create(NVME_CREATE_CQ, 65535, page, 16, on),
		 NVME_INVALID_QUEUE_ID},
		{"submission queue 0", fake_nvme_create(NVME_CREATE_SQ, 0, page, 16, 1 << 16),
		 NVME_INVALID_QUEUE_ID},
		{"submission queue 1 again", fake_nvme_create(NVME_CREATE_SQ, 1, page, 16, 1 << 16),
		 NVME_INVALID_QUEUE_ID},
		{"submission queue 65535",
		 fake_nvme_create(NVME_CREATE_SQ, 65535, page, 16, 1 << 16), NVME_INVALID_QUEUE_ID},
		{"deletion of submission queue 0",
		 {.opcode = NVME_DELETE_SQ},
		 NVME_INVALID_QUEUE_ID},
		{"deletion of submission queue 9",
		 {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(9)},
		 NVME_INVALID_QUEUE_ID},
		{"deletion of completion queue 0",
		 {.opcode = NVME_DELETE_CQ},
		 NVME_INVALID_QUEUE_ID},
		{"deletion of completion queue 65535",
		 {.opcode = NVME_DELETE_CQ, .cdw10 = htole32(65535)},
		 NVME_INVALID_QUEUE_ID},
		{"deletion of a completion queue in use",
		 {.opcode = NVME_DELETE_CQ, .cdw10 = htole32(1)},
		 NVME_INVALID_QUEUE_DELETION},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t status = fake_nvme_admin(driver, rows[i].command, NULL);

		if (status != rows[i].status)
			fail_msg("%s: status 0x%x, not 0x%x", rows[i].what, status, rows[i].status);
	}
	fake_nvme_still_works(driver);
}

/* Queue 2 of both is free. */
static void delete_second(struct fake_nvme *driver)
{
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(2)};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command.opcode = NVME_DELETE_CQ;
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
}

static void queues_that_cannot_be_are_refused(void **state)
{
	struct fake_nvme *driver = *state;
	const gpa_t page = driver->page;
	struct nvme_command scattered = fake_nvme_create(NVME_CREATE_CQ, 2, page, 16, 2 << 16);
	const struct {
		const char *what;
		struct nvme_command command;
		uint16_t status;
	} rows[] = {
		{"one entry", fake_nvme_create(NVME_CREATE_CQ, 2, page, 1, 0),
		 NVME_INVALID_QUEUE_SIZE},
		{"1025 entries", fake_nvme_create(NVME_CREATE_CQ, 2, page, 1025, 0),
		 NVME_INVALID_QUEUE_SIZE},
		{"65535 entries", fake_nvme_create(NVME_CREATE_CQ, 2, page, 65535, 0),
		 NVME_INVALID_QUEUE_SIZE},
		{"vector 3", fake_nvme_create(NVME_CREATE_CQ, 2, page, 16, 3 << 16),
		 NVME_INVALID_VECTOR},
		{"vector 65535", fake_nvme_create(NVME_CREATE_CQ, 2, page, 16, 0xffffu << 16),
		 NVME_INVALID_VECTOR},
		{"nowhere", fake_nvme_create(NVME_CREATE_CQ, 2, FAKE_HOLE, 16, 0),
		 NVME_DATA_TRANSFER_ERROR},
		{"across the end",
		 fake_nvme_create(NVME_CREATE_CQ, 2, FAKE_LOW_SIZE - 4096, 1024, 0),
		 NVME_DATA_TRANSFER_ERROR},
		{"inside of a page", fake_nvme_create(NVME_CREATE_CQ, 2, page + 16, 16, 0),
		 NVME_INVALID_PRP_OFFSET},
		{"no completion queue", fake_nvme_create(NVME_CREATE_SQ, 2, page, 16, 2 << 16),
		 NVME_CQ_INVALID},
		{"completion queue 0", fake_nvme_create(NVME_CREATE_SQ, 2, page, 16, 0),
		 NVME_INVALID_QUEUE_ID},
		{"completion queue 9", fake_nvme_create(NVME_CREATE_SQ, 2, page, 16, 9 << 16),
		 NVME_INVALID_QUEUE_ID},
		{"submissions nowhere", fake_nvme_create(NVME_CREATE_SQ, 2, FAKE_HOLE, 16, 1 << 16),
		 NVME_DATA_TRANSFER_ERROR},
		{"one submission", fake_nvme_create(NVME_CREATE_SQ, 2, page, 1, 1 << 16),
		 NVME_INVALID_QUEUE_SIZE},
	};

	delete_second(driver);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t status = fake_nvme_admin(driver, rows[i].command, NULL);

		if (status != rows[i].status)
			fail_msg("%s: status 0x%x, not 0x%x", rows[i].what, status, rows[i].status);
	}
	scattered.cdw11 &= ~htole32(NVME_CREATE_CONTIGUOUS);
	assert_int_equal(fake_nvme_admin(driver, scattered, NULL), NVME_INVALID_FIELD);
	fake_nvme_still_works(driver);
}

static void queues_come_and_go(void **state)
{
	struct fake_nvme *driver = *state;

	for (unsigned int i = 0; i < 100; i++) {
		struct nvme_command command;

		delete_second(driver);
		driver->cqs[2].at = driver->sqs[2].at = 0;
		driver->cqs[2].phase = 1;
		memset(driver->cqs[2].completions, 0,
		       FAKE_NVME_ENTRIES * sizeof(struct nvme_completion));
		command = fake_nvme_create(NVME_CREATE_CQ, 2, driver->cqs[2].base,
					   FAKE_NVME_ENTRIES, 2 << 16);
		assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
		command = fake_nvme_create(NVME_CREATE_SQ, 2, driver->sqs[2].base,
					   FAKE_NVME_ENTRIES, 2 << 16);
		assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
		assert_int_equal(
			fake_nvme_run(driver, 2, fake_nvme_move(NVME_READ, 0, 1, driver->data)),
			NVME_SUCCESS);
	}
}

static void abort_finds_what_is_held_and_nothing_else(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_ASYNC_EVENT_REQUEST};
	struct nvme_completion completion;
	uint16_t cid = fake_nvme_submit(driver, 0, command);
	uint32_t result;

	fake_nvme_ring(driver, 0);
	fake_nvme_turn(driver);
	command = (struct nvme_command){.opcode = NVME_ABORT,
					.cdw10 = htole32((uint32_t)(cid + 1) << 16)};
	assert_int_equal(fake_nvme_admin(driver, command, &result), NVME_SUCCESS);
	assert_int_equal(result, 1);
	command.cdw10 = htole32((uint32_t)cid << 16 | 1); /* of another queue */
	assert_int_equal(fake_nvme_admin(driver, command, &result), NVME_SUCCESS);
	assert_int_equal(result, 1);

	command.cdw10 = htole32((uint32_t)cid << 16);
	fake_nvme_submit(driver, 0, command);
	fake_nvme_ring(driver, 0);
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 0, &completion));
	assert_int_equal(fake_nvme_cid(&completion), cid);
	assert_int_equal(fake_nvme_status(&completion), NVME_ABORT_REQUESTED);
	assert_true(fake_nvme_reap(driver, 0, &completion));
	assert_int_equal(le32toh(completion.result), 0);
}

static void a_whole_queue_of_commands_is_served(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;

	for (unsigned int i = 0; i < FAKE_NVME_ENTRIES - 1; i++)
		fake_nvme_submit(driver, 0,
				 (struct nvme_command){.opcode = NVME_GET_FEATURES,
						       .cdw10 = htole32(NVME_FEATURE_QUEUES)});
	fake_nvme_ring(driver, 0);
	fake_nvme_turn(driver);
	for (unsigned int i = 0; i < FAKE_NVME_ENTRIES - 1; i++)
		assert_true(fake_nvme_reap(driver, 0, &completion));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bad_commands_fail_and_nothing_else, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(queues_that_cannot_be_are_refused, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(queues_come_and_go, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(abort_finds_what_is_held_and_nothing_else,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_whole_queue_of_commands_is_served,
						fake_nvme_setup, fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
