/*
 * all_cpus_linux64.S: do INIT and SIPI, sent to all at once, start every CPU there is? The command line
 * begins with their number; the CPU that is the last to come up answers with how many came.
 */
#include "payload.inc"

start:
	prepare
	enable_lapic
	command_line_number
	movw %ax, expected
	place_trampoline
	start_others
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
