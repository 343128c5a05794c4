/* test_nvme.c: making controllers, and what becomes of one that cannot be. */
#include "devices/nvme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/util.h"

static const struct nvme_identity identity = {.name = "disk1", .serial = "a-serial-of-20-bytes"};

static void a_second_controller_has_a_slot_of_its_own(void **state)
{
	struct fake_nvme *driver = *state;
	struct ram_disk *ram = calloc(1, sizeof(*ram));
	struct nvme *second;

	ram_disk_init(ram, FAKE_NVME_DISK);
	assert_int_equal(nvme_create(&ram->disk, 16, &identity, &driver->loop, &driver->memory.mem,
				     &driver->bus, &second),
			 0);
	assert_non_null(driver->bus.devices[FAKE_NVME_SLOT + 1]);
	assert_false(nvme_was_driven(second));
	fake_nvme_still_works(driver);
	nvme_free(second);
	free(ram);
}

static void without_room_for_vectors_there_is_none(void **state)
{
	struct fake_nvme *driver = *state;
	struct ram_disk *ram = calloc(1, sizeof(*ram));
	struct nvme *second;

	ram_disk_init(ram, FAKE_NVME_DISK);
	driver->msi.limit = FAKE_NVME_QUEUES + 2;
	assert_int_equal(nvme_create(&ram->disk, 2, &identity, &driver->loop, &driver->memory.mem,
				     &driver->bus, &second),
			 -ENOSPC);
	assert_int_equal(driver->msi.used, FAKE_NVME_QUEUES);
	fake_nvme_still_works(driver);
	free(ram);
}

static void freed_with_commands_in_flight_it_waits_for_them(void **state)
{
	struct fake_nvme *driver = *state;

	fake_nvme_use_shadow(driver);
	driver->ram->hold = true;
	for (unsigned int i = 0; i < 10; i++)
		fake_nvme_submit(driver, 1, fake_nvme_move(NVME_READ, i, 1, driver->data));
	fake_nvme_ring(driver, 1);
	fake_nvme_turn(driver);
	/* The teardown frees it. */
}

static void power_management_keeps_the_controller_as_it_is(void **state)
{
	struct fake_nvme *driver = *state;
	struct pci_device *device = driver->bus.devices[FAKE_NVME_SLOT];
	unsigned int at = pci_config_load(device, PCI_CAPABILITY_LIST, 1);

	assert_int_equal(pci_config_load(device, at, 1), PCI_CAP_ID_PM);
	pci_config_store(device, at + PCI_PM_CTRL, 3, 2);
	pci_config_store(device, at + PCI_PM_CTRL, 0, 2);
	fake_nvme_still_works(driver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_second_controller_has_a_slot_of_its_own,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(without_room_for_vectors_there_is_none,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(freed_with_commands_in_flight_it_waits_for_them,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(power_management_keeps_the_controller_as_it_is,
						fake_nvme_setup, fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
