/*
 * pci.h: a virtio device on the PCI bus (virtio 1.2, section 4.1), modern only.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include <pthread.h>
#include <stdint.h>

#include "devices/msix.h"
#include "devices/pci.h"
#include "virtio/virtio.h"
#include "vmm/bus.h"

/*
 * BAR 0 has all four structures that the capabilities point to; the MSI-X table has a BAR of its
 * own.
 */
enum virtio_pci_layout {
	VIRTIO_PCI_BAR = 0,
	VIRTIO_PCI_MSIX_BAR = 2,
	VIRTIO_PCI_COMMON = 0x000,
	VIRTIO_PCI_COMMON_SIZE = 0x40,
	VIRTIO_PCI_ISR_STATUS = 0x100,
	VIRTIO_PCI_ISR_SIZE = 4,
	VIRTIO_PCI_DEVICE = 0x200,
	VIRTIO_PCI_NOTIFY = 0x800,
	VIRTIO_PCI_NOTIFY_MULTIPLIER = 4, /* bytes from one queue's doorbell to the next */
	VIRTIO_PCI_BAR_SIZE = 0x1000,
};

/* What the guest sees besides the device's own state and that of pci.h and msix.h. */
struct virtio_pci_state {
	uint32_t offered_select; /* device_feature_select */
	uint32_t driver_select;	 /* driver_feature_select */
	uint16_t queue_select;
	uint16_t config_vector; /* or VIRTIO_MSI_NO_VECTOR */
	uint16_t queue_vectors[VIRTIO_MAX_QUEUES];
	uint8_t isr; /* bit 0: a queue, bit 1: configuration; INTx is up while any is set */
};

struct virtio_pci {
	struct virtio_transport transport;
	struct pci_device pci;
	struct msix msix;
	struct io_region region;
	struct virtio_device *dev; /* borrowed */
	struct bus *bus;	   /* borrowed */
	struct ioeventfd *kicks;   /* owned; one per queue */
	unsigned int window;	   /* offset of the VIRTIO_PCI_CAP_PCI_CFG capability */
	pthread_mutex_t lock;	   /* guards state */
	struct virtio_pci_state state;
};

/* Puts a device into a slot of the bus. Before the guest runs. 0, or pci_add()'s or msix_init()'s
 * -errno. */
int virtio_pci_init(struct virtio_pci *pci, struct virtio_device *dev, struct pci_bus *bus);
/* No vCPU runs; before the device is destroyed, which it resets. Accepts a zeroed struct. */
void virtio_pci_destroy(struct virtio_pci *pci);

/* The common configuration structure, 4.1.4.3: what offset and size say comes from the guest. */
uint32_t virtio_pci_common_read(struct virtio_pci *pci, uint64_t offset, unsigned int size);
void virtio_pci_common_write(struct virtio_pci *pci, uint64_t offset, uint32_t value,
			     unsigned int size);
/* What a reset of the device makes of its interrupts: no vectors, nothing pending. */
void virtio_pci_forget(struct virtio_pci *pci);

#endif
