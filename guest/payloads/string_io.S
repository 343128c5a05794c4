/*
 * string_io.S: are string instructions the same as their elements one by one? REP OUTSB writes a
 * line, over a page's end, to the serial port; REP INS reads what single reads read; a count of
 * zero does nothing.
 */
#include "payload.inc"

start:
	cld
	movw $COM1, %dx
	movl $line, %esi
	movl $(line_end - line), %ecx
	rep outsb
	testl %ecx, %ecx
	expect z, 1
	cmpl $line_end, %esi
	expect e, 2
	rep outsb			/* ECX is zero */
	cmpl $line_end, %esi
	expect e, 3

	movw $(COM1 + 7), %dx		/* the scratch register, over a page's end */
	movb $0x69, %al
	outb %al, %dx
	movl $(page_end - 100), %edi
	movl $200, %ecx
	rep insb
	cmpl $(page_end + 100), %edi
	expect e, 4
	movl $(page_end - 100), %edi
	movl $200, %ecx
	movb $0x69, %al
	repe scasb
	expect e, 5
	cmpb $0, page_end + 100		/* and not one more */
	expect e, 6

	movw $NO_PORT, %dx
	movl $(page_end - 10), %edi	/* elements of two and four bytes across the page's end */
	movl $9, %ecx
	rep insw
	cmpl $(page_end + 8), %edi
	expect e, 7
	movl $(page_end - 6), %edi
	movl $3, %ecx
	rep insl
	cmpl $0xffffffff, page_end - 2
	expect e, 8
	movl $page_end, %esi
	movl $5, %ecx
	rep outsl
	cmpl $(page_end + 20), %esi
	expect e, 9
	std				/* downwards */
	movl $(page_end + 3), %edi
	movl $8, %ecx
	movw $(COM1 + 7), %dx
	rep insb
	cld
	cmpl $0x69696969, page_end - 4
	expect e, 10
	cmpl $(page_end - 5), %edi
	expect e, 11
	answer 0

.section .data
	.balign 4096
	.skip 4096 - 16
line:
	.ascii "strings go over the end of a page\n"
line_end:

.section .bss
	.balign 4096
	.skip 4096
page_end:
	.skip 4096
