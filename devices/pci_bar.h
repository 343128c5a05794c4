/* pci_bar.h: what the other files of the PCI bus need of pci_bar.c. */
#ifndef DEVICES_PCI_BAR_H
#define DEVICES_PCI_BAR_H

struct pci_bus;
struct pci_device;

/* Gives a new device's BARs their places in the windows and puts them on their buses. 0, -ENOSPC,
 * or bus_add()'s -errno. */
int pci_bars_assign(struct pci_bus *bus, struct pci_device *device);

/* Moves BARs after the guest changed one or a command register. The bus's lock is held. */
void pci_bars_follow(struct pci_device *device);

#endif
