/*
 * access.S: do devices see accesses of every width as they are made? Ports: the UART's scratch
 * register, the ACPI timer, the clock. Memory: the APICs' registers.
 */
#include "payload.inc"

start:
	out_byte COM1 + 7, 0x5a		/* a byte: the scratch register holds it */
	xorl %eax, %eax
	inb %dx, %al
	cmpl $0x5a, %eax
	expect e, 1
	movb $0xa5, %al
	outb %al, %dx
	inb %dx, %al
	cmpb $0xa5, %al
	expect e, 2

	movw $PM_TIMER, %dx		/* a double word: a counter that moves on */
	inl %dx, %eax
	movl %eax, %ebx
	movl $1000, %ecx
again:
	inl %dx, %eax
	cmpl %eax, %ebx
	jne moved
	loop again
	answer 3
moved:
	inw %dx, %ax			/* a word of it does not stand at all ones */
	movw %ax, %bx
	inw %dx, %ax
	andw %bx, %ax
	cmpw $0xffff, %ax
	expect ne, 4

	out_byte RTC_INDEX, 0x0d	/* the clock says that its battery is good */
	in_byte RTC_DATA
	testb $0x80, %al
	expect nz, 5
	out_byte RTC_INDEX, 0x50	/* and keeps a byte of NVRAM */
	out_byte RTC_DATA, 0x3c
	in_byte RTC_DATA
	cmpb $0x3c, %al
	expect e, 6

	movl LAPIC_VERSION, %eax	/* an APIC that is not the old discrete one */
	andl $0xff, %eax
	cmpl $0x10, %eax
	expect ae, 7
	movl $1, IOAPIC			/* the IOAPIC's version register: 24 pins */
	movl IOAPIC_DATA, %eax
	shrl $16, %eax
	andl $0xff, %eax
	cmpl $23, %eax
	expect e, 8
	answer 0
