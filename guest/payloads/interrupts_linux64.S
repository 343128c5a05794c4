/*
 * interrupts_linux64.S: do device interrupts reach a sleeping CPU through the IOAPIC, and only when they
 * are wanted? The UART's transmitter (pin 4) and the clock's periodic and update interrupts (pin 8).
 */
#include "payload.inc"

#define UART_VECTOR 0x44
#define CLOCK_VECTOR 0x48

start:
	prepare
	handle UART_VECTOR, uart
	handle CLOCK_VECTOR, clock
	enable_lapic
	route_pin 4, UART_VECTOR
	route_pin 8, CLOCK_VECTOR

	out_byte COM1 + 4, 0x0b		/* DTR, RTS, and OUT2, which lets interrupts out */
	sti				/* nothing is wanted yet */
	nop
	cli
	cmpl $0, uarts
	expect e, 1
	out_byte COM1 + 1, 0x02		/* transmitter empty: it is, at once */
	wait_for uarts, 1
	out_byte COM1, '.'		/* and again, once a byte is gone */
	wait_for uarts, 2
	out_byte COM1, '\n'
	wait_for uarts, 3
	out_byte COM1 + 1, 0
	cmpl $3, uarts
	expect e, 2

	out_byte RTC_INDEX, 0x0c	/* forget what was */
	in_byte RTC_DATA
	out_byte RTC_INDEX, 0x0a	/* 1024 times a second */
	out_byte RTC_DATA, 0x26
	out_byte RTC_INDEX, 0x0b	/* periodic, 24 hours */
	out_byte RTC_DATA, 0x42
	wait_for clocks, 5
	out_byte RTC_INDEX, 0x0b
	out_byte RTC_DATA, 0x02
	testb $0xc0, flags		/* register C said so: IRQF and PF */
	expect nz, 3
	answer 0

uart:
	in_byte COM1 + 2		/* IIR: reading it takes the interrupt back */
	andb $0x0f, %al
	cmpb $0x02, %al
	expect e, 4
	incl uarts
	store LAPIC_EOI, 0
	iretq

clock:
	out_byte RTC_INDEX, 0x0c
	in_byte RTC_DATA
	movb %al, flags
	incl clocks
	store LAPIC_EOI, 0
	iretq

.section .bss
	.balign 4
uarts:	.skip 4
clocks:	.skip 4
flags:	.skip 1
