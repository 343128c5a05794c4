/* test_nvme_identify.c: what the driver is told of the controller and its namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/fake/nvme_driver.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static struct nvme_command identify(struct fake_nvme *driver, uint32_t which, uint32_t nsid)
{
	memset(fake_nvme_at(driver, driver->page, NVME_PAGE_SIZE), 0xee, NVME_PAGE_SIZE);
	return (struct nvme_command){.opcode = NVME_IDENTIFY,
				     .nsid = htole32(nsid),
				     .prp1 = htole64(driver->page),
				     .cdw10 = htole32(which)};
}

static const uint8_t *identified(struct fake_nvme *driver, uint32_t which, uint32_t nsid)
{
	assert_int_equal(fake_nvme_admin(driver, identify(driver, which, nsid), NULL),
			 NVME_SUCCESS);
	return fake_nvme_at(driver, driver->page, NVME_PAGE_SIZE);
}

static void the_controller_tells_who_it_is(void **state)
{
	const uint8_t *page = identified(*state, NVME_IDENTIFY_CONTROLLER, 0);

	assert_memory_equal(page + NVME_ID_SN, "serial-7            ", 20);
	assert_memory_equal(page + NVME_ID_MN, "minivmm NVMe disk       ", 24);
	assert_string_equal((const char *)page + NVME_ID_SUBNQN,
			    "nqn.2014-08.org.nvmexpress:uuid:"
			    "11220000-0000-0000-0000-000000000000");
}

static void the_controller_tells_what_it_can(void **state)
{
	const uint8_t *page = identified(*state, NVME_IDENTIFY_CONTROLLER, 0);

	assert_int_equal(load_le32(page + NVME_ID_VER), 0x10400);
	assert_int_equal(page[NVME_ID_MDTS], 8); /* 1 MiB */
	assert_int_equal(load_le16(page + NVME_ID_OACS), 1 << 8);
	assert_int_equal(page[NVME_ID_SQES], 0x66);
	assert_int_equal(page[NVME_ID_CQES], 0x44);
	assert_int_equal(load_le32(page + NVME_ID_NN), 1);
	assert_int_equal(load_le16(page + NVME_ID_ONCS), 1 << 2 | 1 << 3 | 1 << 4);
	assert_int_equal(page[NVME_ID_VWC] & 1, 1);
}

static void the_namespace_is_as_large_as_the_disk(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page = identified(driver, NVME_IDENTIFY_NAMESPACE, 1);

	assert_int_equal(load_le64(page + NVME_NS_NSZE), FAKE_NVME_DISK / 512);
	assert_int_equal(load_le64(page + NVME_NS_NCAP), FAKE_NVME_DISK / 512);
	assert_int_equal(page[NVME_NS_LBADS], 9);
	assert_int_equal(load_le16(page + NVME_NS_NPWG), 7);
	assert_int_equal(load_le16(page + NVME_NS_NPDG), 7);
	assert_int_equal(page[NVME_NS_NSATTR], 0);
	driver->ram->disk.read_only = true;
	assert_int_equal(identified(driver, NVME_IDENTIFY_NAMESPACE, 1)[NVME_NS_NSATTR], 1);
}

static void blocks_may_be_larger_than_sectors(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page;

	driver->ram->disk.block_size = 4096;
	page = identified(driver, NVME_IDENTIFY_NAMESPACE, 1);
	assert_int_equal(load_le64(page + NVME_NS_NSZE), FAKE_NVME_DISK / 4096);
	assert_int_equal(page[NVME_NS_LBADS], 12);
	assert_int_equal(load_le16(page + NVME_NS_NPWG), 0);
	driver->ram->bytes[4096 * 3] = 0x42;
	assert_int_equal(fake_nvme_run(driver, 1, fake_nvme_move(NVME_READ, 3, 1, driver->data)),
			 NVME_SUCCESS);
	assert_int_equal(*fake_nvme_at(driver, driver->data, 1), 0x42);
}

static void there_is_one_namespace(void **state)
{
	struct fake_nvme *driver = *state;
	const uint8_t *page = identified(driver, NVME_IDENTIFY_NAMESPACES, 0);

	assert_int_equal(load_le32(page), 1);
	assert_int_equal(load_le32(page + 4), 0);
	assert_int_equal(load_le32(identified(driver, NVME_IDENTIFY_NAMESPACES, 1)), 0);
}

static void the_namespace_has_a_uuid(void **state)
{
	const uint8_t *page = identified(*state, NVME_IDENTIFY_DESCRIPTORS, 1);
	static const uint8_t uuid[16] = {0x33, 0x44};

	assert_int_equal(page[0], 3);
	assert_int_equal(page[1], 16);
	assert_memory_equal(page + 4, uuid, 16);
	assert_int_equal(page[20], 0);
	assert_int_equal(page[21], 0);
}

static void what_is_not_there_is_not_told(void **state)
{
	struct fake_nvme *driver = *state;
	static const struct {
		uint32_t which, nsid;
		uint16_t status;
	} rows[] = {
		{NVME_IDENTIFY_NAMESPACE, 0, NVME_INVALID_NAMESPACE},
		{NVME_IDENTIFY_NAMESPACE, 2, NVME_INVALID_NAMESPACE},
		{NVME_IDENTIFY_DESCRIPTORS, 0xffffffff, NVME_INVALID_NAMESPACE},
		{NVME_IDENTIFY_NAMESPACES, 0xffffffff, NVME_INVALID_NAMESPACE},
		{NVME_IDENTIFY_NAMESPACES, 0xfffffffe, NVME_INVALID_NAMESPACE},
		{0x06, 0, NVME_INVALID_FIELD},
		{0xff, 0, NVME_INVALID_FIELD},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(fake_nvme_admin(driver,
						 identify(driver, rows[i].which, rows[i].nsid),
						 NULL),
				 rows[i].status);
		assert_int_equal(*fake_nvme_at(driver, driver->page, 1), 0xee);
	}
}

static void the_answer_may_lie_across_two_pages(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = identify(driver, NVME_IDENTIFY_CONTROLLER, 0);

	command.prp1 = htole64(driver->data + 4096 - 64);
	command.prp2 = htole64(driver->data + 8192);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_SUCCESS);
	assert_memory_equal(fake_nvme_at(driver, driver->data + 4096 - 64 + NVME_ID_SN, 8),
			    "serial-7", 8);
	assert_int_equal(*fake_nvme_at(driver, driver->data + 8192 + NVME_ID_SQES - 64, 1), 0x66);
}

static void an_answer_to_nowhere_fails(void **state)
{
	struct fake_nvme *driver = *state;
	struct nvme_command command = identify(driver, NVME_IDENTIFY_CONTROLLER, 0);

	command.prp1 = htole64(FAKE_HOLE);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_DATA_TRANSFER_ERROR);
	command.prp1 = htole64(driver->page + 2);
	assert_int_equal(fake_nvme_admin(driver, command, NULL), NVME_INVALID_PRP_OFFSET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_controller_tells_who_it_is, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_controller_tells_what_it_can, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_namespace_is_as_large_as_the_disk,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(blocks_may_be_larger_than_sectors, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(there_is_one_namespace, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_namespace_has_a_uuid, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_not_told, fake_nvme_setup,
						fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(the_answer_may_lie_across_two_pages,
						fake_nvme_setup, fake_nvme_teardown),
		cmocka_unit_test_setup_teardown(an_answer_to_nowhere_fails, fake_nvme_setup,
						fake_nvme_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
