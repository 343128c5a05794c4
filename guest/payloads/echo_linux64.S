/*
 * echo_linux64.S: does input from the host arrive, by interrupt, without a byte lost? Echoes what it gets up
 * to a line's end, asleep in between.
 */
#include "payload.inc"

#define UART_VECTOR 0x44

start:
	prepare
	handle UART_VECTOR, uart
	enable_lapic
	route_pin 4, UART_VECTOR
	out_byte COM1 + 2, 0x07		/* FIFOs on and empty */
	out_byte COM1 + 4, 0x0b
	out_byte COM1 + 1, 0x01		/* received data */
	wait_for done, 1
	answer 0

uart:
more:
	in_byte COM1 + 5
	testb $1, %al			/* data ready */
	jz empty
	in_byte COM1
	outb %al, %dx
	cmpb $'\n', %al
	jne more
	movl $1, done
empty:
	store LAPIC_EOI, 0
	iretq

.section .bss
	.balign 4
done:	.skip 4
