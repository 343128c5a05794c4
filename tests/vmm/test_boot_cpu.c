/* test_boot_cpu.c: entry registers and the tables in RAM that they point at. */
#include "vmm/arch/x86/boot_cpu.h"

#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"

static struct guest_memory mem;

static int make_memory(void **state)
{
	(void)state;
	return memory_add(&mem, 0, 0x100000);
}

static int free_memory(void **state)
{
	(void)state;
	memory_free(&mem);
	return 0;
}

static uint64_t load(gpa_t gpa)
{
	const void *at = memory_range(&mem, gpa, 8, MEMORY_READ);

	assert_non_null(at);
	return load_le64(at);
}

/* What a CPU does with CR3 and an address: four-level walk, SDM volume 3, 4.5. */
static uint64_t translate(uint64_t cr3, uint64_t address)
{
	uint64_t table = cr3;

	for (int shift = 39; shift >= 21; shift -= 9) {
		uint64_t entry = load(table + (address >> shift & 0x1ff) * 8);

		assert_int_equal(entry & 3, 3); /* present, writable */
		if (shift == 21) {
			assert_true(entry & 0x80);
			return (entry & ~0x1fffffull) | (address & 0x1fffff);
		}
		table = entry & ~0xfffull;
	}
	return 0;
}

static void long_mode_maps_four_gib_to_themselves(void **state)
{
	static const uint64_t addresses[] = {0,		 0x1fffff,   0x200000,	0x3fffffff,
					     0x40000000, 0xc0000123, 0xffffffff};
	struct boot_entry entry = {.mode = BOOT_LONG_MODE, .rip = 0x1000200, .rsi = 0x7000};
	struct kvm_sregs sregs = {.apic_base = 0xfee00900};
	struct kvm_regs regs;

	(void)state;
	boot_cpu_tables(&mem, entry.mode);
	boot_registers(&entry, &regs, &sregs);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		assert_int_equal(translate(sregs.cr3, addresses[i]), addresses[i]);
	assert_int_equal(load(sregs.cr3 + 8), 0); /* nothing above */
}

static void long_mode_entry_is_what_the_64_bit_boot_protocol_says(void **state)
{
	struct boot_entry entry = {.mode = BOOT_LONG_MODE, .rip = 0x1000200, .rsi = 0x7000};
	struct kvm_sregs sregs = {.apic_base = 0xfee00900};
	struct kvm_regs regs;

	(void)state;
	boot_cpu_tables(&mem, entry.mode);
	boot_registers(&entry, &regs, &sregs);
	assert_int_equal(regs.rip, 0x1000200);
	assert_int_equal(regs.rsi, 0x7000);
	assert_int_equal(regs.rflags, 2); /* interrupts off */
	assert_int_equal(sregs.cs.selector, 0x10);
	assert_int_equal(sregs.cs.l, 1);
	assert_int_equal(sregs.cs.db, 0);
	assert_int_equal(sregs.ds.selector, 0x18);
	assert_int_equal(sregs.es.selector, 0x18);
	assert_int_equal(sregs.ss.selector, 0x18);
	assert_int_equal(sregs.cr0, 0x80000011);
	assert_int_equal(sregs.cr4, 0x20);
	assert_int_equal(sregs.efer, 0x500);
	assert_int_equal(sregs.apic_base, 0xfee00900);
	assert_int_equal(load(sregs.gdt.base + 0x10), 0x00af9b000000ffff);
	assert_int_equal(load(sregs.gdt.base + 0x18), 0x00cf93000000ffff);
	assert_int_equal(sregs.gdt.limit, 0x1f);
}

static void protected_mode_entry_is_flat_and_unpaged_with_a_tss(void **state)
{
	struct boot_entry entry = {
		.mode = BOOT_PROTECTED_MODE, .rip = 0x100000, .rax = 0x2badb002, .rbx = 0x8000};
	struct kvm_sregs sregs = {.cr3 = 0x9000, .cr4 = 0x20, .efer = 0x500};
	struct kvm_regs regs;

	(void)state;
	boot_cpu_tables(&mem, entry.mode);
	boot_registers(&entry, &regs, &sregs);
	assert_int_equal(regs.rip, 0x100000);
	assert_int_equal(regs.rax, 0x2badb002);
	assert_int_equal(regs.rbx, 0x8000);
	assert_int_equal(regs.rflags, 2);
	assert_int_equal(sregs.cr0, 0x11);
	assert_int_equal(sregs.cr4, 0);
	assert_int_equal(sregs.efer, 0);
	assert_int_equal(sregs.cs.db, 1);
	assert_int_equal(sregs.cs.l, 0);
	assert_int_equal(sregs.cs.base, 0);
	assert_int_equal(sregs.cs.limit, 0xffffffff);
	assert_int_equal(sregs.ss.db, 1);
	assert_int_equal(sregs.tr.base, LAYOUT_TSS);
	assert_int_equal(sregs.tr.limit, 0x67);
	assert_int_equal(sregs.tr.type, 0xb);
	assert_int_equal(load(sregs.gdt.base + 0x08), 0x00008b0006000067);
	assert_int_equal(load(sregs.gdt.base + 0x10), 0x00cf9b000000ffff);
	assert_int_equal(load(sregs.gdt.base + 0x18), 0x00cf93000000ffff);
}

static void tables_of_an_earlier_boot_are_overwritten(void **state)
{
	struct boot_entry entry = {.mode = BOOT_LONG_MODE};
	struct kvm_sregs sregs = {0};
	struct kvm_regs regs;

	(void)state;
	memset(memory_range(&mem, 0, 0x100000, MEMORY_WRITE), 0xa5, 0x100000);
	boot_cpu_tables(&mem, entry.mode);
	boot_registers(&entry, &regs, &sregs);
	assert_int_equal(load(sregs.gdt.base), 0);
	assert_int_equal(load(sregs.cr3 + 8), 0);
	assert_int_equal(translate(sregs.cr3, 0x12345678), 0x12345678);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_memory, free_memory)
		TEST(long_mode_maps_four_gib_to_themselves),
		TEST(long_mode_entry_is_what_the_64_bit_boot_protocol_says),
		TEST(protected_mode_entry_is_flat_and_unpaged_with_a_tss),
		TEST(tables_of_an_earlier_boot_are_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
