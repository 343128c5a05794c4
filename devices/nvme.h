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
 * Puts a controller over an open disk, which is the controller's from now on, also on failure, into
 * a slot of the bus. Queues are served on the loop, which must not run yet and must outlive it. 0,
 * or -errno with nothing left behind, nothing logged: -ENOSPC where the bus has no place left.
 */
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
