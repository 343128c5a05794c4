/*
 * vm.h: /dev/kvm and the VM: memory slots, interrupt lines, irqfd and ioeventfd.
 *
 * A reset makes a new KVM VM over the same RAM (vm_renew()): nothing that power-on clears can be
 * forgotten. Routes of MSIs are dropped then: the devices' reset has dropped their vectors.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>

#include "vmm/bus.h"
#include "vmm/irq.h"
#include "vmm/log.h"
#include "vmm/memory.h"

enum {
	VM_MAX_LINES = 24,  /* GSIs 0-23: the IOAPIC's pins */
	VM_MAX_MSIS = 1000, /* GSIs from 24: one per MSI-X vector */
	VM_MAX_VCPUS = 255,
};

struct event_sink;
struct vm_routes;

struct vm {
	int kvm_fd; /* owned */
	int fd;	    /* owned; -1 while vm_renew() makes a new one */
	struct guest_memory mem;
	struct bus ports;
	struct bus mmio;
	struct event_sink *events;  /* borrowed; constant after start */
	size_t run_size;	    /* bytes of struct kvm_run's mapping */
	uint64_t create_ns;	    /* spent in KVM_CREATE_VM and KVM_CREATE_VCPU, for benchmarks */
	pthread_mutex_t lock;	    /* guards routes */
	struct vm_routes *routes;   /* owned: the interrupt routing table, vm_routes.c */
	struct log_once reset_said; /* that a fault, and no register, reset it */
};

/* Opens /dev/kvm and makes the VM; logs what is wrong with the host in plain words. 0 or -errno. */
int vm_init(struct vm *vm, struct event_sink *events);
void vm_destroy(struct vm *vm);

/*
 * Makes a new KVM VM in place of the old one, with the same RAM; every vCPU's descriptor is closed
 * before. The architecture adds its interrupt controllers, then vm_reconnect() tells KVM of
 * ioeventfds again. 0 or -errno, logged.
 */
int vm_renew(struct vm *vm);
int vm_reconnect(struct vm *vm);

/* Adds RAM and its memory slot; by ascending base. 0 or -errno, logged. */
int vm_add_ram(struct vm *vm, gpa_t base, uint64_t size);

/* KVM_CHECK_EXTENSION. */
int vm_capability(const struct vm *vm, int capability);
/* ioctl on the VM's descriptor; logs "kvm: NAME: reason" on failure. 0 or more, or -errno. */
int vm_ioctl(const struct vm *vm, unsigned long request, const char *name, void *arg);

/* A wire to pin gsi (0-23) of the in-kernel interrupt controllers, by KVM_IRQ_LINE. */
struct irq_line vm_irq_line(struct vm *vm, unsigned int gsi);

/*
 * Reserves an eventfd and a row of the routing table for one message-signalled vector, at device
 * creation. It is unrouted: what is written to it stays in the eventfd. -ENOSPC when all
 * VM_MAX_MSIS are taken.
 */
int vm_irqfd_msi(struct vm *vm, struct irqfd *irqfd);
/* Routes it to address and data: from now on, and for a signal already waiting, KVM sends the
 * message. */
int vm_msi_route(struct vm *vm, struct irqfd *irqfd, uint64_t address, uint32_t data);
void vm_msi_unroute(struct vm *vm, struct irqfd *irqfd); /* masked: signals wait in the eventfd */
void vm_irqfd_free(struct vm *vm, struct irqfd *irqfd);	 /* accepts fd -1 */

/*
 * The architecture's rows of the routing table: the pins of its interrupt controllers. Copied; KVM
 * knows them on return. 0 or -errno, logged.
 */
int vm_set_pin_routes(struct vm *vm, const struct kvm_irq_routing_entry *pins, unsigned int n);

#endif
