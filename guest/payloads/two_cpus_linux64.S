/*
 * two_cpus_linux64.S: does INIT and SIPI start the second CPU, in real mode at the page that the vector
 * names, and does its interrupt wake the first one from sleep?
 */
#include "payload.inc"

#define WAKE_VECTOR 0x60

start:
	prepare
	handle WAKE_VECTOR, wake
	enable_lapic
	place_trampoline
	store LAPIC_ICR_HIGH, 0x01000000	/* to APIC id 1 */
	store LAPIC_ICR, 0x00004500		/* INIT */
	store LAPIC_ICR_HIGH, 0x01000000
	store LAPIC_ICR, (0x00004600 | TRAMPOLINE >> 12) /* start */
	wait_for woken, 1
	cmpl $1, second_id
	expect e, 1
	cmpl $(TRAMPOLINE >> 4), second_cs
	expect e, 2
	answer 0

wake:
	incl woken
	store LAPIC_EOI, 0
	iretq

.section .rodata
.code16
trampoline:
	cli
	movw %cs, %ax
	movzwl %ax, %ebx
	movw %ax, %ds
	lgdtl (gdt_register - trampoline)
	movl $0x11, %eax
	movl %eax, %cr0
	ljmpl $0x10, $second
	.balign 4
gdt_register:
	.word 4 * 8 - 1
	.long gdt
trampoline_end:

	.balign 8
gdt:
	.quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff

.text
.code32
second:
	movw $0x18, %ax
	movw %ax, %ds
	movw %ax, %ss
	movl $second_stack_top, %esp
	movl %ebx, second_cs
	movl $0x1ff, LAPIC_SPURIOUS
	movl LAPIC_ID, %eax
	shrl $24, %eax
	movl %eax, second_id
	movl $0, LAPIC_ICR_HIGH			/* to APIC id 0 */
	movl $(0x00004000 | WAKE_VECTOR), LAPIC_ICR
sleep:
	hlt
	jmp sleep

.section .bss
	.balign 4
woken:	.skip 4
second_id:
	.skip 4
second_cs:
	.skip 4
	.skip 256
second_stack_top:
