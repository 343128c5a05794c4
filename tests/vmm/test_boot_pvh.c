/* test_boot_pvh.c: hvm_start_info and the entry note. Offsets are those of the ABI's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/boot.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static struct fake_boot boot;

static int setup(void **state)
{
	(void)state;
	fake_boot_init(&boot, 64 << 20);
	boot.size = fake_pvh(boot.image);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_boot_free(&boot);
	return 0;
}

static const uint8_t *load(void)
{
	int err = fake_boot_load(&boot);

	if (err < 0)
		fail_msg("%s", boot.message);
	return fake_boot_at(&boot, boot.entry.rbx, 56);
}

static void start_info_is_version_one_with_all_that_a_kernel_asks_for(void **state)
{
	const uint8_t *info;

	(void)state;
	info = load();
	assert_int_equal(load_le32(info), 0x336ec578);
	assert_int_equal(load_le32(info + 4), 1);
	assert_int_equal(load_le32(info + 8), 0);
	assert_int_equal(load_le32(info + 12), 0); /* modules */
	assert_int_equal(load_le64(info + 16), 0);
	assert_string_equal(fake_boot_at(&boot, load_le64(info + 24), 14), "console=ttyS0");
	assert_int_equal(load_le64(info + 32), 0xe0000);
	assert_int_equal(load_le32(info + 52), 0);
	assert_int_equal(boot.entry.rip, FAKE_KERNEL_LOAD + FAKE_KERNEL_PVH_ENTRY);
}

static void the_memory_map_has_the_holes(void **state)
{
	static const uint64_t wanted[][3] = {
		{0, 0xa0000, 1},
		{0xa0000, 0x60000, 2},
		{0x100000, 0x3f00000, 1},
		{0xe8000000, 0x100000, 2},
	};
	const uint8_t *info, *entry;

	(void)state;
	info = load();
	assert_int_equal(load_le32(info + 48), ARRAY_SIZE(wanted));
	entry = fake_boot_at(&boot, load_le64(info + 40), sizeof(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++, entry += 24) {
		assert_int_equal(load_le64(entry), wanted[i][0]);
		assert_int_equal(load_le64(entry + 8), wanted[i][1]);
		assert_int_equal(load_le64(entry + 16), wanted[i][2]); /* reserved: 0 */
	}
}

static void the_initrd_is_the_first_module(void **state)
{
	const uint8_t *info, *module;

	(void)state;
	fake_boot_initrd(&boot, 0x1234);
	info = load();
	assert_int_equal(load_le32(info + 12), 1);
	module = fake_boot_at(&boot, load_le64(info + 16), 32);
	assert_int_equal(load_le64(module), (64 << 20) - 0x2000);
	assert_int_equal(load_le64(module + 8), 0x1234);
	assert_int_equal(*(uint8_t *)fake_boot_at(&boot, load_le64(module), 1), 0x5a);
}

static void the_initrd_stays_below_4_gib_where_linux_finds_it(void **state)
{
	(void)state;
	assert_int_equal(memory_add(&boot.mem, 0x100000000, 128 << 20), 0);
	fake_boot_initrd(&boot, 100 << 20);
	fake_boot_refused(&boot, "'an.initrd': finds no room");
}

static void bytes_behind_a_segment_are_zeroed(void **state)
{
	const uint8_t *code;

	(void)state;
	load();
	code = fake_boot_at(&boot, FAKE_KERNEL_LOAD, FAKE_KERNEL_MEMORY + 1);
	for (size_t i = 0; i < FAKE_KERNEL_MEMORY; i++)
		assert_int_equal(code[i], i < FAKE_KERNEL_CODE ? FAKE_KERNEL_BYTE : 0);
	assert_int_equal(code[FAKE_KERNEL_MEMORY], 0xa5);
}

static void an_entry_outside_the_segments_is_refused(void **state)
{
	static const uint32_t entries[] = {0, 0xffffff, FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY,
					   0xffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		store_le32(boot.image + FAKE_ELF_NOTES + 16, entries[i]);
		fake_boot_refused(&boot, "PVH entry point");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(start_info_is_version_one_with_all_that_a_kernel_asks_for),
		TEST(the_memory_map_has_the_holes),
		TEST(the_initrd_is_the_first_module),
		TEST(the_initrd_stays_below_4_gib_where_linux_finds_it),
		TEST(bytes_behind_a_segment_are_zeroed),
		TEST(an_entry_outside_the_segments_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
