/*
 * blk_depth_linux64.S: does a virtio disk on the PCI bus keep up with 32 reads of 4 KiB in flight?
 * The command line says how many are made in all; each must succeed. This is virtio 1.2's driver in
 * small, polling, with EVENT_IDX, so that what it takes is the device's time alone. It runs in ring
 * 3, where also a KVM that emulates ring 0 lets it run at full speed.
 */
#include "payload.inc"

#define DEPTH 32
#define RING_SIZE 128		/* three descriptors for each request */
#define SECTORS 0x8000		/* at least: 16 MiB are read here and there */
#define BLOCK 4096

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_BAR0 0x10
#define PCI_CAPABILITIES 0x34
#define VENDOR_CAPABILITY 9
#define DISK 0x10421af4		/* device and vendor */

/* The common configuration structure, 4.1.4.3. */
#define DEVICE_FEATURE 4
#define DRIVER_FEATURE_SELECT 8
#define DRIVER_FEATURE 12
#define DEVICE_STATUS 20
#define QUEUE_SELECT 22
#define QUEUE_SIZE 24
#define QUEUE_ENABLE 28
#define QUEUE_DESC 32
#define QUEUE_DRIVER 40
#define QUEUE_DEVICE 48

#define EVENT_IDX 0x20000000
#define AGREED 11		/* ACKNOWLEDGE, DRIVER, FEATURES_OK */
#define RUNNING 15		/* and DRIVER_OK */

#define NEXT 1			/* in descriptors */
#define WRITE 2

#define USER 4			/* in page tables */
#define USER_DATA 0x23
#define USER_CODE 0x2b
#define TASK 0x30

#define UNDEFINED_OPCODE 6

/* Ring 3's way to end the run. */
.macro leave status
	movl $\status, %ebx
	ud2
.endm

.section .bss
	.balign 4096
descriptors:
	.skip 16 * RING_SIZE
available:			/* flags, index, entries, used_event */
	.skip 4 + 2 * RING_SIZE + 2
	.balign 4
used:				/* flags, index, entries, avail_event */
	.skip 4 + 8 * RING_SIZE + 2
	.balign 16
headers:
	.skip 16 * DEPTH
results:
	.skip DEPTH
	.balign 4096
buffers:
	.skip BLOCK * DEPTH

.data
	.balign 8
gdt:	.quad 0, 0
	.quad 0x00af9a000000ffff	/* 0x10: ring 0, code */
	.quad 0x00cf92000000ffff	/* 0x18: ring 0, data */
	.quad 0x00cff2000000ffff	/* 0x20: ring 3, data */
	.quad 0x00affa000000ffff	/* 0x28: ring 3, code */
	.quad 0x0000890000000067, 0	/* 0x30: the task, its address filled in */
gdt_register:
	.word gdt_register - gdt - 1
	.quad gdt
task:	.long 0
	.quad stack_top			/* where exceptions of ring 3 find their stack */
	.skip 92
requests:
	.long 0				/* to be made */
common:	.long 0				/* addresses */
notify:	.long 0
config:	.long 0

.text
start:
	prepare
	handle UNDEFINED_OPCODE, end
	command_line_number
	movl %eax, requests
	call find_disk
	call find_structures
	movl config, %edi
	movq (%rdi), %rax		/* capacity */
	cmpq $SECTORS, %rax
	expect ae, 2
	call fill_rings
	call bring_up
	call allow_ring_3
	pushq $USER_DATA
	pushq $stack_top - 2048
	pushq $2			/* flags */
	pushq $USER_CODE
	pushq $run
	iretq

end:	movl %ebx, %eax
	outb %al, $DEBUG_EXIT
	hlt

/* The doubleword at offset ECX of the device that EBX names. */
pci_read:
	leal (%rbx,%rcx), %eax
	movw $PCI_ADDRESS, %dx
	outl %eax, %dx
	movw $PCI_DATA, %dx
	inl %dx, %eax
	ret

find_disk:
	movl $0x80000000, %ebx
	xorl %ecx, %ecx
1:	addl $0x800, %ebx		/* the next slot */
	cmpl $0x80010000, %ebx
	expect b, 1
	call pci_read
	cmpl $DISK, %eax
	jne 1b
	ret

/* Where the capabilities say that the structures are: all in BAR 0. */
find_structures:
	movl $PCI_BAR0, %ecx
	call pci_read
	andl $~15, %eax
	movl %eax, %ebp
	movl $PCI_CAPABILITIES, %ecx
	call pci_read
1:	movzbl %al, %ecx
	jrcxz 3f
	call pci_read
	movl %eax, %esi
	cmpb $VENDOR_CAPABILITY, %al
	jne 2f
	addl $8, %ecx
	call pci_read			/* its offset in the BAR */
	addl %ebp, %eax
	movl %esi, %edx
	shrl $24, %edx
	cmpl $1, %edx
	cmovel %eax, %r8d
	cmpl $2, %edx
	cmovel %eax, %r9d
	cmpl $4, %edx
	cmovel %eax, %r10d
2:	movl %esi, %eax
	shrl $8, %eax			/* the next one */
	jmp 1b
3:	movl %r8d, common
	movl %r9d, notify
	movl %r10d, config
	ret

/* Header, block and result of each request; all are available. */
fill_rings:
	movl $descriptors, %edi
	movl $headers, %eax
	movl $buffers, %ebx
	movl $results, %edx
	xorl %ecx, %ecx			/* the first descriptor */
	movl $available + 4, %esi
1:	movw %cx, (%rsi)
	movl %eax, (%rdi)
	movl $16, 8(%rdi)
	movw $NEXT, 12(%rdi)
	incl %ecx
	movw %cx, 14(%rdi)
	movl %ebx, 16(%rdi)
	movl $BLOCK, 24(%rdi)
	movw $NEXT | WRITE, 28(%rdi)
	incl %ecx
	movw %cx, 30(%rdi)
	movl %edx, 32(%rdi)
	movl $1, 40(%rdi)
	movw $WRITE, 44(%rdi)
	incl %ecx
	addl $48, %edi
	addl $16, %eax
	addl $BLOCK, %ebx
	incl %edx
	addl $2, %esi
	cmpl $3 * DEPTH, %ecx
	jb 1b
	movw $DEPTH, available + 2
	movw $0x8000, available + 4 + 2 * RING_SIZE
	ret

/* 3.1.1. */
bring_up:
	movl common, %edi
	movb $0, DEVICE_STATUS(%rdi)
1:	cmpb $0, DEVICE_STATUS(%rdi)
	jne 1b
	movb $1, DEVICE_STATUS(%rdi)
	movb $3, DEVICE_STATUS(%rdi)
	movl DEVICE_FEATURE(%rdi), %eax
	andl $EVENT_IDX, %eax
	expect nz, 3
	movl %eax, DRIVER_FEATURE(%rdi)
	movl $1, DRIVER_FEATURE_SELECT(%rdi)
	movl $1, DRIVER_FEATURE(%rdi)	/* VERSION_1 */
	movb $AGREED, DEVICE_STATUS(%rdi)
	cmpb $AGREED, DEVICE_STATUS(%rdi)
	expect e, 4
	movw $0, QUEUE_SELECT(%rdi)
	movw $RING_SIZE, QUEUE_SIZE(%rdi)
	movl $descriptors, QUEUE_DESC(%rdi)
	movl $available, QUEUE_DRIVER(%rdi)
	movl $used, QUEUE_DEVICE(%rdi)
	movw $1, QUEUE_ENABLE(%rdi)
	movb $RUNNING, DEVICE_STATUS(%rdi)
	cmpb $RUNNING, DEVICE_STATUS(%rdi)
	expect e, 5
	ret

/* Opens the first 8 MiB and the doorbell's 2 MiB to ring 3. */
allow_ring_3:
	movq %cr3, %rax
	orl $USER, (%rax)
	movl (%rax), %eax
	andl $~0xfff, %eax		/* the table of the directories */
	orl $USER, (%rax)
	movl (%rax), %ecx
	andl $~0xfff, %ecx
	orl $USER, (%rcx)
	orl $USER, 8(%rcx)
	orl $USER, 16(%rcx)
	orl $USER, 24(%rcx)
	movl notify, %edx
	movl %edx, %ecx
	shrl $30, %ecx
	orl $USER, (%rax,%rcx,8)
	movl (%rax,%rcx,8), %eax
	andl $~0xfff, %eax
	shrl $21, %edx
	andl $511, %edx
	orl $USER, (%rax,%rdx,8)
	movq %cr3, %rax
	movq %rax, %cr3

	movl $task, %eax
	movw %ax, gdt + TASK + 2
	shrl $16, %eax
	movb %al, gdt + TASK + 4
	lgdt gdt_register
	movw $TASK, %ax
	ltr %ax
	ret

/*
 * Ring 3. EBP: made available, R8D: seen used, R9D: still to come, R10D: the doorbell.
 */
run:	movl $DEPTH, %ebp
	xorl %r8d, %r8d
	movl requests, %r9d
	movl notify, %r10d
	testl %r9d, %r9d
	jz done
	movw $0, (%r10)			/* the first of all: nobody has asked for it */
wait:	cmpw %r8w, used + 2
	jne 1f
	pause
	jmp wait
1:	movl %ebp, %r11d		/* before this batch */
again:	movl %r8d, %eax
	andl $RING_SIZE - 1, %eax
	movl used + 4(,%rax,8), %eax	/* the descriptor that it began with */
	cmpl $3 * DEPTH, %eax
	jb 2f
	leave 6
2:	xorl %edx, %edx
	movl $3, %ecx
	movl %eax, %ebx
	divl %ecx
	cmpb $0, results(%rax)
	je 3f
	leave 7
3:	movb $0xff, results(%rax)
	imull $0x9e3779b1, %r9d, %ecx	/* somewhere on the disk */
	shrl $8, %ecx
	andl $SECTORS - 8, %ecx
	shll $4, %eax
	movl %ecx, headers + 8(%rax)
	movl %ebp, %eax
	andl $RING_SIZE - 1, %eax
	movw %bx, available + 4(,%rax,2)
	incl %ebp
	incl %r8d
	decl %r9d
	jz done
	cmpw %r8w, used + 2
	jne again

	leal 0x8000(%r8), %eax		/* no interrupts */
	movw %ax, available + 4 + 2 * RING_SIZE
	movw %bp, available + 2
	mfence				/* either we see its wish or it our index */
	movl %ebp, %eax
	subw used + 4 + 8 * RING_SIZE, %ax
	decl %eax
	movl %ebp, %ecx
	subl %r11d, %ecx
	cmpw %cx, %ax
	jae wait
	movw $0, (%r10)
	jmp wait
done:	leave 0
