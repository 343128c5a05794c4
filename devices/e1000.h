/*
 * e1000.h: an emulated network card: Intel's 82540EM, as its Software Developer's Manual (317453,
 * "PCI/PCI-X Family of Gigabit Ethernet Controllers") has it, on a struct nic. For guests that know
 * nothing of virtio.
 */
#ifndef DEVICES_E1000_H
#define DEVICES_E1000_H

#include <stdint.h>

#include "devices/pci.h"
#include "vmm/loop.h"
#include "vmm/memory.h"

struct e1000;
struct nic;
struct nic_options;

/*
 * Opens what the options ask for and makes the card on top of it, to be put on a bus by
 * pci_add(e1000_pci()); loop serves both. name is borrowed, mac is the card's own unless the
 * options have one. 0 or -errno, logged. To be freed on the loop's thread, or when that has ended.
 */
int e1000_create(const struct nic_options *options, const char *name, const uint8_t mac[6],
		 struct loop *loop, const struct guest_memory *mem, struct e1000 **e1000);
void e1000_free(struct e1000 *e1000); /* NULL is fine */

/* The same on a nic that is open already and of which it becomes the owner, also on failure. */
int e1000_create_on(struct nic *nic, const char *name, const uint8_t mac[6], struct loop *loop,
		    const struct guest_memory *mem, struct e1000 **e1000);

struct pci_device *e1000_pci(struct e1000 *e1000);

#endif
