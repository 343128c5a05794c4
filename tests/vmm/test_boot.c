/* test_boot.c: which protocol a file gets, and what no protocol takes. */
#include "vmm/arch/x86/boot.h"

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
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_boot_free(&boot);
	return 0;
}

static void the_protocol_is_chosen_by_looking_into_the_file(void **state)
{
	static const struct {
		size_t (*make)(uint8_t *image);
		enum boot_protocol wanted, protocol;
		enum boot_mode mode;
		uint64_t entry;
	} cases[] = {
		{fake_bzimage, BOOT_AUTO, BOOT_LINUX64, BOOT_LONG_MODE, 0x200},
		{fake_bzimage, BOOT_LINUX64, BOOT_LINUX64, BOOT_LONG_MODE, 0x200},
		{fake_vmlinux, BOOT_AUTO, BOOT_LINUX64, BOOT_LONG_MODE, FAKE_KERNEL_ENTRY},
		{fake_vmlinux, BOOT_LINUX64, BOOT_LINUX64, BOOT_LONG_MODE, FAKE_KERNEL_ENTRY},
		{fake_vmlinux, BOOT_PVH, BOOT_PVH, BOOT_PROTECTED_MODE, FAKE_KERNEL_PVH_ENTRY},
		{fake_pvh, BOOT_AUTO, BOOT_PVH, BOOT_PROTECTED_MODE, FAKE_KERNEL_PVH_ENTRY},
		{fake_pvh, BOOT_PVH, BOOT_PVH, BOOT_PROTECTED_MODE, FAKE_KERNEL_PVH_ENTRY},
		{fake_multiboot, BOOT_AUTO, BOOT_MULTIBOOT, BOOT_PROTECTED_MODE, FAKE_KERNEL_ENTRY},
		{fake_multiboot_elf, BOOT_AUTO, BOOT_MULTIBOOT, BOOT_PROTECTED_MODE,
		 FAKE_KERNEL_ENTRY},
		{fake_multiboot_elf, BOOT_MULTIBOOT, BOOT_MULTIBOOT, BOOT_PROTECTED_MODE,
		 FAKE_KERNEL_ENTRY},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		boot.size = cases[i].make(boot.image);
		boot.request.protocol = cases[i].wanted;
		assert_int_equal(fake_boot_load(&boot), 0);
		assert_string_equal(boot.message, "");
		assert_int_equal(boot.entry.protocol, cases[i].protocol);
		assert_int_equal(boot.entry.mode, cases[i].mode);
		assert_int_equal(boot.entry.rip, FAKE_KERNEL_LOAD + cases[i].entry);
	}
}

static void a_forced_protocol_that_the_file_lacks_is_refused(void **state)
{
	static const struct {
		size_t (*make)(uint8_t *image);
		enum boot_protocol wanted;
		const char *text;
	} cases[] = {
		{fake_bzimage, BOOT_PVH, "no PVH entry note"},
		{fake_bzimage, BOOT_MULTIBOOT, "no Multiboot 1 header"},
		{fake_vmlinux, BOOT_MULTIBOOT, "no Multiboot 1 header"},
		{fake_pvh, BOOT_LINUX64, "neither a bzImage nor an ELF64"},
		{fake_multiboot, BOOT_LINUX64, "neither a bzImage nor an ELF64"},
		{fake_multiboot_elf, BOOT_PVH, "no PVH entry note"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		boot.size = cases[i].make(boot.image);
		boot.request.protocol = cases[i].wanted;
		fake_boot_refused(&boot, cases[i].text);
	}
}

static void a_file_of_no_known_format_is_refused(void **state)
{
	static const struct {
		const char *content;
		size_t size;
	} cases[] = {{"\x7f", 1}, {"#!/bin/sh\n", 10}, {"\037\213\b\0", 4}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(boot.image, cases[i].content, cases[i].size);
		boot.size = cases[i].size;
		fake_boot_refused(&boot, "is not a kernel this program can boot: no bzImage "
					 "(HdrS), Multiboot 1 header");
	}
}

static void every_kernel_cut_short_anywhere_is_refused(void **state)
{
	(void)state;
	for (const struct fake_kernel *kernel = fake_kernels; kernel->name; kernel++) {
		size_t whole = kernel->make(boot.image);

		for (size_t size = 1; size < whole; size += size < 0x400 ? 1 : 0x51) {
			boot.size = size;
			fake_boot_refused(&boot, "");
		}
	}
}

static void a_kernel_that_became_shorter_is_an_error_at_the_next_reset(void **state)
{
	(void)state;
	for (const struct fake_kernel *kernel = fake_kernels; kernel->name; kernel++) {
		boot.size = kernel->make(boot.image);
		assert_int_equal(fake_boot_load(&boot), 0);
		assert_int_equal(ftruncate(boot.kernel.fd, 0x700), 0);
		assert_true(boot_load(&boot.request, &boot.entry) < 0);
	}
}

static void a_reset_loads_the_same_again_over_what_the_guest_left(void **state)
{
	(void)state;
	for (const struct fake_kernel *kernel = fake_kernels; kernel->name; kernel++) {
		struct boot_entry first;
		uint8_t *code;

		boot.size = kernel->make(boot.image);
		assert_int_equal(fake_boot_load(&boot), 0);
		first = boot.entry;
		memset(fake_boot_at(&boot, 0, 32 << 20), 0xff, 32 << 20);
		assert_int_equal(boot_load(&boot.request, &boot.entry), 0);
		assert_memory_equal(&first, &boot.entry, sizeof(first));
		code = fake_boot_at(&boot, first.rip, 1);
		assert_int_equal(*code, FAKE_KERNEL_BYTE);
	}
}

static void a_kernel_of_too_small_a_guest_says_how_much_it_needs(void **state)
{
	(void)state;
	fake_boot_free(&boot);
	boot.mem = (struct guest_memory){0};
	assert_int_equal(memory_add(&boot.mem, 0, 16 << 20), 0);
	for (const struct fake_kernel *kernel = fake_kernels; kernel->name; kernel++) {
		boot.size = kernel->make(boot.image);
		fake_boot_refused(&boot, "give it at least --mem 17M");
	}
}

static void a_guest_without_the_first_mebibyte_is_refused(void **state)
{
	(void)state;
	fake_boot_free(&boot);
	boot.mem = (struct guest_memory){0};
	assert_int_equal(memory_add(&boot.mem, 0, 0x80000), 0);
	boot.size = fake_bzimage(boot.image);
	assert_true(fake_boot_load(&boot) < 0);
	assert_non_null(strstr(boot.message, "memory: a kernel needs RAM from address 0"));
}

static void the_command_line_reaches_every_kernel_and_has_a_longest_length(void **state)
{
	static char longest[0x10000], longer[0x10001];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	memset(longest, 'x', sizeof(longest) - 1);
	for (const struct fake_kernel *kernel = fake_kernels; kernel->name; kernel++) {
		size_t takes = kernel->make == fake_bzimage || kernel->make == fake_vmlinux
				       ? 2047
				       : sizeof(longest) - 1;
		const char *most = longest + sizeof(longest) - 1 - takes;

		boot.size = kernel->make(boot.image);
		boot.request.cmdline = most;
		assert_int_equal(fake_boot_load(&boot), 0);
		assert_string_equal(fake_boot_at(&boot, 0x20000, takes + 1), most);
		boot.request.cmdline = longer + sizeof(longer) - 1 - takes - 1;
		fake_boot_refused(&boot, "takes a command line of at most");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(the_protocol_is_chosen_by_looking_into_the_file),
		TEST(a_forced_protocol_that_the_file_lacks_is_refused),
		TEST(a_file_of_no_known_format_is_refused),
		TEST(every_kernel_cut_short_anywhere_is_refused),
		TEST(a_kernel_that_became_shorter_is_an_error_at_the_next_reset),
		TEST(a_reset_loads_the_same_again_over_what_the_guest_left),
		TEST(a_kernel_of_too_small_a_guest_says_how_much_it_needs),
		TEST(a_guest_without_the_first_mebibyte_is_refused),
		TEST(the_command_line_reaches_every_kernel_and_has_a_longest_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
