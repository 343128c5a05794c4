/*
 * debug_exit.S: is a status of every width handed over? The command line's first letter chooses:
 * b a byte (42), w a word (300), d a double word (0x12345678), z a zero in a word.
 */
#include "payload.inc"

start:
	movl 16(%ebx), %esi		/* the command line, Multiboot 3.3 */
	movb (%esi), %cl
	movw $DEBUG_EXIT, %dx
	cmpb $'b', %cl
	je byte
	cmpb $'w', %cl
	je word
	cmpb $'d', %cl
	je double_word
	cmpb $'z', %cl
	expect e, 1
	movw $0, %ax
	outw %ax, %dx
	jmp end
byte:
	movb $42, %al
	outb %al, %dx
	jmp end
word:
	movw $300, %ax
	outw %ax, %dx
	jmp end
double_word:
	movl $0x12345678, %eax
	outl %eax, %dx
end:
	cli
	hlt
	jmp end
