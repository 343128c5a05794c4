/*
 * unclaimed.S: do ports and addresses that nobody answers read as all ones, in every width, and
 * swallow what is written?
 */
#include "payload.inc"

start:
	movw $NO_PORT, %dx
	movl $0x12345678, %eax
	outb %al, %dx
	outw %ax, %dx
	outl %eax, %dx
	inb %dx, %al
	cmpl $0x123456ff, %eax
	expect e, 1
	inw %dx, %ax
	cmpl $0x1234ffff, %eax
	expect e, 2
	inl %dx, %eax
	cmpl $0xffffffff, %eax
	expect e, 3

	movl $0x12345678, %eax
	movb %al, NOWHERE
	movw %ax, NOWHERE
	movl %eax, NOWHERE
	movb NOWHERE, %al
	cmpl $0x123456ff, %eax
	expect e, 4
	movw NOWHERE, %ax
	cmpl $0x1234ffff, %eax
	expect e, 5
	movl NOWHERE, %eax
	cmpl $0xffffffff, %eax
	expect e, 6
	movl NOWHERE + 0xffd, %eax	/* over a page's end: 3 bytes and 1 */
	cmpl $0xffffffff, %eax
	expect e, 7
	movl $0x12345678, NOWHERE + 0xffe
	movl $0, %eax
	movl $0, %edx
	movl $0x11111111, %ebx
	movl $0x22222222, %ecx
	lock cmpxchg8b NOWHERE + 8	/* eight bytes at once */
	cmpl $0xffffffff, %eax
	expect e, 8
	cmpl $0xffffffff, %edx
	expect e, 9
	answer 0
