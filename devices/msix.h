/*
 * msix.h: the MSI-X table, pending bits and vectors of a PCI device (PCI Local Bus 3.0, section
 * 6.8.2).
 *
 * Each vector is an eventfd. While the guest has it unmasked, KVM listens to it and sends the
 * message without a thread of ours; while it is masked, what is signalled waits in the eventfd's
 * count, which is thus the pending bit, and goes out when it is unmasked. So a device, vhost or an
 * io_uring may write to the descriptor at any time and need not know of masks.
 */
#ifndef DEVICES_MSIX_H
#define DEVICES_MSIX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/irq.h"
#include "vmm/log.h"

struct msi_backend;
struct pci_device;
struct vm;

/* Where messages go: KVM, or a test's record of them. */
struct msi_backend_ops {
	int (*irqfd_init)(struct msi_backend *backend, struct irqfd *irqfd); /* 0 or -errno */
	int (*route)(struct msi_backend *backend, struct irqfd *irqfd, uint64_t address,
		     uint32_t data); /* 0 or -errno; signals that wait are sent */
	void (*unroute)(struct msi_backend *backend, struct irqfd *irqfd);
	void (*irqfd_free)(struct msi_backend *backend, struct irqfd *irqfd);
};

struct msi_backend {
	const struct msi_backend_ops *ops;
};

/* vm_irqfd_msi() and its like behind the interface. */
struct msi_vm {
	struct msi_backend backend;
	struct vm *vm; /* borrowed */
};

void msi_vm_init(struct msi_vm *msi, struct vm *vm);

enum {
	MSIX_MAX_VECTORS = 128,
	MSIX_BAR_SIZE = 4096, /* the table from 0 on, the pending bits in the upper half */
};

/* The words of a row of the table, 6.8.2.6 to 6.8.2.9. */
enum msix_word {
	MSIX_ADDRESS,
	MSIX_UPPER_ADDRESS,
	MSIX_DATA,
	MSIX_VECTOR_CONTROL, /* bit 0: masked */
	MSIX_WORDS,
};

struct msix_state {
	uint32_t table[MSIX_MAX_VECTORS][MSIX_WORDS];
	uint8_t enabled;
	uint8_t function_masked;
};

struct msix {
	struct pci_device *device;   /* borrowed; constant */
	struct msi_backend *backend; /* borrowed; constant */
	unsigned int nvectors;	     /* constant */
	unsigned int capability;     /* its offset in configuration space; constant */
	struct irqfd irqfds[MSIX_MAX_VECTORS];
	struct io_region region;
	struct log_once refused;
	pthread_mutex_t lock; /* guards state and routes */
	struct msix_state state;
};

/*
 * Gives the device nvectors vectors: the capability, and the table in a 32-bit memory BAR of their
 * own, number bar. The pci_device is initialised and not yet added. 0, or -errno with nothing left
 * behind: -ENOSPC when no more message interrupts are to be had. Nothing is logged.
 */
int msix_init(struct msix *msix, struct pci_device *device, struct msi_backend *backend,
	      unsigned int bar, unsigned int nvectors);
void msix_destroy(struct msix *msix); /* accepts a zeroed struct; twice is fine */

/* Has the guest turned MSI-X on? While it has not, a device uses pci_intx_set(). Any thread. */
bool msix_is_enabled(const struct msix *msix);

/* Sends the vector's message, now or when it is unmasked. A vector that is not there is dropped.
 * Any thread. */
void msix_signal(struct msix *msix, unsigned int vector);

/* The eventfd behind a vector, good until msix_destroy(), or -1 where there is none. Any thread. */
int msix_vector_fd(const struct msix *msix, unsigned int vector);

/* For pci.c: the guest wrote the capability's control word, and power-on state. */
void msix_control_written(struct msix *msix, uint16_t control);
void msix_reset(struct msix *msix);

#endif
