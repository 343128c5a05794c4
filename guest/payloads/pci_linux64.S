/*
 * pci_linux64.S: is PCI configuration space the same through ports and through memory, in every
 * width? Asked of the host bridge, and of a device that is not there.
 */
#include "payload.inc"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define ECAM 0xe8000000
#define MISSING (0x1f << 15)		/* bus 0, device 31: offset in memory */

.macro select address
	movl $\address, %eax
	movw $CONFIG_ADDRESS, %dx
	outl %eax, %dx
	movw $CONFIG_DATA, %dx
.endm

.text
start:
	movl $ECAM, %ebx
	select 0x80000000		/* 00:00.0: vendor and device */
	inl %dx, %eax
	cmpl $0xffffffff, %eax
	expect ne, 1
	cmpl %eax, (%rbx)
	expect e, 2
	movl %eax, %ecx

	inw %dx, %ax			/* the vendor */
	cmpw %cx, %ax
	expect e, 3
	cmpw %cx, (%rbx)
	expect e, 4
	inb %dx, %al
	cmpb %cl, %al
	expect e, 5
	cmpb %cl, (%rbx)
	expect e, 6
	cmpb %ch, 1(%rbx)
	expect e, 7

	movw $(CONFIG_DATA + 2), %dx	/* the device */
	inw %dx, %ax
	movw %ax, %si
	shll $16, %eax
	movw %cx, %ax
	cmpl %ecx, %eax
	expect e, 8
	cmpw %si, 2(%rbx)
	expect e, 9
	movw $(CONFIG_DATA + 3), %dx
	inb %dx, %al
	cmpb %al, 3(%rbx)
	expect e, 10

	movl 4(%rbx), %eax		/* eight bytes at once are two of four */
	shlq $32, %rax
	orq %rcx, %rax
	cmpq %rax, (%rbx)
	expect e, 11

	movl $0, (%rbx)			/* identities cannot be written */
	movq $0, (%rbx)
	cmpl %ecx, (%rbx)
	expect e, 12

	select (0x80000000 | MISSING >> 4)
	inl %dx, %eax
	cmpl $0xffffffff, %eax
	expect e, 13
	cmpl $0xffffffff, MISSING(%rbx)
	expect e, 14
	cmpq $-1, MISSING(%rbx)
	expect e, 15
	select 0				/* not enabled: no configuration access */
	inl %dx, %eax
	cmpl $0xffffffff, %eax
	expect e, 16
	answer 0
