/*
 * all_cpus_linux64.S: do INIT and SIPI, sent to all at once, start every CPU there is? The command line
 * begins with their number; the CPU that is the last to come up answers with how many came.
 */
#include "payload.inc"

#define CMD_LINE_PTR 0x228	/* in the zero page */
#define TRAMPOLINE 0x90000

start:
	prepare
	enable_lapic
	movl CMD_LINE_PTR(%rsi), %ebx
	xorl %eax, %eax
digit:
	movzbl (%rbx), %ecx
	subl $'0', %ecx
	cmpl $9, %ecx
	ja digits_end
	imull $10, %eax
	addl %ecx, %eax
	incl %ebx
	jmp digit
digits_end:
	movw %ax, expected
	cld
	movl $trampoline, %esi
	movl $TRAMPOLINE, %edi
	movl $(trampoline_end - trampoline), %ecx
	rep movsb

	store LAPIC_ICR, 0x000c4500		/* INIT, to all but this one */
	store LAPIC_ICR, (0x000c4600 | TRAMPOLINE >> 12) /* start */
	cli
sleep:
	hlt
	jmp sleep

.data
.code16
trampoline:
	cli
	movw %cs, %ax
	movw %ax, %ds
	movw $1, %ax
	lock xaddw %ax, (count - trampoline)
	incw %ax
	cmpw (expected - trampoline), %ax
	jne 1f
	outw %ax, $DEBUG_EXIT
1:	hlt
	jmp 1b
	.balign 2
count:
	.word 1					/* the CPU that starts the others */
expected:
	.word 0
trampoline_end:
