/*
 * high_ram_linux64.S: is there RAM on both sides of the hole below 4 GiB, apart from each other, and
 * none in between? For a machine of 4 GiB: 3 GiB low, 1 GiB high. The memory map must agree.
 */
#include "payload.inc"

#define PAGE_TABLES 0x9000	/* the loader's: PML4, then PDPT */
#define LAST_LOW 0xbffffff8

.text
start:
	movq $(PAGE_TABLES + 0x1000), %rdi
	leaq directory(%rip), %rax	/* 4 to 5 GiB: 2 MiB pages */
	orq $3, %rax
	movq %rax, 4 * 8(%rdi)
	leaq directory(%rip), %rdi
	movabsq $0x100000083, %rax
	movq %rax, (%rdi)
	addq $(511 << 21), %rax
	movq %rax, 511 * 8(%rdi)
	movq %cr3, %rax
	movq %rax, %cr3

	movabsq $0x100000000, %r8	/* the first and the last of high RAM */
	movabsq $0x13ffffff8, %r9
	movl $LAST_LOW, %r10d
	movq $1, (%r10)
	movq $2, (%r8)
	movq $3, (%r9)
	cmpq $1, (%r10)
	expect e, 1
	cmpq $2, (%r8)
	expect e, 2
	cmpq $3, (%r9)
	expect e, 3
	movl $NOWHERE, %edi
	cmpq $-1, (%rdi)
	expect e, 4

	movzbl 0x1e8(%rsi), %ecx	/* the last entry of the e820 map is high RAM */
	imull $20, %ecx, %ecx
	leaq 0x2d0 - 20(%rsi, %rcx), %rdi
	cmpq %r8, (%rdi)
	expect e, 5
	cmpq $0x40000000, 8(%rdi)
	expect e, 6
	cmpl $1, 16(%rdi)
	expect e, 7
	answer 0

.section .bss
	.balign 4096
directory:
	.skip 4096
