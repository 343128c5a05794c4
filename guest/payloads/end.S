/*
 * end.S: how does the run end? The command line's first letter chooses: p power-off by ACPI, r reset
 * by ACPI, t triple fault, k reset by the keyboard controller, n panic and reset, h sleep for ever,
 * x run where there is no memory.
 */
#include "payload.inc"

start:
	movl 16(%ebx), %esi		/* the command line, Multiboot 3.3 */
	movb (%esi), %cl
	cmpb $'p', %cl
	je power_off
	cmpb $'r', %cl
	je reset
	cmpb $'t', %cl
	je triple_fault
	cmpb $'k', %cl
	je keyboard
	cmpb $'n', %cl
	je panic
	cmpb $'h', %cl
	je sleep
	cmpb $'x', %cl
	je nowhere
	answer 1

power_off:
	out_byte SLEEP_CONTROL, (5 << 2 | 1 << 5) /* S5, and SLP_EN */
	jmp sleep
panic:
	out_byte PVPANIC, 1
reset:
	out_byte RESET_REGISTER, 1
	jmp sleep
keyboard:
	out_byte I8042_COMMAND, 0xfe
	jmp sleep
triple_fault:
	ud2
nowhere:
	movl $NOWHERE, %eax
	jmp *%eax
sleep:
	cli
	hlt
	jmp sleep
