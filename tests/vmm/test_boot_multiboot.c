/* test_boot_multiboot.c: Multiboot 0.6.96, header and information; offsets are those of its text.
 */
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
	boot.size = fake_multiboot(boot.image);
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
	assert_int_equal(boot.entry.rax, 0x2badb002);
	assert_int_equal(boot.entry.rip, FAKE_KERNEL_LOAD + FAKE_KERNEL_ENTRY);
	return fake_boot_at(&boot, boot.entry.rbx, 116);
}

/* Sets a word of the header of the flat kernel. */
static void set_word(size_t offset, uint32_t value)
{
	store_le32(boot.image + FAKE_FLAT_HEADER + offset, value);
}

static void set_flags(uint32_t flags)
{
	set_word(4, flags);
	set_word(8, -(0x1badb002 + flags));
}

static void the_information_tells_memory_command_line_and_loader(void **state)
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
	assert_int_equal(load_le32(info), 1 << 0 | 1 << 2 | 1 << 6 | 1 << 9);
	assert_int_equal(load_le32(info + 4), 640);
	assert_int_equal(load_le32(info + 8), 63 * 1024);
	assert_string_equal(fake_boot_at(&boot, load_le32(info + 16), 14), "console=ttyS0");
	assert_int_equal(load_le32(info + 44), ARRAY_SIZE(wanted) * 24);
	entry = fake_boot_at(&boot, load_le32(info + 48), load_le32(info + 44));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++, entry += 24) {
		assert_int_equal(load_le32(entry), 20);
		assert_int_equal(load_le64(entry + 4), wanted[i][0]);
		assert_int_equal(load_le64(entry + 12), wanted[i][1]);
		assert_int_equal(load_le32(entry + 20), wanted[i][2]);
	}
	assert_string_equal(fake_boot_at(&boot, load_le32(info + 64), 8), "minivmm");
}

static void the_initrd_is_the_first_module_right_behind_the_kernel(void **state)
{
	const uint8_t *info, *module;

	(void)state;
	fake_boot_initrd(&boot, 0x1234);
	info = load();
	assert_true(load_le32(info) & 1 << 3);
	assert_int_equal(load_le32(info + 20), 1);
	module = fake_boot_at(&boot, load_le32(info + 24), 16);
	assert_int_equal(load_le32(module), FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY);
	assert_int_equal(load_le32(module + 4), FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY + 0x1234);
	assert_string_equal(fake_boot_at(&boot, load_le32(module + 8), 1), "");
	assert_int_equal(*(uint8_t *)fake_boot_at(&boot, load_le32(module), 1), 0x5a);
}

static void a_flat_kernel_is_loaded_by_the_addresses_in_its_header(void **state)
{
	const uint8_t *code;

	(void)state;
	load();
	code = fake_boot_at(&boot, FAKE_KERNEL_LOAD, FAKE_KERNEL_MEMORY + 1);
	assert_memory_equal(code, boot.image, FAKE_KERNEL_CODE);
	for (size_t i = FAKE_KERNEL_CODE; i < FAKE_KERNEL_MEMORY; i++)
		assert_int_equal(code[i], 0);
	assert_int_equal(code[FAKE_KERNEL_MEMORY], 0xa5);
}

static void zero_as_end_means_the_end_of_the_file_and_no_bss(void **state)
{
	const uint8_t *code;

	(void)state;
	set_word(20, 0);
	set_word(24, 0);
	load();
	code = fake_boot_at(&boot, FAKE_KERNEL_LOAD, FAKE_KERNEL_CODE + 1);
	assert_memory_equal(code, boot.image, FAKE_KERNEL_CODE);
	assert_int_equal(code[FAKE_KERNEL_CODE], 0xa5);
}

static void an_image_that_begins_behind_the_file_is_found_by_its_header(void **state)
{
	(void)state;
	memmove(boot.image + 0x404, boot.image, FAKE_KERNEL_CODE);
	memset(boot.image, 0, 0x404);
	boot.size += 0x404;
	load();
	assert_memory_equal(fake_boot_at(&boot, FAKE_KERNEL_LOAD, FAKE_KERNEL_CODE),
			    boot.image + 0x404, FAKE_KERNEL_CODE);
}

static void a_kernel_that_wants_video_boots_without_and_a_warning(void **state)
{
	(void)state;
	set_flags(0x10007);
	load();
	assert_non_null(strstr(boot.message, "warning: kernel 'a.kernel': asks for a video mode"));
}

static void an_elf_entry_given_as_a_virtual_address_is_translated(void **state)
{
	(void)state;
	boot.size = fake_multiboot_elf(boot.image);
	store_le32(boot.image + 0x18, 0xc0000000 + FAKE_KERNEL_ENTRY);
	store_le32(boot.image + FAKE_ELF_PHDRS + 8, 0xc0000000);
	load();
}

/* One word of a flat kernel's header wrong at a time. */
static void headers_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
		const char *text;
	} cases[] = {
		{0, 0x1badb003, "is not a kernel"},
		{4, 0x10002, "is not a kernel"}, /* the sum is wrong */
		{8, 0, "is not a kernel"},
		{12, 0, "has a Multiboot header at 0"},
		{12, FAKE_KERNEL_LOAD + FAKE_FLAT_HEADER + 4, "loaded from"},
		{12, 0xffffffff, "loaded from"},
		{16, FAKE_KERNEL_LOAD + FAKE_FLAT_HEADER + 1, "loaded from"},
		{16, FAKE_KERNEL_LOAD + FAKE_FLAT_HEADER, "entry point"},
		{16, 0, "loaded from 0"},
		{20, FAKE_KERNEL_LOAD, "load end"},
		{20, 1, "load end"},
		{20, 0xffffffff, "bss end"},
		{20, FAKE_KERNEL_LOAD + FAKE_KERNEL_CODE + 1, "is truncated"},
		{24, FAKE_KERNEL_LOAD + 1, "bss end"},
		{24, 0xffffffff, "leaves the guest's RAM"},
		{24, 0x4000001, "give it at least --mem 65M"},
		{28, FAKE_KERNEL_LOAD - 1, "entry point"},
		{28, FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY, "entry point"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		boot.size = fake_multiboot(boot.image);
		set_word(cases[i].offset, cases[i].value);
		if (cases[i].offset == 16 && cases[i].value == FAKE_KERNEL_LOAD + FAKE_FLAT_HEADER)
			set_word(28, FAKE_KERNEL_LOAD);
		fake_boot_refused(&boot, cases[i].text);
	}
}

static void what_a_kernel_cannot_do_without_must_be_known(void **state)
{
	(void)state;
	for (unsigned int bit = 3; bit < 16; bit++) {
		set_flags(0x10003 | 1u << bit);
		fake_boot_refused(&boot, "needs something unknown of its Multiboot loader");
	}
	set_flags(0xfffe0003 | 0x10000); /* the others may be ignored */
	load();
}

static void a_header_without_addresses_needs_an_elf_file(void **state)
{
	(void)state;
	set_flags(3);
	fake_boot_refused(&boot, "without addresses, but is not ELF");
}

static void a_header_behind_the_first_8_kib_is_not_found(void **state)
{
	(void)state;
	boot.size = fake_multiboot_elf(boot.image);
	memset(boot.image + boot.size, 0, sizeof(boot.image) - boot.size);
	boot.size = sizeof(boot.image);
	memcpy(boot.image + 8192 - 12, boot.image + FAKE_MULTIBOOT_HEADER, 12);
	memset(boot.image + FAKE_MULTIBOOT_HEADER, 0, 12);
	load();
	memmove(boot.image + 8192 - 8, boot.image + 8192 - 12, 12);
	fake_boot_refused(&boot, "is not a kernel");
}

static void an_unaligned_header_is_not_found(void **state)
{
	(void)state;
	memmove(boot.image + 2, boot.image, FAKE_KERNEL_CODE);
	boot.size += 2;
	fake_boot_refused(&boot, "is not a kernel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_information_tells_memory_command_line_and_loader),
		TEST(the_initrd_is_the_first_module_right_behind_the_kernel),
		TEST(a_flat_kernel_is_loaded_by_the_addresses_in_its_header),
		TEST(zero_as_end_means_the_end_of_the_file_and_no_bss),
		TEST(an_image_that_begins_behind_the_file_is_found_by_its_header),
		TEST(a_kernel_that_wants_video_boots_without_and_a_warning),
		TEST(an_elf_entry_given_as_a_virtual_address_is_translated),
		TEST(headers_that_make_no_sense_are_refused),
		TEST(what_a_kernel_cannot_do_without_must_be_known),
		TEST(a_header_without_addresses_needs_an_elf_file),
		TEST(a_header_behind_the_first_8_kib_is_not_found),
		TEST(an_unaligned_header_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
