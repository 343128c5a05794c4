/*
 * entry_pvh.S: is the entry what the PVH ABI says? Registers, start info, command line "pvh", an
 * initrd that begins with "initrd!" as the first module, and the RSDP.
 */
#include "payload.inc"

.section .notes, "a", @note
	.long 4, 4, 18			/* owner, descriptor, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

.text
start:
	cmpl $0x336ec578, (%ebx)
	expect e, 1
	cmpl $1, 4(%ebx)		/* the version */
	expect ae, 2
	movl %cr0, %eax
	andl $0x80000001, %eax
	cmpl $1, %eax
	expect e, 3
	movl %cr4, %eax
	testl %eax, %eax
	expect z, 4
	cmpl $1, 12(%ebx)		/* one module */
	expect e, 5
	movl 16(%ebx), %esi
	movl (%esi), %esi
	cmpl $0x74696e69, (%esi)	/* "init" */
	expect e, 6
	movl 24(%ebx), %esi
	cmpl $0x00687670, (%esi)	/* "pvh" */
	expect e, 7
	movl 32(%ebx), %esi
	cmpl $0x20445352, (%esi)	/* "RSD PTR " */
	expect e, 8
	cmpl $0x20525450, 4(%esi)
	expect e, 9
	cmpl $3, 48(%ebx)		/* a memory map, from 0 on, of RAM */
	expect ae, 10
	movl 40(%ebx), %esi
	cmpl $0, (%esi)
	expect e, 11
	cmpl $1, 16(%esi)
	expect e, 12
	str %ax				/* a task register that is loaded */
	testw %ax, %ax
	expect nz, 13
	answer 0
