/* test_nvme_queue.c: rings, their ends, and drivers that lie about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

/* Completions that are there and not taken. */
static unsigned int waiting(struct fake_nvme *driver, unsigned int cq)
{
	const struct fake_nvme_queue *queue = &driver->cqs[cq];
	unsigned int n = 0, at = queue->at;
	uint8_t phase = queue->phase;

	while ((le32toh(queue->completions[at].status) >> 16 & 1) == phase && n < queue->size) {
		n++;
		if (++at == queue->size) {
			at = 0;
			phase ^= 1;
		}
	}
	return n;
}

static void rings_go_round(void **state)
{
	struct fake_nvme *driver = *state;

	for (unsigned int i = 0; i < 5 * FAKE_NVME_ENTRIES; i++)
		assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_flush()), NVME_SUCCESS);
	assert_int_equal(driver->ram->flushes, 5 * FAKE_NVME_ENTRIES);
}

static void completions_tell_queue_head_and_phase(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	uint16_t cid = fake_nvme_submit(driver, 2, fake_nvme_flush());

	fake_nvme_ring(driver, 2);
	fake_nvme_turn(driver);
	assert_true(fake_nvme_reap(driver, 2, &completion));
	assert_int_equal(fake_nvme_cid(&completion), cid);
	assert_int_equal(le16toh(completion.sq_id), 2);
	assert_int_equal(le16toh(completion.sq_head), 1);
	assert_int_equal(le32toh(completion.status) >> 16 & 1, 1);
}

/* Queue 1 of both is made anew, with a completion queue of that size. */
static void remake(struct fake_nvme *driver, uint16_t cq_size)
{
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(1)};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command.opcode = NVME_DELETE_CQ;
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	fake_nvme_prepare_cq(driver, 1, cq_size);
	fake_nvme_prepare_sq(driver, 1, FAKE_NVME_ENTRIES);
	command = fake_nvme_create(NVME_CREATE_CQ, 1, driver->cqs[1].base, cq_size,
				   1 << 16 | NVME_CREATE_CQ_INTERRUPTS);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command = fake_nvme_create(NVME_CREATE_SQ, 1, driver->sqs[1].base, FAKE_NVME_ENTRIES,
				   1 << 16);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
}

static void fill_small_completion_queue(struct fake_nvme *driver)
{
	struct nvme_completion completion;
	unsigned int done = 0;

	for (unsigned int i = 0; i < 12; i++)
		fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	assert_int_equal(waiting(driver, 1), 3); /* and not one more */
	while (fake_nvme_reap(driver, 1, &completion)) {
		done++;
		fake_nvme_turn(driver);
		assert_true(waiting(driver, 1) <= 3);
	}
	assert_int_equal(done, 12);
}

static void a_full_completion_queue_holds_commands_back_until_it_is_read(void **state)
{
	struct fake_nvme *driver = *state;

	remake(driver, 4);
	fill_small_completion_queue(driver);
	fake_nvme_still_works(driver);
}

static void a_full_completion_queue_stalls_nobody_behind_shadow_doorbells(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_use_shadow(driver);
	remake(driver, 4);
	fill_small_completion_queue(driver);
	fill_small_completion_queue(driver);
	fake_nvme_still_works(driver);
}

static void what_is_in_flight_has_its_place_kept(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;

	remake(driver, 4);
	driver->ram->hold = true;
	for (unsigned int i = 0; i < 8; i++)
		fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	driver->ram->hold = false;
	ram_disk_release(driver->ram, 8);
	fake_nvme_turn(driver);
	assert_int_equal(waiting(driver, 1), 3);
	assert_int_equal(driver->ram->flushes, 3); /* the others were not even begun */
	for (unsigned int i = 0; i < 8; i++) {
		assert_true(fake_nvme_reap(driver, 1, &completion));
		fake_nvme_turn(driver);
	}
	assert_false(fake_nvme_reap(driver, 1, &completion));
}

static void queues_may_share_a_completion_queue(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(2)};
	struct nvme_completion completion;
	unsigned int of[FAKE_NVME_QUEUES] = {0};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	remake(driver, 4);
	fake_nvme_prepare_sq(driver, 2, FAKE_NVME_ENTRIES);
	command = fake_nvme_create(NVME_CREATE_SQ, 2, driver->sqs[2].base, FAKE_NVME_ENTRIES,
				   1 << 16);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	for (unsigned int i = 0; i < 8; i++) {
		fake_nvme_submit(driver, 1, fake_nvme_flush());
		fake_nvme_submit(driver, 2, fake_nvme_flush());
	}
	fake_nvme_ring(driver, 1);
	fake_nvme_ring(driver, 2);
	fake_nvme_turn(driver);
	while (fake_nvme_reap(driver, 1, &completion)) {
		of[le16toh(completion.sq_id)]++;
		fake_nvme_turn(driver);
	}
	assert_int_equal(of[1], 8);
	assert_int_equal(of[2], 8);
}

/* Makes the first pair as large as can be. */
static void enlarge_queues(struct fake_nvme *driver)
{
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(1)};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command.opcode = NVME_DELETE_CQ;
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	fake_nvme_prepare_cq(driver, 1, 1024);
	fake_nvme_prepare_sq(driver, 1, 1024);
	command = fake_nvme_create(NVME_CREATE_CQ, 1, driver->cqs[1].base, 1024, 0);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command = fake_nvme_create(NVME_CREATE_SQ, 1, driver->sqs[1].base, 1024, 1 << 16);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
}

static void more_than_the_pool_are_served_in_turn(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	unsigned int done = 0;

	enlarge_queues(driver);
	for (unsigned int i = 0; i < 1000; i++)
		fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_ring(driver, 1);
	for (unsigned int i = 0; i < 1000 && done < 1000; i++) {
		fake_nvme_turn(driver);
		while (fake_nvme_reap(driver, 1, &completion))
			done++;
	}
	assert_int_equal(done, 1000);
}

/* What is in the host's cache is copied at once, and one page of the guest's will do for all. */
static void many_large_reads_take_turns_with_the_rest_of_the_loop(void **state)
{
	enum { MEGABYTES = 200, LIST_ENTRIES = 255 };
	struct fake_nvme *driver = *state;
	struct nvme_command command = fake_nvme_move(NVME_READ, 0, 2048, driver->data);
	uint64_t *list = (uint64_t *)(void *)fake_nvme_at(driver, driver->page, 4096);

	enlarge_queues(driver);
	command.prp2 = htole64(driver->page);
	for (unsigned int i = 0; i < LIST_ENTRIES; i++)
		list[i] = htole64(driver->data);
	for (unsigned int i = 0; i < MEGABYTES; i++)
		fake_nvme_submit(driver, 1, command);
	fake_nvme_ring(driver, 1);
	loop_stop(&driver->loop);
	assert_int_equal(loop_run(&driver->loop), 0);
	assert_int_equal(waiting(driver, 1), 64);
	fake_nvme_turn(driver);
	assert_int_equal(waiting(driver, 1), MEGABYTES);
}

static void doorbells_beyond_the_queue_are_told_once_and_change_nothing(void **state)
{
	struct fake_nvme *driver = *state;
	static const uint32_t values[] = {FAKE_NVME_ENTRIES, 0xffff, 0x10000, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		for (unsigned int doorbell = 0; doorbell < 2 * FAKE_NVME_QUEUES; doorbell++) {
			fake_nvme_set(driver, NVME_DOORBELLS + 4 * doorbell, values[i], 4);
			fake_nvme_turn(driver);
		}
		fake_nvme_still_works(driver);
	}
	assert_int_equal(driver->ram->flushes, 0);
}

static void heads_that_were_never_there_hurt_nobody(void **state)
{
	struct fake_nvme *driver = *state;

	for (unsigned int i = 0; i < FAKE_NVME_ENTRIES; i++) {
		fake_nvme_set(driver, NVME_DOORBELLS + 4 * 3, i, 4);
		fake_nvme_submit(driver, 1, fake_nvme_flush());
		fake_nvme_ring(driver, 1);
		fake_nvme_turn(driver);
	}
	fake_nvme_disable(driver);
	fake_nvme_works_anew(driver);
}

static void a_tail_that_goes_back_is_taken_as_going_round(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;
	unsigned int done = 0;

	fake_nvme_still_works(driver);
	/* All entries but one are new, it says: most are zeroes, which is a flush of no namespace.
	 */
	fake_nvme_set(driver, NVME_DOORBELLS + 4 * 2, 0, 4);
	fake_nvme_turn(driver);
	while (fake_nvme_reap(driver, 1, &completion)) {
		done++;
		fake_nvme_turn(driver);
	}
	assert_int_equal(done, FAKE_NVME_ENTRIES - 1);
}

static void rings_on_top_of_each_other_and_of_data_hurt_nobody(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_completion completion;

	/* The disk overwrites the submission queue while it is read, and the completion queue. */
	memset(driver->ram->bytes, 0xff, 65536);
	fake_nvme_submit(driver, 1, fake_nvme_move(NVME_READ, 0, 2, driver->sqs[1].base));
	fake_nvme_submit(driver, 1, fake_nvme_move(NVME_READ, 0, 2, driver->cqs[1].base));
	for (unsigned int i = 0; i < 6; i++)
		fake_nvme_submit(driver, 1, fake_nvme_flush());
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	for (unsigned int i = 0; i < 100; i++)
		fake_nvme_reap(driver, 1, &completion);
	fake_nvme_turn(driver);
	fake_nvme_disable(driver);
	fake_nvme_works_anew(driver);
}

static void without_interrupts_there_are_none(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = {.opcode = NVME_DELETE_SQ, .cdw10 = htole32(1)};

	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command.opcode = NVME_DELETE_CQ;
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	fake_nvme_prepare_cq(driver, 1, FAKE_NVME_ENTRIES);
	fake_nvme_prepare_sq(driver, 1, FAKE_NVME_ENTRIES);
	command = fake_nvme_create(NVME_CREATE_CQ, 1, driver->cqs[1].base, FAKE_NVME_ENTRIES,
				   1 << 16);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	command = fake_nvme_create(NVME_CREATE_SQ, 1, driver->sqs[1].base, FAKE_NVME_ENTRIES,
				   1 << 16);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	fake_nvme_interrupts(driver, 1);
	assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_flush()), NVME_SUCCESS);
	assert_int_equal(fake_nvme_interrupts(driver, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rings_go_round, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(completions_tell_queue_head_and_phase,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_full_completion_queue_holds_commands_back_until_it_is_read,
			fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			a_full_completion_queue_stalls_nobody_behind_shadow_doorbells,
			fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_is_in_flight_has_its_place_kept,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(queues_may_share_a_completion_queue,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(more_than_the_pool_are_served_in_turn,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			many_large_reads_take_turns_with_the_rest_of_the_loop, fake_nvme_setup,
			fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(
			doorbells_beyond_the_queue_are_told_once_and_change_nothing,
			fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(heads_that_were_never_there_hurt_nobody,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(a_tail_that_goes_back_is_taken_as_going_round,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(rings_on_top_of_each_other_and_of_data_hurt_nobody,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(without_interrupts_there_are_none, fake_nvme_setup,
						fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
