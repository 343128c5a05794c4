/*
 * reset.S: does each way of resetting the machine start the kernel anew, with everything in its
 * power-on state? NVRAM, which a reset keeps, counts the starts.
 */
#include "payload.inc"

#define COUNTER 0x60	/* in NVRAM */
#define STRAY_VECTOR 0x70

start:
	cmpl $0x2badb002, %eax		/* as at the first start: Multiboot's registers */
	expect e, 1
	cmpl $0x12345678, not_zeroed	/* and memory: data loaded, bss zeroed */
	expect e, 2
	cmpl $0, zeroed
	expect e, 3
	movl $0x99999999, not_zeroed
	movl $0x99999999, zeroed

	movl LAPIC_SPURIOUS, %eax	/* local APIC: off, no timer */
	testl $0x100, %eax
	expect z, 4
	cmpl $0, LAPIC_INITIAL_COUNT
	expect e, 5
	movl $(0x10 + 2 * 4), IOAPIC	/* IOAPIC: masked */
	movl IOAPIC_DATA, %eax
	testl $0x10000, %eax
	expect nz, 6
	in_byte COM1 + 1		/* UART: no interrupts */
	testb %al, %al
	expect z, 7
	in_byte 0x21			/* 8259: no masks set yet */
	testb %al, %al
	expect z, 8

	movl $0x1ff, LAPIC_SPURIOUS	/* now make a mess of all that */
	movl $(0x20000 | STRAY_VECTOR), LAPIC_TIMER
	movl $1000, LAPIC_INITIAL_COUNT
	movl $STRAY_VECTOR, IOAPIC_DATA	/* pin 4, still selected */
	out_byte COM1 + 4, 0x0b
	out_byte COM1 + 1, 0x02
	out_byte 0x21, 0xff

	out_byte RTC_INDEX, COUNTER
	in_byte RTC_DATA
	incb %al
	outb %al, %dx
	cmpb $1, %al
	je by_i8042
	cmpb $2, %al
	je by_acpi
	cmpb $3, %al
	je by_triple_fault
	cmpb $4, %al
	expect e, 9
	answer 0

by_i8042:
	out_byte I8042_COMMAND, 0xfe
	jmp wait
by_acpi:
	out_byte RESET_REGISTER, 1
	jmp wait
by_triple_fault:
	ud2				/* the table has no gate for it, nor for what follows */
wait:
	cli
	hlt
	jmp wait

.section .data
	.balign 4
not_zeroed:
	.long 0x12345678

.section .bss
	.balign 4
zeroed:	.skip 4
