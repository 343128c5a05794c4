/* test_nvme_register.c: BAR 0 in every width, from one thread and from several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static void capabilities_are_what_drivers_need(void **state)
{
	struct fake_nvme *driver = *state;
	uint64_t cap = fake_nvme_get(driver, NVME_CAP, 8);

	assert_int_equal(cap & 0xffff, 1023);  /* MQES */
	assert_int_equal(cap >> 16 & 1, 1);    /* CQR */
	assert_int_equal(cap >> 32 & 0xf, 0);  /* DSTRD */
	assert_int_equal(cap >> 37 & 0xff, 1); /* CSS */
	assert_int_equal(cap >> 48 & 0xff, 0); /* 4 KiB pages only */
	assert_int_equal(fake_nvme_get(driver, NVME_CAP + 4, 4), cap >> 32);
	assert_int_equal(fake_nvme_get(driver, NVME_VS, 4), 0x10400);
	assert_int_equal(
		pci_config_load(driver->bus.devices[FAKE_NVME_SLOT], PCI_CLASS_REVISION, 4) >> 8,
		0x010802);
}

static void registers_read_in_every_width(void **state)
{
	struct fake_nvme *driver = *state;

	assert_int_equal(fake_nvme_get(driver, NVME_VS + 1, 1), 0x04);
	assert_int_equal(fake_nvme_get(driver, NVME_VS + 2, 2), 0x0001);
	assert_int_equal(fake_nvme_get(driver, NVME_VS, 8), 0x10400);
	assert_int_equal(fake_nvme_get(driver, NVME_ASQ, 8), driver->sqs[0].base);
	assert_int_equal(fake_nvme_get(driver, NVME_ACQ, 4), driver->cqs[0].base);
	assert_int_equal(fake_nvme_get(driver, NVME_AQA, 4), 0x000f000f);
	assert_int_equal(fake_nvme_get(driver, NVME_DOORBELLS, 4), 0);
	assert_int_equal(fake_nvme_get(driver, 0x38, 8), 0); /* no controller memory buffer */
}

static void halves_of_addresses_are_written_one_by_one(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_disable(driver);
	fake_nvme_set(driver, NVME_ASQ, 0x11111000, 4);
	fake_nvme_set(driver, NVME_ASQ + 4, 0x22222222, 4);
	assert_int_equal(fake_nvme_get(driver, NVME_ASQ, 8), 0x2222222211111000);
	fake_nvme_set(driver, NVME_ACQ + 4, 1, 4);
	fake_nvme_set(driver, NVME_ACQ, 0x3000, 4);
	assert_int_equal(fake_nvme_get(driver, NVME_ACQ, 8), 0x100003000);
}

static void doorbells_are_taken_in_the_widths_drivers_use(void **state)
{
	struct fake_nvme *driver = *state;
	static const unsigned int widths[] = {2, 4, 8};
	struct nvme_completion completion;

	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		uint64_t head = widths[i] == 8 ? (uint64_t)driver->cqs[1].at << 32 : 0;

		fake_nvme_submit(driver, 1, fake_nvme_flush());
		fake_nvme_set(driver, NVME_DOORBELLS + 8, head | driver->sqs[1].at, widths[i]);
		fake_nvme_turn(driver);
		assert_true(fake_nvme_reap(driver, 1, &completion));
	}
}

static void garbage_in_every_register_and_width_hurts_nobody(void **state)
{
	struct fake_nvme *driver = *state;

	for (unsigned int offset = 0; offset < 0x1200; offset++) {
		for (unsigned int size = 1; size <= 8; size *= 2) {
			if (offset == NVME_CC || (offset == NVME_CC - 4 && size == 8))
				continue; /* that is a reset: another test */
			fake_nvme_set(driver, offset, 0xa5a5a5a5a5a5a5a5 + offset, size);
			fake_nvme_get(driver, offset, size);
		}
		if (offset % 64 == 0)
			fake_nvme_turn(driver);
	}
	fake_nvme_turn(driver);
	pci_bus_reset(&driver->bus);
	fake_nvme_use_msix(driver);
	fake_nvme_works_anew(driver);
}

static void every_configuration_may_be_written_at_any_time(void **state)
{
	struct fake_nvme *driver = *state;
	uint32_t value = 1;

	for (unsigned int i = 0; i < 5000; i++) {
		value = value * 1664525 + 1013904223;
		fake_nvme_set(driver, NVME_CC, value >> 3, 4);
		fake_nvme_set(driver, NVME_DOORBELLS + (value >> 20 & 0x1c), value >> 24, 4);
		if (i % 16 == 0)
			fake_nvme_turn(driver);
	}
	fake_nvme_disable(driver);
	fake_nvme_works_anew(driver);
}

enum { ROUNDS = 300 };

/* What a vCPU does that does not know of the other one. */
static void *hammer(void *arg)
{
	struct fake_nvme *driver = arg;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint8_t bytes[8];

		store_le64(bytes, i % FAKE_NVME_ENTRIES);
		bus_write(&driver->mmio, 0xc0000000 + NVME_DOORBELLS + 4 * (i % 8), bytes, 4);
		bus_read(&driver->mmio, 0xc0000000 + NVME_CSTS, bytes, 4);
		store_le64(bytes, i % 3 ? 0x460001 : 0x460000);
		if (i % 7 == 0)
			bus_write(&driver->mmio, 0xc0000000 + NVME_CC, bytes, 4);
	}
	return NULL;
}

static void two_threads_and_the_loop_do_not_meet(void **state)
{
	static struct fake_nvme driver;
	pthread_t threads[2];

	(void)state;
	fake_nvme_init(&driver);
	fake_nvme_use_msix(&driver);
	fake_nvme_enable(&driver);
	fake_nvme_create_queues(&driver);
	assert_int_equal(loop_start(&driver.loop, "disk0"), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, &driver), 0);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	nvme_refresh(driver.nvme);
	fake_nvme_destroy(&driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(capabilities_are_what_drivers_need, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(registers_read_in_every_width, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(halves_of_addresses_are_written_one_by_one,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(doorbells_are_taken_in_the_widths_drivers_use,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(garbage_in_every_register_and_width_hurts_nobody,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(every_configuration_may_be_written_at_any_time,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test(two_threads_and_the_loop_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
