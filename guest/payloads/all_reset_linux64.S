/*
 * all_reset_linux64.S: all CPUs ask for a reset at once, again and again: is each of the starts that
 * follow a whole one? NVRAM, which a reset keeps, counts them. Answers 42, as no end by itself does.
 */
#include "payload.inc"

#define COUNTER 0x60	/* in NVRAM */
#define STARTS 50

start:
	prepare
	enable_lapic
	out_byte RTC_INDEX, COUNTER
	in_byte RTC_DATA
	incb %al
	outb %al, %dx
	cmpb $STARTS, %al
	jb again
	answer 42

again:
	place_trampoline
	start_others
	movw $RESET_REGISTER, %dx
	movb $1, %al
	movl $1000, %ecx			/* as long as it takes the others */
delay:
	inb $0x80, %al
	loop delay
	movb $1, %al
reset:
	outb %al, %dx
	jmp reset

.section .rodata
.code16
trampoline:
	cli
	movw $RESET_REGISTER, %dx
	movb $1, %al
1:	outb %al, %dx
	jmp 1b
trampoline_end:
