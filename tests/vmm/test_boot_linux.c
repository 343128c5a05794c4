/* test_boot_linux.c: the zero page, for bzImage and vmlinux alike. */
#include <asm/bootparam.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/boot.h"
#include "vmm/util.h"

static struct fake_boot boot;

static int setup(void **state)
{
	(void)state;
	fake_boot_init(&boot, 64 << 20);
	boot.size = fake_bzimage(boot.image);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_boot_free(&boot);
	return 0;
}

static struct setup_header *header(void)
{
	return &((struct boot_params *)boot.image)->hdr;
}

static const struct boot_params *load(void)
{
	int err = fake_boot_load(&boot);

	if (err < 0)
		fail_msg("%s", boot.message);
	assert_int_equal(boot.entry.rsi, 0x7000);
	return fake_boot_at(&boot, boot.entry.rsi, sizeof(struct boot_params));
}

static uint64_t initrd_at(const struct boot_params *zero_page)
{
	return zero_page->hdr.ramdisk_image | (uint64_t)zero_page->ext_ramdisk_image << 32;
}

static void the_zero_page_holds_the_header_and_nothing_of_an_earlier_guest(void **state)
{
	const struct boot_params *zero_page;

	(void)state;
	zero_page = load();
	assert_int_equal(zero_page->hdr.header, 0x53726448);
	assert_int_equal(zero_page->hdr.version, 0x20f);
	assert_int_equal(zero_page->hdr.init_size, FAKE_KERNEL_MEMORY);
	assert_int_equal(zero_page->hdr.type_of_loader, 0xff);
	assert_int_equal(zero_page->hdr.code32_start, FAKE_KERNEL_LOAD);
	assert_int_equal(zero_page->sentinel, 0);
	assert_int_equal(zero_page->screen_info.orig_video_isVGA, 0);
	assert_int_equal(zero_page->hdr.ramdisk_size, 0);
	assert_int_equal(initrd_at(zero_page), 0);
	assert_int_equal(zero_page->acpi_rsdp_addr, 0xe0000);
	assert_string_equal(fake_boot_at(&boot, zero_page->hdr.cmd_line_ptr, 14), "console=ttyS0");
	assert_int_equal(zero_page->ext_cmd_line_ptr, 0);
}

static void a_vmlinux_gets_the_header_that_its_bzimage_would_have(void **state)
{
	const struct boot_params *zero_page;

	(void)state;
	boot.size = fake_vmlinux(boot.image);
	zero_page = load();
	assert_int_equal(zero_page->hdr.header, 0x53726448);
	assert_int_equal(zero_page->hdr.boot_flag, 0xaa55);
	assert_true(zero_page->hdr.version >= 0x20c);
	assert_true(zero_page->hdr.loadflags & LOADED_HIGH);
	assert_int_equal(zero_page->hdr.type_of_loader, 0xff);
	assert_int_equal(zero_page->acpi_rsdp_addr, 0xe0000);
	assert_int_equal(boot.entry.rip, FAKE_KERNEL_LOAD + FAKE_KERNEL_ENTRY);
}

static void e820_splits_ram_at_the_holes_and_reserves_configuration_space(void **state)
{
	static const struct boot_e820_entry wanted[] = {
		{0, 0xa0000, 1},	   {0xa0000, 0x60000, 2},      {0x100000, 0x3f00000, 1},
		{0xe8000000, 0x100000, 2}, {0x100000000, 0x200000, 1},
	};
	const struct boot_params *zero_page;

	(void)state;
	assert_int_equal(memory_add(&boot.mem, 0x100000000, 0x200000), 0);
	zero_page = load();
	assert_int_equal(zero_page->e820_entries, ARRAY_SIZE(wanted));
	assert_memory_equal(zero_page->e820_table, wanted, sizeof(wanted));
}

static void every_boot_gets_a_fresh_seed_for_its_random_numbers(void **state)
{
	uint8_t first[32];
	const struct setup_data *seed;

	(void)state;
	seed = fake_boot_at(&boot, load()->hdr.setup_data, sizeof(*seed) + 32);
	assert_int_equal(seed->type, SETUP_RNG_SEED);
	assert_int_equal(seed->next, 0);
	assert_int_equal(seed->len, 32);
	memcpy(first, seed->data, 32);
	load();
	assert_memory_not_equal(first, seed->data, 32);
}

static void the_initrd_goes_to_the_top_of_ram_in_whole_pages(void **state)
{
	const struct boot_params *zero_page;
	const uint8_t *initrd;

	(void)state;
	fake_boot_initrd(&boot, 0x1234);
	zero_page = load();
	assert_int_equal(initrd_at(zero_page), (64 << 20) - 0x2000);
	assert_int_equal(zero_page->hdr.ramdisk_size, 0x1234);
	initrd = fake_boot_at(&boot, initrd_at(zero_page), 0x1234);
	assert_int_equal(initrd[0], 0x5a);
	assert_int_equal(initrd[0x1233], 0x5a);
}

/* Limits of a kernel that has no flag for addresses above 4 GiB, in a guest of 64 MiB. */
static void the_initrd_stays_below_the_highest_address_that_the_kernel_takes(void **state)
{
	static const struct {
		uint32_t last;
		uint64_t at; /* 0: refused */
	} cases[] = {
		{0x1fffffff, 0x3ffe000}, {0x3fffffe, 0x3ffe000},
		{0x3ffffff, 0x3ffe000},	 {0x2001fff, 0x2000000},
		{0x1004fff, 0x1003000},	 {0x10047fe, 0xffe000},
		{0x101fff, 0x100000},	 {0x101ffe, 0x100000},
		{0x1017fe, 0},		 {0, 0},
	};

	(void)state;
	fake_boot_initrd(&boot, 0x1800);
	header()->xloadflags &= (uint16_t)~XLF_CAN_BE_LOADED_ABOVE_4G;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		header()->initrd_addr_max = cases[i].last;
		if (cases[i].at == 0)
			fake_boot_refused(&boot, "'an.initrd': finds no room for its 6144 bytes");
		else
			assert_int_equal(initrd_at(load()), cases[i].at);
	}
}

static void an_initrd_too_large_for_low_ram_goes_above_4_gib_if_the_kernel_can(void **state)
{
	const struct boot_params *zero_page;

	(void)state;
	assert_int_equal(memory_add(&boot.mem, 0x100000000, 128 << 20), 0);
	fake_boot_initrd(&boot, 100 << 20);
	zero_page = load();
	assert_int_equal(initrd_at(zero_page), 0x100000000 + (28 << 20));
	assert_int_equal(zero_page->hdr.ramdisk_size, 100 << 20);
	assert_int_equal(*(uint8_t *)fake_boot_at(&boot, initrd_at(zero_page), 1), 0x5a);

	header()->xloadflags &= (uint16_t)~XLF_CAN_BE_LOADED_ABOVE_4G;
	fake_boot_refused(&boot,
			  "below 0x80000000; give the guest more memory or a smaller initrd");
}

static void an_initrd_larger_than_ram_is_refused(void **state)
{
	static const uint64_t sizes[] = {64 << 20, 1ull << 32, 1ull << 40};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		fake_boot_initrd(&boot, sizes[i]);
		fake_boot_refused(&boot, "'an.initrd': finds no room");
	}
}

static void an_initrd_that_became_shorter_is_an_error(void **state)
{
	(void)state;
	fake_boot_initrd(&boot, 0x2000);
	assert_int_equal(ftruncate(boot.initrd.fd, 0x1000), 0);
	fake_boot_refused(&boot, "'an.initrd': became shorter");
}

static void a_vmlinux_with_its_entry_in_no_segment_is_refused(void **state)
{
	static const uint64_t entries[] = {0, 0xffffff, 0x1003000, 0xffffffffffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		boot.size = fake_vmlinux(boot.image);
		memcpy(boot.image + 0x18, &entries[i], sizeof(entries[i]));
		fake_boot_refused(&boot, "in no segment below 4 GiB");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_zero_page_holds_the_header_and_nothing_of_an_earlier_guest),
		TEST(a_vmlinux_gets_the_header_that_its_bzimage_would_have),
		TEST(e820_splits_ram_at_the_holes_and_reserves_configuration_space),
		TEST(every_boot_gets_a_fresh_seed_for_its_random_numbers),
		TEST(the_initrd_goes_to_the_top_of_ram_in_whole_pages),
		TEST(the_initrd_stays_below_the_highest_address_that_the_kernel_takes),
		TEST(an_initrd_too_large_for_low_ram_goes_above_4_gib_if_the_kernel_can),
		TEST(an_initrd_larger_than_ram_is_refused),
		TEST(an_initrd_that_became_shorter_is_an_error),
		TEST(a_vmlinux_with_its_entry_in_no_segment_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
