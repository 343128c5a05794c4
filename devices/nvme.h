/*
 * nvme.h: an NVM Express controller with one namespace on the PCI bus (NVM Express base
 * specification, revision 1.4), over any struct disk.
 */
#ifndef DEVICES_NVME_H
#define DEVICES_NVME_H

#include <stdbool.h>

#include "devices/backend/disk.h"
#include "devices/backend/disk_options.h"
#include "devices/pci.h"
#include "vmm/loop.h"
#include "vmm/memory.h"
#include "vmm/uuid.h"

struct nvme;

/* Who it is. */
struct nvme_identity {
	const char *name;	  /* "disk0", for messages; borrowed */
	const char *serial;	  /* at most DISK_SERIAL_MAX characters; copied */
	struct uuid subsystem;	  /* of its NVMe qualified name */
	struct uuid namespace_id; /* of its one namespace */
};

/*
 * Opens what the options name and puts a controller over it into a slot of the bus; options->serial
 * goes before the identity's. Queues are served on the loop, which must not run yet and must
 * outlive it. 0, or -errno with nothing left behind; what is wrong with the file is logged,
 * pci_add()'s and msix_init()'s -ENOSPC (no place left on the bus) is not.
 */
int nvme_open(const struct disk_options *options, const struct nvme_identity *identity,
	      struct loop *loop, const struct guest_memory *mem, struct pci_bus *bus,
	      struct nvme **nvme);

/* The same over a disk that is open: it is the controller's from now on, also on failure. */
int nvme_create(struct disk *disk, unsigned int nqueues, const struct nvme_identity *identity,
		struct loop *loop, const struct guest_memory *mem, struct pci_bus *bus,
		struct nvme **nvme);

/* No vCPU runs. Accepts NULL. */
void nvme_free(struct nvme *nvme);

/* Looks whether the image has another size now, and tells the driver. Any thread. */
void nvme_refresh(struct nvme *nvme);

/* Has a driver ever enabled it, and written to it? Any thread. */
bool nvme_was_driven(const struct nvme *nvme);
bool nvme_was_written(const struct nvme *nvme);

#endif
