/* test_boot_bzimage.c: the setup header, right and wrong, and where the kernel goes. */
#include <asm/bootparam.h>
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

static void the_kernel_is_loaded_whole_at_its_preferred_address(void **state)
{
	(void)state;
	assert_int_equal(fake_boot_load(&boot), 0);
	assert_memory_equal(fake_boot_at(&boot, FAKE_KERNEL_LOAD, FAKE_KERNEL_CODE),
			    boot.image + FAKE_BZIMAGE_PAYLOAD, FAKE_KERNEL_CODE);
	assert_int_equal(boot.entry.rip, FAKE_KERNEL_LOAD + 0x200);
	assert_int_equal(boot.entry.rsi, 0x7000);
}

static void no_setup_sectors_means_four(void **state)
{
	(void)state;
	memmove(boot.image + 5 * 512, boot.image + FAKE_BZIMAGE_PAYLOAD, FAKE_KERNEL_CODE);
	boot.size = 5 * 512 + FAKE_KERNEL_CODE;
	header()->setup_sects = 0;
	boot.image[5 * 512] = 0x77;
	assert_int_equal(fake_boot_load(&boot), 0);
	assert_int_equal(*(uint8_t *)fake_boot_at(&boot, FAKE_KERNEL_LOAD, 1), 0x77);
}

static void the_last_paragraph_may_be_incomplete(void **state)
{
	(void)state;
	boot.size -= 15;
	assert_int_equal(fake_boot_load(&boot), 0);
	boot.size -= 1;
	fake_boot_refused(&boot, "is truncated");
}

static void what_follows_the_kernel_is_not_loaded(void **state)
{
	(void)state;
	memset(boot.image + boot.size, 0x33, 0x100); /* a signature, say */
	boot.size += 0x100;
	assert_int_equal(fake_boot_load(&boot), 0);
	assert_int_not_equal(
		*(uint8_t *)fake_boot_at(&boot, FAKE_KERNEL_LOAD + FAKE_KERNEL_CODE, 1), 0x33);
}

static void a_relocatable_kernel_is_aligned_and_kept_out_of_the_first_mebibyte(void **state)
{
	static const struct {
		uint64_t preferred;
		uint32_t alignment;
		uint64_t load;
	} cases[] = {
		{0x1000000, 0x200000, 0x1000000},  {0x1000001, 0x200000, 0x1200000},
		{0, 0x200000, 0x200000},	   {0x10000, 0x1000, 0x100000},
		{0x1000000, 0x2000000, 0x2000000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		header()->pref_address = cases[i].preferred;
		header()->kernel_alignment = cases[i].alignment;
		assert_int_equal(fake_boot_load(&boot), 0);
		assert_int_equal(boot.entry.rip, cases[i].load + 0x200);
	}
}

static void a_kernel_that_cannot_move_is_loaded_where_it_says(void **state)
{
	(void)state;
	header()->relocatable_kernel = 0;
	header()->kernel_alignment = 0;
	header()->pref_address = 0x1234000;
	assert_int_equal(fake_boot_load(&boot), 0);
	assert_int_equal(boot.entry.rip, 0x1234200);
	header()->pref_address = 0x10000;
	fake_boot_refused(&boot, "overlaps boot structures");
}

/* One field wrong at a time: size bytes of value at offset in the file. */
static void headers_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		uint64_t offset;
		unsigned int size;
		uint64_t value;
		const char *text;
	} cases[] = {
		{0x1f1, 1, 255, "setup code alone has 255 sectors"},
		{0x1f1, 1, 3, "is truncated"}, /* the code begins a sector later than it does */
		{0x1f4, 4, 0, "no code at its 64-bit entry"},
		{0x1f4, 4, 0x20, "no code at its 64-bit entry"},
		{0x1f4, 4, 0xffffffff, "is truncated"},
		{0x1fe, 2, 0, "no boot signature"},
		{0x201, 1, 0, "header that ends at 0x202"},
		{0x201, 1, 0x61, "header that ends at 0x263"},
		{0x201, 1, 0xff, "header that ends at 0x301"},
		{0x206, 2, 0x20b, "boot protocol 2.11; a 64-bit entry needs 2.12"},
		{0x206, 2, 0, "boot protocol 0.00"},
		{0x211, 1, 0, "is a zImage"},
		{0x230, 4, 0, "alignment of 0"},
		{0x230, 4, 0x300000, "alignment of 0x300000"},
		{0x230, 4, 0x80000000, "does not fit into the guest's RAM"},
		{0x236, 2, 0, "32-bit Linux kernel"},
		{0x236, 2, 0xfffe, "32-bit Linux kernel"},
		{0x238, 4, 3, "takes a command line of at most 3 bytes, not 13"},
		{0x248, 4, 0xffffffff, "compressed kernel ends at 0x1000003ff"},
		{0x24c, 4, 0x501, "compressed kernel ends at 0x801"},
		{0x258, 8, 0xffffffffffffffff, "where no RAM can be"},
		{0x258, 8, 0xbffff000, "where no RAM can be"},
		{0x258, 8, 0x100000000, "where no RAM can be"},
		{0x258, 8, 0x40000000, "give it at least --mem 1025M"},
		{0x260, 4, 0, "init_size of 0, less than it loads"},
		{0x260, 4, 0x7ff, "init_size of 0x7ff, less than it loads"},
		{0x260, 4, 0x3000001, "give it at least --mem 65M"},
		{0x260, 4, 0xffffffff, "where no RAM can be"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = htole64(cases[i].value);

		boot.size = fake_bzimage(boot.image);
		memcpy(boot.image + cases[i].offset, &value, cases[i].size);
		fake_boot_refused(&boot, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_kernel_is_loaded_whole_at_its_preferred_address),
		TEST(no_setup_sectors_means_four),
		TEST(the_last_paragraph_may_be_incomplete),
		TEST(what_follows_the_kernel_is_not_loaded),
		TEST(a_relocatable_kernel_is_aligned_and_kept_out_of_the_first_mebibyte),
		TEST(a_kernel_that_cannot_move_is_loaded_where_it_says),
		TEST(headers_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
