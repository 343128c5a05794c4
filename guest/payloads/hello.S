/*
 * hello.S: the smallest kernel with something to say: a line at the serial port, and the end.
 *
 *	minivmm run --kernel build/guest/payloads/hello
 *
 * To start your own, copy this file: a Multiboot header in the first 8 KiB, and an entry point that
 * finds flat 32-bit segments, no paging, no interrupts and no stack.
 */
.section .multiboot, "a"
	.long 0x1badb002			/* the magic number */
	.long 3					/* wants page-aligned modules and a memory map */
	.long -(0x1badb002 + 3)			/* the sum is zero */

.text
.globl start
start:
	cmpl $0x2badb002, %eax			/* in EAX, when a Multiboot loader started us */
	jne end
	movl $message, %esi
	movw $0x3f8, %dx			/* the first serial port's data register */
next:
	lodsb
	testb %al, %al
	jz end
	outb %al, %dx
	jmp next
end:
	movb $0, %al				/* our exit status becomes minivmm's */
	outb %al, $0xf4
	cli
stop:
	hlt
	jmp stop

.section .rodata
message:
	.asciz "Hello from a kernel of forty lines.\r\n"
