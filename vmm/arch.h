/*
 * arch.h: everything generic code may ask of an architecture; each one defines all of it.
 */
#ifndef VMM_ARCH_H
#define VMM_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/vcpu.h"

struct machine;
struct pci_bus_config;

/* Interrupt controllers and timers in the KVM VM; again after vm_renew(). 0 or -errno, logged. */
int arch_vm_init(struct vm *vm);

/* RAM of that size where it belongs. 0 or -errno, logged; -EINVAL where the machine cannot have
 * that much. */
int arch_add_ram(struct vm *vm, uint64_t size);

/* CPUID, MSRs and what else a vCPU has at power-on; called after each vcpu_create(). 0 or -errno,
 * logged. */
int arch_vcpu_init(struct machine *machine, struct vcpu *vcpu);

/* The platform's own devices, put on the buses; machine->platform owns them.
 * 0 or -errno, logged. */
int arch_platform_init(struct machine *machine);
void arch_platform_free(struct machine *machine); /* accepts a half-made one */

/* Where the PCI bus is connected, but for its msi. */
struct pci_bus_config arch_pci_config(struct machine *machine);

/* Place and interrupt of virtio-mmio device number index. 0, or -ENOSPC when there is none left. */
int arch_mmio_slot(struct machine *machine, unsigned int index, uint64_t *base,
		   struct irq_line *irq);

/*
 * Kernel, initrd and firmware tables into RAM, first registers into vCPU 0; with files kept open,
 * so that a reset can do it again. 0 or -errno, logged.
 */
int arch_load(struct machine *machine);

/* Devices of the platform back to power-on state, with no vCPU running. */
void arch_platform_reset(struct machine *machine);

/* The ACPI power button, or its like. Loop thread. */
void arch_power_button(struct machine *machine);

/* An exit that the generic run loop leaves open. vCPU's thread. */
enum vcpu_next arch_vcpu_exit(struct vcpu *vcpu);

/* What a person needs to see of a vCPU that cannot go on: registers and the bytes at its program
 * counter. */
void arch_vcpu_dump(struct vcpu *vcpu);

/* "tsc_early_khz=2000000" and its like, for --tsc-hint; empty where the host does not say. After
 * arch_vcpu_init(). */
void arch_clock_argument(const struct machine *machine, char *text, size_t size);

/* "mark_port=0xf8" or its like: tells the guest where a machine that is watched takes marks. */
void arch_mark_argument(char *text, size_t size);

/* What kind of host this is, for whoever reads figures: a word or two, borrowed. */
const char *arch_host_kind(void);

/* "console=ttyS0" or its like for the chosen console, or NULL for none. */
const char *arch_console_argument(const struct machine *machine);

#endif
