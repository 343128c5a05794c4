/*
 * entry_linux64.S: is the entry what Linux's 64-bit boot protocol says? Registers, page tables, zero
 * page, command line "linux64", an initrd that begins with "initrd!", seed, and the RSDP.
 */
#include "payload.inc"

.text
start:
	movw %cs, %ax
	cmpw $0x10, %ax
	expect e, 1
	movw %ds, %ax
	cmpw $0x18, %ax
	expect e, 2
	movq %cr0, %rax
	btq $31, %rax
	expect c, 3
	cmpl $0x53726448, 0x202(%rsi)	/* "HdrS" */
	expect e, 4
	cmpb $0, 0x1ef(%rsi)		/* the sentinel */
	expect e, 5
	cmpb $3, 0x1e8(%rsi)		/* e820 entries */
	expect ae, 6
	movl CMD_LINE_PTR(%rsi), %edi
	movabsq $0x00343678756e696c, %rax /* "linux64" */
	cmpq %rax, (%rdi)
	expect e, 7
	movl 0x218(%rsi), %edi		/* the initrd */
	cmpl $0x74696e69, (%rdi)
	expect e, 8
	movq 0x250(%rsi), %rdi		/* setup_data: a seed */
	cmpl $9, 8(%rdi)
	expect e, 9
	cmpl $32, 12(%rdi)
	expect e, 10
	movq 0x70(%rsi), %rdi		/* acpi_rsdp_addr */
	movabsq $0x2052545020445352, %rax /* "RSD PTR " */
	cmpq %rax, (%rdi)
	expect e, 11
	answer 0
