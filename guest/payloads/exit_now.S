/*
 * exit_now.S: ends the run at its first instruction, for scripts/bench-start. The status is what a
 * Multiboot loader leaves in AL: 2.
 */
#include "payload.inc"

start:
	outb %al, $DEBUG_EXIT
stop:
	hlt
	jmp stop
