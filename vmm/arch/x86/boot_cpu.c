/*
 * boot_cpu.c: the entry states of Documentation/arch/x86/boot.rst ("64-bit Boot Protocol"), of the
 * x86/HVM direct boot ABI (PVH) and of Multiboot 0.6.96, section 3.2, in one place: they differ in
 * mode and in a few registers only.
 */
#include "vmm/arch/x86/boot_cpu.h"

#include <assert.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"

enum {
	/* Selectors; code and data are where the 64-bit boot protocol wants them. */
	SELECTOR_TSS = 0x08,
	SELECTOR_CODE = 0x10,
	SELECTOR_DATA = 0x18,
	GDT_SIZE = 0x20,
	TSS_SIZE = 0x68,

	TYPE_DATA = 0x3,  /* read, write, accessed */
	TYPE_CODE = 0xb,  /* execute, read, accessed */
	TYPE_TSS32 = 0xb, /* busy 32-bit TSS; in long mode the busy 64-bit one */

	CR0_PE = 1u << 0,
	CR0_ET = 1u << 4, /* always reads as one */
	CR0_PG = 1u << 31,
	CR4_PAE = 1u << 5,
	EFER_LME = 1u << 8,
	EFER_LMA = 1u << 10,
	RFLAGS_FIXED = 1u << 1,

	PAGE_PRESENT = 1u << 0,
	PAGE_WRITE = 1u << 1,
	PAGE_LARGE = 1u << 7,
	TABLE_SIZE = 4096,
	TABLE_ENTRIES = 512,
	MAPPED_GIB = 4,
};

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = UINT32_MAX,
		.type = type,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};
}

static struct kvm_segment code_segment(enum boot_mode mode)
{
	struct kvm_segment code = flat_segment(SELECTOR_CODE, TYPE_CODE);

	code.l = mode == BOOT_LONG_MODE;
	code.db = mode != BOOT_LONG_MODE;
	return code;
}

static struct kvm_segment tss_segment(void)
{
	return (struct kvm_segment){
		.selector = SELECTOR_TSS,
		.base = LAYOUT_TSS,
		.limit = TSS_SIZE - 1,
		.type = TYPE_TSS32,
		.present = 1,
	};
}

/* The GDT's form of a segment (SDM volume 3, 3.4.5), so that a reload changes nothing. */
static uint64_t segment_descriptor(const struct kvm_segment *segment)
{
	uint32_t limit = segment->g ? segment->limit >> 12 : segment->limit;

	return (limit & 0xffff) | (segment->base & 0xffffff) << 16 | (uint64_t)segment->type << 40 |
	       (uint64_t)segment->s << 44 | (uint64_t)segment->dpl << 45 |
	       (uint64_t)segment->present << 47 | (uint64_t)(limit >> 16 & 0xf) << 48 |
	       (uint64_t)segment->l << 53 | (uint64_t)segment->db << 54 |
	       (uint64_t)segment->g << 55 | (segment->base >> 24 & 0xff) << 56;
}

static void write_gdt(const struct guest_memory *mem, enum boot_mode mode)
{
	struct kvm_segment code = code_segment(mode);
	struct kvm_segment data = flat_segment(SELECTOR_DATA, TYPE_DATA);
	struct kvm_segment tss = tss_segment();
	uint8_t *gdt = memory_range(mem, LAYOUT_GDT, GDT_SIZE, MEMORY_WRITE);
	uint8_t *task = memory_range(mem, LAYOUT_TSS, TSS_SIZE, MEMORY_WRITE);

	assert(gdt && task);
	memset(task, 0, TSS_SIZE);
	memset(gdt, 0, GDT_SIZE);
	store_le64(gdt + SELECTOR_CODE, segment_descriptor(&code));
	store_le64(gdt + SELECTOR_DATA, segment_descriptor(&data));
	/* In long mode a TSS takes two slots; there TR is left as power-on made it. */
	if (mode == BOOT_PROTECTED_MODE)
		store_le64(gdt + SELECTOR_TSS, segment_descriptor(&tss));
}

static void write_page_tables(const struct guest_memory *mem)
{
	const gpa_t pml4 = LAYOUT_PAGE_TABLES, pdpt = pml4 + TABLE_SIZE,
		    directories = pdpt + TABLE_SIZE;
	uint8_t *tables =
		memory_range(mem, pml4, (2 + MAPPED_GIB) * (uint64_t)TABLE_SIZE, MEMORY_WRITE);
	uint8_t *entry;

	assert(tables);
	memset(tables, 0, 2 * TABLE_SIZE);
	store_le64(tables, pdpt | PAGE_PRESENT | PAGE_WRITE);
	entry = tables + TABLE_SIZE;
	for (uint64_t i = 0; i < MAPPED_GIB; i++, entry += 8)
		store_le64(entry, (directories + i * TABLE_SIZE) | PAGE_PRESENT | PAGE_WRITE);
	entry = tables + 2 * TABLE_SIZE;
	for (uint64_t i = 0; i < MAPPED_GIB * TABLE_ENTRIES; i++, entry += 8)
		store_le64(entry, i << 21 | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE);
}

void boot_cpu_tables(const struct guest_memory *mem, enum boot_mode mode)
{
	write_gdt(mem, mode);
	if (mode == BOOT_LONG_MODE)
		write_page_tables(mem);
}

void boot_registers(const struct boot_entry *entry, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
	struct kvm_segment data = flat_segment(SELECTOR_DATA, TYPE_DATA);

	*regs = (struct kvm_regs){
		.rip = entry->rip,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rsi = entry->rsi,
		.rflags = RFLAGS_FIXED,
	};
	sregs->cs = code_segment(entry->mode);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->gdt = (struct kvm_dtable){.base = LAYOUT_GDT, .limit = GDT_SIZE - 1};
	/* No protocol promises an IDT; an empty one turns an early fault into a triple fault. */
	sregs->idt = (struct kvm_dtable){.base = LAYOUT_IDT, .limit = 0};
	if (entry->mode == BOOT_LONG_MODE) {
		sregs->cr0 = CR0_PE | CR0_ET | CR0_PG;
		sregs->cr3 = LAYOUT_PAGE_TABLES;
		sregs->cr4 = CR4_PAE;
		sregs->efer = EFER_LME | EFER_LMA;
	} else {
		sregs->tr = tss_segment();
		sregs->cr0 = CR0_PE | CR0_ET;
		sregs->cr3 = 0;
		sregs->cr4 = 0;
		sregs->efer = 0;
	}
}
