/*
 * generation_linux64.S: is the VM generation where ACPI says, in the form that its specifications
 * want, and the same after a reset, even where the guest spoiled it? RAM, which a reset keeps, holds
 * what the first start saw.
 */
#include "payload.inc"

#define VMCLOCK 0xd0000		/* a page */
#define VMGENID 0xd1000		/* 16 bytes */
#define SEEN 0x3000000		/* the mark, then id and counter as seen at the first start */
#define MARK 0x6e656573		/* "seen" */

.text
start:
	movl $VMCLOCK, %ebx
	movl $VMGENID, %ecx
	movl $SEEN, %edi
	cmpl $0x4b4c4356, (%rbx)	/* the magic, "VCLK" */
	expect e, 1
	cmpl $4096, 4(%rbx)		/* all of the page is the structure's */
	expect e, 2
	cmpw $1, 8(%rbx)		/* its version */
	expect e, 3
	cmpb $0xff, 10(%rbx)		/* no counter that would tell the time */
	expect e, 4
	testl $1, 12(%rbx)		/* the sequence: no update is going on */
	expect z, 5
	cmpq $0, 16(%rbx)		/* the disruption marker: none yet */
	expect e, 6
	cmpq $0x300, 24(%rbx)		/* flags: there is a generation counter, and notification */
	expect e, 7
	movq 104(%rbx), %r8		/* the generation counter */
	testq %r8, %r8
	expect nz, 8
	movq (%rcx), %r9		/* the id: random, version 4 in the byte where SMBIOS has it */
	movq 8(%rcx), %r10
	movq %r9, %rax
	shrq $60, %rax
	cmpb $4, %al
	expect e, 9
	movb %r10b, %al
	andb $0xc0, %al
	cmpb $0x80, %al
	expect e, 10

	cmpl $MARK, (%rdi)
	je again
	movl $MARK, (%rdi)
	movq %r8, 8(%rdi)
	movq %r9, 16(%rdi)
	movq %r10, 24(%rdi)
	movq $-1, 104(%rbx)		/* it is the guest's to spoil */
	movl $1, 12(%rbx)
	movq $-1, (%rcx)
	out_byte RESET_REGISTER, 1
wait:	cli
	hlt
	jmp wait

again:
	cmpq %r8, 8(%rdi)
	expect e, 11
	cmpq %r9, 16(%rdi)
	expect e, 12
	cmpq %r10, 24(%rdi)
	expect e, 13
	answer 0
