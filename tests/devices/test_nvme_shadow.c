/* test_nvme_shadow.c: doorbells in memory: who must ring, who need not, and who lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

static struct nvme_command config(gpa_t doorbells, gpa_t events)
{
	return (struct nvme_command){
		.opcode = NVME_DOORBELL_BUFFER_CONFIG,
		.prp1 = htole64(doorbells),
		.prp2 = htole64(events),
	};
}

static void kvm_listens_to_the_io_queues_once_there_are_buffers(void **state)
{
	struct fake_nvme *driver = *state;

	assert_int_equal(driver->armed, 0);
	fake_nvme_use_shadow(driver);
	assert_int_equal(driver->armed, 2 * (FAKE_NVME_QUEUES - 1));
	fake_nvme_still_works(driver);
}

static void deleted_queues_are_not_listened_to(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(2)};

	fake_nvme_use_shadow(driver);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	assert_int_equal(driver->armed, 3);
	command.opcode = NVME_DELETE_CQ;
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	assert_int_equal(driver->armed, 2);
	fake_nvme_still_works(driver);
}

static void queues_that_come_later_have_theirs(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_disable(driver);
	fake_nvme_enable(driver);
	fake_nvme_use_shadow(driver);
	assert_int_equal(driver->armed, 0);
	fake_nvme_create_queues(driver);
	assert_int_equal(driver->armed, 2 * (FAKE_NVME_QUEUES - 1));
	fake_nvme_still_works(driver);
}

static void a_reset_forgets_both_buffers(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t *shadow, *events;

	fake_nvme_use_shadow(driver);
	fake_nvme_still_works(driver);
	shadow = driver->shadow;
	events = driver->events;
	fake_nvme_disable(driver);
	assert_int_equal(driver->armed, 0);
	memset(shadow, 0x5a, NVME_PAGE_SIZE);
	memset(events, 0x5a, NVME_PAGE_SIZE);
	fake_nvme_works_anew(driver);
	for (unsigned int i = 0; i < NVME_PAGE_SIZE / 4; i++) {
		assert_int_equal(shadow[i], 0x5a5a5a5a);
		assert_int_equal(events[i], 0x5a5a5a5a);
	}
}

static void both_begin_where_the_queues_stand(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_still_works(driver);
	fake_nvme_use_shadow(driver);
	assert_int_equal(le32toh(driver->shadow[2]), 1);
	assert_int_equal(le32toh(driver->shadow[3]), 1);
	fake_nvme_still_works(driver);
}

static void the_register_says_nothing_then(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;

	fake_nvme_use_shadow(driver);
	fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_set(driver, NVME_DOORBELLS + 4 * 2, 1, 4); /* without the value in memory */
	fake_nvme_turn(driver);
	assert_false(fake_nvme_reap(driver, 1, &completion));
	driver->shadow[2] = htole32(1);
	fake_nvme_set(driver, NVME_DOORBELLS + 4 * 2, 0, 4); /* any write is a ring */
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 1, &completion));
}

static void while_many_are_in_flight_nobody_need_ring(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	unsigned int rung;

	fake_nvme_use_shadow(driver);
	driver->ram->hold = true;
	for (unsigned int i = 0; i < 8; i++)
		fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	rung = driver->rung;
	for (unsigned int i = 0; i < 4; i++) {
		fake_nvme_submit(driver, 1, fake_nvme_flush());
		fake_nvme_ring(driver, 1);
	}
	assert_int_equal(driver->rung, rung);
	driver->ram->hold = false;
	ram_disk_release(driver->ram, 8);
	fake_nvme_turn(driver);
	for (unsigned int i = 0; i < 12; i++)
		assert_true(fake_nvme_reap(driver, 1, &completion));
}

static void one_after_the_other_each_is_seen(void **state)
{
	struct fake_nvme *driver = *state;
	unsigned int rung;

	fake_nvme_use_shadow(driver);
	rung = driver->rung;
	for (unsigned int i = 0; i < 10 * FAKE_NVME_ENTRIES; i++)
		assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_flush()), NVME_SUCCESS);
	/* Each command, and the completion queue's head once each time round. */
	assert_in_range(driver->rung - rung, 10 * FAKE_NVME_ENTRIES, 10 * FAKE_NVME_ENTRIES + 11);
}

static void buffers_that_are_no_pages_of_ram_are_refused(void **state)
{
	struct fake_nvme *driver = *state;
	const gpa_t page = driver->page, data = driver->data;
	const struct nvme_command rows[] = {
		config(page + 4, data),
		config(page, data + 2048),
		config(FAKE_HOLE, data),
		config(page, FAKE_HOLE),
		config(page, UINT64_MAX - 4095),
		config(FAKE_LOW_SIZE, data),
		config(page, page),
		config(UINT64_MAX, UINT64_MAX),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(fake_nvme_admin(driver, rows[i], NULL), NVME_INVALID_FIELD);
		assert_int_equal(driver->armed, 0);
	}
	fake_nvme_still_works(driver);
}

static void a_second_pair_of_buffers_takes_the_place_of_the_first(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t *first;

	fake_nvme_use_shadow(driver);
	fake_nvme_still_works(driver);
	first = driver->shadow;
	driver->shadow = NULL;
	fake_nvme_use_shadow(driver);
	assert_ptr_not_equal(first, driver->shadow);
	memset(first, 0xff, NVME_PAGE_SIZE);
	assert_int_equal(driver->armed, 2 * (FAKE_NVME_QUEUES - 1));
	fake_nvme_still_works(driver);
}

static void wild_values_in_memory_are_not_taken(void **state)
{
	struct fake_nvme *driver = *state;
	static const uint32_t values[] = {FAKE_NVME_ENTRIES, 0x10000, UINT32_MAX};

	fake_nvme_use_shadow(driver);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		uint32_t before[4];

		memcpy(before, driver->shadow + 2, sizeof(before));
		for (unsigned int j = 2; j < 6; j++) {
			driver->shadow[j] = htole32(values[i]);
			fake_nvme_set(driver, NVME_DOORBELLS + 4 * j, 0, 4);
		}
		fake_nvme_turn(driver);
		memcpy(driver->shadow + 2, before, sizeof(before));
		fake_nvme_still_works(driver);
	}
}

static void buffers_on_top_of_queues_hurt_nobody(void **state)
{
	struct fake_nvme *driver = *state;

	assert_int_equal(fake_nvme_admin(driver,
					 config(driver->sqs[1].base & ~4095ull,
						driver->cqs[1].base & ~4095ull),
					 NULL),
			 NVME_SUCCESS);
	for (unsigned int i = 0; i < 64; i++) {
		fake_nvme_submit(driver, 1, fake_nvme_flush());
		fake_nvme_set(driver, NVME_DOORBELLS + 4 * 2, i % FAKE_NVME_ENTRIES, 4);
		fake_nvme_turn(driver);
	}
	fake_nvme_disable(driver);
	fake_nvme_works_anew(driver);
}

static void with_the_pin_heads_are_exits(void **state)
{
	static struct fake_nvme driver;

	(void)state;
	fake_nvme_init(&driver);
	fake_nvme_enable(&driver); /* without MSI-X; BARs decode from the start */
	fake_nvme_create_queues(&driver);
	fake_nvme_use_shadow(&driver);
	assert_int_equal(driver.armed, FAKE_NVME_QUEUES - 1);
	for (unsigned int i = 0; i < 3 * FAKE_NVME_ENTRIES; i++) {
		struct nvme_completion completion;

		fake_nvme_submit(&driver, 1, fake_nvme_flush());
		fake_nvme_ring(&driver, 1);
		fake_nvme_turn(&driver);
		assert_true(driver.irq.high);
		assert_true(fake_nvme_reap(&driver, 1, &completion));
		assert_false(driver.irq.high); /* before the write returned */
	}
	fake_nvme_destroy(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kvm_listens_to_the_io_queues_once_there_are_buffers,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(deleted_queues_are_not_listened_to, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(queues_that_come_later_have_theirs, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_reset_forgets_both_buffers, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(both_begin_where_the_queues_stand, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_register_says_nothing_then, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(while_many_are_in_flight_nobody_need_ring,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(one_after_the_other_each_is_seen, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(buffers_that_are_no_pages_of_ram_are_refused,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_second_pair_of_buffers_takes_the_place_of_the_first, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(wild_values_in_memory_are_not_taken,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(buffers_on_top_of_queues_hurt_nobody,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test(with_the_pin_heads_are_exits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
