/* test_nvme_control.c: enabled, reset, shut down, with and without something in flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

enum {
	CC = NVME_COMMAND_SIZE_LOG2 << NVME_CC_IOSQES | NVME_COMPLETION_SIZE_LOG2 << NVME_CC_IOCQES,
};

/* A command that is in flight as long as the disk holds it. */
static void hold(struct fake_nvme *driver, struct nvme_command command)
{
	driver->ram->hold = true;
	fake_nvme_submit(driver, 1, command);
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
}

static void it_is_ready_when_the_write_has_returned(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_disable(driver);
	assert_false(fake_nvme_get(driver, NVME_CSTS, 4) & NVME_CSTS_RDY);
	fake_nvme_enable(driver);
	assert_true(nvme_was_driven(driver->nvme));
}

static void a_reset_with_commands_in_flight_completes_none_of_them(void **state)
{
	struct fake_nvme *driver = *state;

	driver->ram->hold = true;
	for (unsigned int i = 0; i < 10; i++)
		fake_nvme_submit(driver, 1, fake_nvme_move(NVME_READ, i, 1, driver->data));
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	fake_nvme_set(driver, NVME_CC, CC, 4);
	assert_int_equal(fake_nvme_get(driver, NVME_CSTS, 4), 0);
	for (unsigned int i = 0; i < FAKE_NVME_ENTRIES; i++)
		assert_int_equal(driver->cqs[1].completions[i].status, 0);
	driver->ram->hold = false;
	fake_nvme_works_anew(driver);
}

static void a_reset_ends_a_command_of_many_ranges(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = fake_nvme_move(NVME_DATASET_MANAGEMENT, 0, 1, driver->data);
	uint8_t *ranges = fake_nvme_at(driver, driver->data, 4096);

	for (unsigned int i = 0; i < 256; i++)
		ranges[16 * i + 4] = 8; /* blocks */
	command.cdw10 = htole32(255);
	command.cdw11 = htole32(NVME_DSM_DEALLOCATE);
	hold(driver, command);
	fake_nvme_disable(driver);
	assert_int_equal(driver->ram->discards, 1);
	driver->ram->hold = false;
	fake_nvme_works_anew(driver);
}

static void many_resets_leave_nothing_behind(void **state)
{
	struct fake_nvme *driver = *state;
	gpa_t next = driver->memory.next;

	for (unsigned int i = 0; i < 10000; i++) {
		driver->memory.next = next;
		fake_nvme_disable(driver);
		fake_nvme_enable(driver);
	}
	fake_nvme_create_queues(driver);
	fake_nvme_still_works(driver);
}

static void deleting_a_queue_waits_for_what_is_in_flight(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(1)};
	struct nvme_completion completion;

	driver->ram->hold = true;
	for (unsigned int i = 0; i < 5; i++)
		fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(fake_nvme_reap(driver, 1, &completion));
		assert_int_equal(fake_nvme_status(&completion), NVME_SUCCESS);
	}
}

static void another_queue_goes_on_after_a_deletion(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(1)};
	struct nvme_completion completion;

	/* It is rung before, and looked at after the deletion. */
	hold(driver, fake_nvme_flush());
	fake_nvme_submit(driver, 0, command);
	fake_nvme_submit(driver, 2, fake_nvme_flush());
	fake_nvme_ring(driver, 0);
	fake_nvme_ring(driver, 2);
	fake_nvme_turn(driver);
	driver->ram->hold = false;
	ram_disk_release(driver->ram, 2);
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 0, &completion));
	assert_true(fake_nvme_reap(driver, 2, &completion));
}

static void a_normal_shutdown_flushes_and_an_abrupt_one_does_not(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_set(driver, NVME_CC, CC | NVME_CC_EN | 2 << 14, 4); /* abrupt */
	assert_int_equal(fake_nvme_get(driver, NVME_CSTS, 4),
			 NVME_CSTS_RDY | NVME_CSTS_SHST_COMPLETE);
	assert_int_equal(driver->ram->flushes, 0);
	fake_nvme_disable(driver);
	fake_nvme_enable(driver);
	fake_nvme_set(driver, NVME_CC, CC | NVME_CC_EN | NVME_CC_SHN_NORMAL, 4);
	assert_int_equal(fake_nvme_get(driver, NVME_CSTS, 4),
			 NVME_CSTS_RDY | NVME_CSTS_SHST_COMPLETE);
	assert_int_equal(driver->ram->flushes, 1);
	fake_nvme_disable(driver); /* SHST is gone */
	fake_nvme_works_anew(driver);
}

static void a_shutdown_completes_what_is_in_flight(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;

	hold(driver, fake_nvme_move(NVME_WRITE, 0, 1, driver->data));
	fake_nvme_set(driver, NVME_CC, CC | NVME_CC_EN | NVME_CC_SHN_NORMAL, 4);
	assert_true(fake_nvme_reap(driver, 1, &completion));
	assert_int_equal(fake_nvme_status(&completion), NVME_SUCCESS);
}

/* Or a driver that goes on submitting would never see the end of it. */
static void a_shutdown_takes_no_new_commands_before_it_is_complete(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;

	hold(driver, fake_nvme_move(NVME_WRITE, 0, 1, driver->data));
	fake_nvme_submit(driver, 1, fake_nvme_move(NVME_WRITE, 1, 1, driver->data));
	fake_nvme_ring(driver, 1);
	fake_nvme_set(driver, NVME_CC, CC | NVME_CC_EN | NVME_CC_SHN_NORMAL, 4);
	assert_true(fake_nvme_reap(driver, 1, &completion));
	assert_false(fake_nvme_reap(driver, 1, &completion));
	driver->ram->hold = false;
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 1, &completion));
}

static void what_cannot_be_enabled_is_a_fatal_status(void **state)
{
	struct fake_nvme *driver = *state;
	static const struct {
		const char *what;
		uint32_t cc, aqa;
		uint64_t asq, acq;
	} rows[] = {
		{"no entries", CC, 0, 0x1000, 0x2000},
		{"one submission entry", CC, 15 << 16, 0x1000, 0x2000},
		{"one completion entry", CC, 15, 0x1000, 0x2000},
		{"another command set", CC | 1 << 4, 15 << 16 | 15, 0x1000, 0x2000},
		{"larger pages", CC | 1 << 7, 15 << 16 | 15, 0x1000, 0x2000},
		{"weighted arbitration", CC | 1 << 11, 15 << 16 | 15, 0x1000, 0x2000},
		{"submission queue nowhere", CC, 15 << 16 | 15, FAKE_HOLE, 0x2000},
		{"completion queue nowhere", CC, 15 << 16 | 15, 0x1000, FAKE_HOLE},
		{"a queue across the end", CC, 4095 << 16 | 4095, FAKE_LOW_SIZE - 4096, 0x2000},
		{"the end of the address space", CC, 15 << 16 | 15, UINT64_MAX, 0x2000},
		{"a queue inside of a page", CC, 15 << 16 | 15, 0x1040, 0x2000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fake_nvme_disable(driver);
		fake_nvme_set(driver, NVME_AQA, rows[i].aqa, 4);
		fake_nvme_set(driver, NVME_ASQ, rows[i].asq, 8);
		fake_nvme_set(driver, NVME_ACQ, rows[i].acq, 8);
		fake_nvme_set(driver, NVME_CC, rows[i].cc | NVME_CC_EN, 4);
		if (fake_nvme_get(driver, NVME_CSTS, 4) != NVME_CSTS_CFS)
			fail_msg("%s was taken", rows[i].what);
		fake_nvme_set(driver, NVME_DOORBELLS, 3, 4);
		fake_nvme_turn(driver);
	}
	fake_nvme_disable(driver);
	fake_nvme_works_anew(driver);
}

static void queues_are_gone_after_a_reset_whatever_is_rung(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_submit(driver, 1, fake_nvme_move(NVME_WRITE, 0, 1, driver->data));
	fake_nvme_disable(driver);
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	assert_int_equal(driver->ram->commits, 0);
	fake_nvme_enable(driver);
	fake_nvme_ring(driver, 1); /* there is no such queue yet */
	fake_nvme_turn(driver);
	assert_int_equal(driver->ram->commits, 0);
	fake_nvme_create_queues(driver);
	fake_nvme_still_works(driver);
}

static void power_on_forgets_everything(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_use_shadow(driver);
	hold(driver, fake_nvme_move(NVME_READ, 0, 1, driver->data));
	pci_bus_reset(&driver->bus);
	driver->ram->hold = false;
	assert_int_equal(driver->armed, 0);
	assert_int_equal(fake_nvme_get(driver, NVME_CC, 4), 0);
	assert_int_equal(fake_nvme_get(driver, NVME_CSTS, 4), 0);
	assert_int_equal(fake_nvme_get(driver, NVME_ASQ, 8), 0);
	fake_nvme_use_msix(driver);
	fake_nvme_works_anew(driver);
}

static void the_pin_is_up_while_completions_wait_unless_masked(void **state)
{
	static struct fake_nvme driver;
	struct nvme_completion completion;

	(void)state;
	fake_nvme_init(&driver);
	fake_nvme_enable(&driver);
	fake_nvme_create_queues(&driver);
	assert_false(driver.irq.high);
	fake_nvme_submit(&driver, 1, fake_nvme_flush());
	fake_nvme_submit(&driver, 1, fake_nvme_flush());
	fake_nvme_ring(&driver, 1);
	fake_nvme_turn(&driver);
	assert_true(driver.irq.high);
	fake_nvme_set(&driver, NVME_INTMS, 1, 4);
	assert_false(driver.irq.high);
	assert_int_equal(fake_nvme_get(&driver, NVME_INTMC, 4), 1);
	fake_nvme_set(&driver, NVME_INTMC, 1, 4);
	assert_true(driver.irq.high);
	assert_true(fake_nvme_reap(&driver, 1, &completion));
	assert_true(driver.irq.high);
	assert_true(fake_nvme_reap(&driver, 1, &completion));
	assert_false(driver.irq.high);
	fake_nvme_submit(&driver, 1, fake_nvme_flush());
	fake_nvme_ring(&driver, 1);
	fake_nvme_turn(&driver);
	assert_true(driver.irq.high);
	fake_nvme_disable(&driver);
	assert_false(driver.irq.high);
	fake_nvme_destroy(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_ready_when_the_write_has_returned,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_reset_with_commands_in_flight_completes_none_of_them, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_reset_ends_a_command_of_many_ranges,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(many_resets_leave_nothing_behind, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(deleting_a_queue_waits_for_what_is_in_flight,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(another_queue_goes_on_after_a_deletion,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_normal_shutdown_flushes_and_an_abrupt_one_does_not, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_shutdown_completes_what_is_in_flight,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_shutdown_takes_no_new_commands_before_it_is_complete, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_enabled_is_a_fatal_status,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(queues_are_gone_after_a_reset_whatever_is_rung,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(power_on_forgets_everything, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test(the_pin_is_up_while_completions_wait_unless_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
