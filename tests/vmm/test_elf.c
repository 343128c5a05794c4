/* test_elf.c: ELF headers, segments and notes, right and wrong. */
#include "vmm/arch/x86/elf.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
	boot.size = fake_vmlinux(boot.image);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_boot_free(&boot);
	return 0;
}

static Elf64_Phdr *segment(void)
{
	return (Elf64_Phdr *)(boot.image + FAKE_ELF_PHDRS);
}

static struct elf_image parse(void)
{
	struct elf_image elf;

	fake_boot_load(&boot);
	assert_int_equal(elf_parse(&boot.kernel, &elf), 0);
	return elf;
}

static void both_classes_are_understood(void **state)
{
	struct elf_image elf;

	(void)state;
	elf = parse();
	assert_true(elf.is_64bit && elf.is_linux && elf.has_pvh_entry);
	assert_int_equal(elf.pvh_entry, FAKE_KERNEL_LOAD + FAKE_KERNEL_PVH_ENTRY);
	assert_int_equal(elf.nsegments, 1);
	assert_int_equal(elf.segments[0].vaddr, 0xffffffff81000000);
	boot.size = fake_pvh(boot.image);
	elf = parse();
	assert_true(!elf.is_64bit && !elf.is_linux && elf.has_pvh_entry);
	assert_int_equal(elf.pvh_entry, FAKE_KERNEL_LOAD + FAKE_KERNEL_PVH_ENTRY);
	assert_int_equal(elf.segments[0].paddr, FAKE_KERNEL_LOAD);
	assert_int_equal(elf.segments[0].file_size, FAKE_KERNEL_CODE);
	assert_int_equal(elf.segments[0].mem_size, FAKE_KERNEL_MEMORY);
}

static void linux_is_known_by_its_own_notes_or_by_its_guest_os_for_xen(void **state)
{
	static const uint8_t guest_os[] = "\4\0\0\0\6\0\0\0\6\0\0\0Xen\0linux";
	static const uint8_t netbsd[] = "\4\0\0\0\6\0\0\0\6\0\0\0Xen\0NetBS";

	(void)state;
	memcpy(boot.image + FAKE_ELF_NOTES, guest_os, sizeof(guest_os));
	segment()[1].p_filesz = sizeof(guest_os); /* not padded: the end of the list */
	assert_true(parse().is_linux);
	memcpy(boot.image + FAKE_ELF_NOTES, netbsd, sizeof(netbsd));
	assert_false(parse().is_linux);
	segment()[1].p_filesz = 0;
	assert_false(parse().is_linux);
}

static void notes_with_8_byte_alignment_are_followed(void **state)
{
	static const uint8_t notes[] = "\4\0\0\0\1\0\0\0\5\0\0\0GNU\0x\0\0\0\0\0\0\0"
				       "\6\0\0\0\4\0\0\0\0\0\0\0Linux\0\0\0\0\0\0\0\0\0\0";

	(void)state;
	memcpy(boot.image + FAKE_ELF_NOTES, notes, sizeof(notes));
	segment()[1].p_filesz = sizeof(notes);
	segment()[1].p_align = 8;
	assert_true(parse().is_linux);
	segment()[1].p_align = 4;
	assert_false(parse().is_linux);
}

static void notes_that_make_no_sense_end_the_list(void **state)
{
	static const uint32_t sizes[] = {0xffffffff, 0xfffffffc, 0x80000000, 0x1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		boot.size = fake_vmlinux(boot.image);
		store_le32(boot.image + FAKE_ELF_NOTES, sizes[i]);
		assert_false(parse().is_linux);
		boot.size = fake_vmlinux(boot.image);
		store_le32(boot.image + FAKE_ELF_NOTES + 4, sizes[i]);
		assert_false(parse().is_linux);
	}
}

static void a_segment_of_zeroes_may_lie_behind_the_files_end(void **state)
{
	struct elf_image elf;

	(void)state;
	segment()[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = 0x100000, .p_paddr = 0x2000000, .p_memsz = 0x1000};
	elf = parse();
	assert_int_equal(elf.nsegments, 2);
	assert_int_equal(elf.segments[1].file_size, 0);
}

static void segments_of_no_size_and_other_types_are_not_loaded(void **state)
{
	(void)state;
	segment()[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = UINT64_MAX};
	assert_int_equal(parse().nsegments, 1);
	segment()[1] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_memsz = UINT64_MAX};
	assert_int_equal(parse().nsegments, 1);
}

static void an_entry_is_physical_where_it_can_be_and_else_translated(void **state)
{
	static const struct {
		uint64_t entry, physical; /* 0: none */
	} cases[] = {
		{FAKE_KERNEL_LOAD, FAKE_KERNEL_LOAD},
		{FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY - 1,
		 FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY - 1},
		{FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY, 0},
		{FAKE_KERNEL_LOAD - 1, 0},
		{0xffffffff81000040, FAKE_KERNEL_LOAD + 0x40},
		{0xffffffff81003000, 0},
		{UINT64_MAX, 0},
	};
	struct elf_image elf;

	(void)state;
	elf = parse();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t physical;

		elf.entry = cases[i].entry;
		assert_int_equal(elf_physical_entry(&elf, &physical), cases[i].physical != 0);
		if (cases[i].physical != 0)
			assert_int_equal(physical, cases[i].physical);
	}
}

/* One field of the ELF64 kernel wrong at a time: size bytes of value at offset in the file. */
static void files_that_make_no_sense_are_refused(void **state)
{
	enum {
		SEGMENT = FAKE_ELF_PHDRS,
		OFFSET = SEGMENT + offsetof(Elf64_Phdr, p_offset),
		VADDR = SEGMENT + offsetof(Elf64_Phdr, p_vaddr),
		PADDR = SEGMENT + offsetof(Elf64_Phdr, p_paddr),
		FILESZ = SEGMENT + offsetof(Elf64_Phdr, p_filesz),
		MEMSZ = SEGMENT + offsetof(Elf64_Phdr, p_memsz),
		NOTES = SEGMENT + sizeof(Elf64_Phdr),
	};
	static const struct {
		uint64_t offset;
		unsigned int size;
		uint64_t value;
		const char *text;
	} cases[] = {
		{EI_CLASS, 1, 0, "unknown class or byte order"},
		{EI_CLASS, 1, 3, "unknown class or byte order"},
		{EI_CLASS, 1, ELFCLASS32, "ELF"},
		{EI_DATA, 1, ELFDATA2MSB, "unknown class or byte order"},
		{offsetof(Elf64_Ehdr, e_type), 2, ET_REL, "no executable (e_type 1)"},
		{offsetof(Elf64_Ehdr, e_type), 2, ET_CORE, "no executable (e_type 4)"},
		{offsetof(Elf64_Ehdr, e_machine), 2, EM_AARCH64, "another machine (e_machine 183)"},
		{offsetof(Elf64_Ehdr, e_machine), 2, EM_386, "another machine (e_machine 3)"},
		{offsetof(Elf64_Ehdr, e_phentsize), 2, 0, "program headers of 0 bytes, not 56"},
		{offsetof(Elf64_Ehdr, e_phentsize), 2, 57, "program headers of 57 bytes"},
		{offsetof(Elf64_Ehdr, e_phnum), 2, 0, "without program headers"},
		{offsetof(Elf64_Ehdr, e_phnum), 2, 129, "129 ELF program headers, more than 128"},
		{offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff, "65535 ELF program headers"},
		{offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX, "is truncated"},
		{offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 55, "is truncated"},
		{offsetof(Elf64_Ehdr, e_phoff), 8, 0x17ff, "is truncated"},
		{SEGMENT, 4, PT_NULL, "without a segment to load"},
		{OFFSET, 8, 0x1001, "is truncated: an ELF segment"},
		{OFFSET, 8, UINT64_MAX, "is truncated: an ELF segment"},
		{OFFSET, 8, UINT64_MAX - 0x7ff, "is truncated: an ELF segment"},
		{FILESZ, 8, 0x801, "is truncated: an ELF segment"},
		{FILESZ, 8, FAKE_KERNEL_MEMORY + 1, "larger in the file than in memory"},
		{FILESZ, 8, UINT64_MAX, "larger in the file than in memory"},
		{MEMSZ, 8, 0, "without a segment to load"},
		{MEMSZ, 8, FAKE_KERNEL_CODE - 1, "larger in the file than in memory"},
		{MEMSZ, 8, UINT64_MAX, "wraps around"},
		{MEMSZ, 8, 0x3000001, "give it at least --mem 65M"},
		{MEMSZ, 8, 0x7f000000,
		 "its segment 0 (2130706432 bytes at 0x1000000) does not fit"},
		{VADDR, 8, UINT64_MAX - 1, "wraps around"},
		{PADDR, 8, UINT64_MAX, "wraps around"},
		{PADDR, 8, 0xfffff000, "leaves the guest's RAM"},
		{NOTES + offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX, "its ELF notes lie"},
		{NOTES + offsetof(Elf64_Phdr, p_filesz), 8, 0x1601, "its ELF notes lie"},
		{NOTES + offsetof(Elf64_Phdr, p_filesz), 8, UINT64_MAX, "its ELF notes lie"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = htole64(cases[i].value);

		boot.size = fake_vmlinux(boot.image);
		/* Found by its virtual address, so that a wrong physical one is seen as such. */
		store_le64(boot.image + 0x18, 0xffffffff81000000);
		memcpy(boot.image + cases[i].offset, &value, cases[i].size);
		if (cases[i].offset == VADDR)
			store_le64(boot.image + 0x18, FAKE_KERNEL_LOAD);
		fake_boot_refused(&boot, cases[i].text);
	}
}

static void segments_over_boot_structures_firmware_or_no_ram_are_refused(void **state)
{
	static const struct {
		uint64_t paddr;
		const char *text; /* NULL: fine */
	} cases[] = {
		{0, "overlaps boot structures"},
		{0x7000, "overlaps boot structures"},
		{0x2ffff, "overlaps boot structures"},
		{0x30000, NULL},
		{0x9d000, NULL},
		{0x9d001, "overlaps boot structures"},
		{0xa0000, "overlaps boot structures"},
		{0xfffff, "overlaps boot structures"},
		{0x100000, NULL},
		{(64 << 20) - 0x3000, NULL},
		{(64 << 20) - 0x2fff, "give it at least --mem 65M"},
		{0xbffff000, "leaves the guest's RAM"},
		{0xe8000000, "leaves the guest's RAM"},
		{0x100000000, "leaves the guest's RAM"},
	};

	(void)state;
	store_le64(boot.image + 0x18, 0xffffffff81000000);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool high = cases[i].paddr == 0x100000000;

		segment()->p_paddr = cases[i].paddr;
		if (cases[i].text)
			fake_boot_refused(&boot,
					  high ? "in no segment below 4 GiB" : cases[i].text);
		else
			assert_int_equal(fake_boot_load(&boot), 0);
	}
}

static void there_may_be_64_segments_but_not_more(void **state)
{
	Elf64_Phdr *segments = segment();
	Elf64_Phdr one = segments[0];

	(void)state;
	for (unsigned int i = 0; i < 65; i++)
		segments[i] = one;
	boot.image[FAKE_ELF_CODE - 1] = 0;
	store_le16(boot.image + offsetof(Elf64_Ehdr, e_phnum), 64);
	assert_int_equal(parse().nsegments, 64);
	store_le16(boot.image + offsetof(Elf64_Ehdr, e_phnum), 65);
	fake_boot_refused(&boot, "more than 64 ELF segments");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(both_classes_are_understood),
		TEST(linux_is_known_by_its_own_notes_or_by_its_guest_os_for_xen),
		TEST(notes_with_8_byte_alignment_are_followed),
		TEST(notes_that_make_no_sense_end_the_list),
		TEST(a_segment_of_zeroes_may_lie_behind_the_files_end),
		TEST(segments_of_no_size_and_other_types_are_not_loaded),
		TEST(an_entry_is_physical_where_it_can_be_and_else_translated),
		TEST(files_that_make_no_sense_are_refused),
		TEST(segments_over_boot_structures_firmware_or_no_ram_are_refused),
		TEST(there_may_be_64_segments_but_not_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
