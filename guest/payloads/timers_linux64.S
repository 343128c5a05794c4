/*
 * timers_linux64.S: does each timer wake a sleeping CPU: the PIT through the 8259, the PIT through
 * the IOAPIC, the local APIC's timer, once and periodically, and, where CPUID has it, its TSC
 * deadline?
 */
#include "payload.inc"

#define PIC_VECTOR 0x20
#define PIT_VECTOR 0x40
#define LAPIC_VECTOR 0x50
#define DEADLINE_VECTOR 0x60
#define DEADLINE_MSR 0x6e0

start:
	prepare
	handle PIC_VECTOR, pic_tick
	handle PIT_VECTOR, pit_tick
	handle LAPIC_VECTOR, lapic_tick
	handle DEADLINE_VECTOR, deadline_tick

	out_byte 0x20, 0x11		/* 8259: vectors from 0x20 on, all masked but the first */
	out_byte 0x21, PIC_VECTOR
	out_byte 0x21, 0x04
	out_byte 0x21, 0x01
	out_byte 0x21, 0xfe
	out_byte 0x43, 0x34		/* PIT: counter 0, rate generator, 100 Hz */
	out_byte 0x40, 0x9c
	out_byte 0x40, 0x2e
	wait_for pic_ticks, 3

	enable_lapic
	route_pin 2, PIT_VECTOR		/* where ACPI's override says that the PIT is */
	wait_for pit_ticks, 3
	store IOAPIC, (0x10 + 2 * 2)
	store IOAPIC_DATA, 0x10000	/* masked */

	store LAPIC_DIVIDE, 0x0b	/* by 1 */
	store LAPIC_TIMER, LAPIC_VECTOR	/* one shot */
	store LAPIC_INITIAL_COUNT, 100000
	wait_for lapic_ticks, 1
	store LAPIC_TIMER, (0x20000 | LAPIC_VECTOR) /* periodic */
	store LAPIC_INITIAL_COUNT, 500000
	wait_for lapic_ticks, 4
	store LAPIC_INITIAL_COUNT, 0

	movl $1, %eax			/* TSC deadline: CPUID.1:ECX[24] */
	cpuid
	btl $24, %ecx
	jnc end
	store LAPIC_TIMER, (0x40000 | DEADLINE_VECTOR)
	rdtsc
	addl $1000000, %eax
	adcl $0, %edx
	movl $DEADLINE_MSR, %ecx
	wrmsr
	wait_for deadline_ticks, 1
	movl $DEADLINE_MSR, %ecx	/* it is disarmed once it has fired */
	rdmsr
	orl %edx, %eax
	expect z, 1
end:
	answer 0

pic_tick:
	incl pic_ticks
	movb $0x20, %al			/* end of interrupt */
	outb %al, $0x20
	iretq
pit_tick:
	incl pit_ticks
	store LAPIC_EOI, 0
	iretq
lapic_tick:
	incl lapic_ticks
	store LAPIC_EOI, 0
	iretq
deadline_tick:
	incl deadline_ticks
	store LAPIC_EOI, 0
	iretq

.section .bss
	.balign 4
pic_ticks:
	.skip 4
pit_ticks:
	.skip 4
lapic_ticks:
	.skip 4
deadline_ticks:
	.skip 4
