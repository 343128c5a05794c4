/*
 * pci.h: one PCI bus: configuration space, BARs, capabilities, INTx and the host bridge at 00:00.0
 * (PCI Local Bus 3.0; ECAM: PCI Express Base, section 7.2.2).
 *
 * A device embeds struct pci_device, describes itself (pci_device_init(), pci_bar_add(),
 * pci_capability_add(), msix_init()) and is put in a slot by pci_add(), which also gives its BARs
 * their addresses, as firmware would. All of that is before the guest runs. A BAR is an io_region
 * of the device's: what the guest does with address and decoding bits moves it on its bus, and the
 * device hears nothing of it.
 */
#ifndef DEVICES_PCI_H
#define DEVICES_PCI_H

#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/bus.h"
#include "vmm/irq.h"

struct msi_backend;
struct msix;
struct pci_bus;
struct pci_device;

enum {
	PCI_SLOTS = 32, /* one function each; slot 0 is the host bridge */
	PCI_BARS = 6,
	PCI_INTX_LINES = 8,
	PCI_CONFIG_SIZE = 256, /* the extended space behind it reads as zero: no capabilities */
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_bar {
	enum pci_bar_kind kind;	  /* constant after start */
	struct io_region *region; /* borrowed */
	uint64_t power_on;	  /* where pci_add() put it */
	uint64_t placed;	  /* where it answers now, or BUS_UNDECODED */
};

/* What the guest sees. */
struct pci_state {
	uint8_t config[PCI_CONFIG_SIZE];
};

/* Who a device is: the read-only head of its configuration space. */
struct pci_identity {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint32_t class; /* base class, sub-class, programming interface: 0x020000 is Ethernet */
	uint8_t revision;
	bool has_intx; /* uses INTA# */
};

/*
 * Each may be NULL. The first two are called on a vCPU's thread with no lock held, for accesses
 * that the device's own capabilities want to know of; size is 1, 2 or 4 and the bytes lie inside
 * the space.
 */
struct pci_device_ops {
	/* Before [offset, offset + size) is read: the last moment to pci_config_store() there. */
	void (*config_reading)(struct pci_device *device, unsigned int offset, unsigned int size);
	/* After the guest's bytes, as far as they are writable, have been stored there. */
	void (*config_written)(struct pci_device *device, unsigned int offset, unsigned int size);
	/* Power-on state of what lies behind the BARs. Loop thread, no vCPU runs. */
	void (*reset)(struct pci_device *device);
};

struct pci_device {
	const char *name; /* borrowed; for messages */
	const struct pci_device_ops *ops;
	struct pci_bus *bus; /* borrowed; NULL before pci_add() */
	unsigned int slot;
	struct msix *msix; /* borrowed; NULL without */
	struct pci_bar bars[PCI_BARS];
	/* Constant after start. */
	uint8_t power_on[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits that the guest may change */
	unsigned int capabilities_end;
	unsigned int last_link; /* offset of the last one's link */

	struct pci_state state; /* guarded by the bus's lock */
};

struct pci_window {
	uint64_t base, size;
};

/* What the bus is connected to; copied. */
struct pci_bus_config {
	struct bus *ports, *mmio; /* borrowed */
	uint64_t ecam_base;
	uint16_t address_port; /* 0xcf8; data is at 0xcfc */
	/* Nothing outside of these is decoded: addresses of BARs stay inside. */
	struct pci_window io, mem32, mem64;
	struct irq_line intx[PCI_INTX_LINES]; /* level-triggered */
	unsigned int intx_gsi;		      /* of intx[0]; the others follow */
	struct msi_backend *msi;	      /* borrowed */
	bool as_hardware; /* the host bridge has a PC's name: for guests that must not know */
};

struct pci_bus {
	struct pci_bus_config config;	       /* constant after start */
	struct pci_window io, mem32, mem64;    /* what is left to give away; constant after start */
	struct pci_device *devices[PCI_SLOTS]; /* borrowed; constant after start */
	struct pci_device host_bridge;
	struct io_region ecam, address, data;
	pthread_mutex_t lock;			/* guards the rest and every device's state */
	uint32_t address_register;		/* port 0xcf8 */
	uint32_t intx_asserted[PCI_INTX_LINES]; /* bit n: slot n pulls the line */
};

/* Puts the host bridge, ECAM and the two ports on their buses. 0, or bus_add()'s -errno. */
int pci_bus_init(struct pci_bus *bus, const struct pci_bus_config *config);
void pci_bus_destroy(struct pci_bus *bus); /* accepts a zeroed struct */

/* Power-on state of the bus and of every device on it. Loop thread, no vCPU runs. */
void pci_bus_reset(struct pci_bus *bus);

/* A device without BARs and capabilities. name and ops are borrowed. */
void pci_device_init(struct pci_device *device, const char *name, const struct pci_device_ops *ops,
		     const struct pci_identity *identity);

/*
 * Makes region BAR number index. Its size must be a power of two, of at least 16 bytes (memory) or
 * 4 to 256 bytes (ports). A 64-bit BAR takes two numbers. The bus sets region->base; the region
 * must live as long as the bus.
 */
void pci_bar_add(struct pci_device *device, unsigned int index, enum pci_bar_kind kind,
		 struct io_region *region);

/*
 * Appends a capability of size bytes that begin with the ID; the byte after it, the link, is
 * filled in here. writable has a set bit for each that the guest may change, NULL for none. Returns
 * its offset in configuration space.
 */
unsigned int pci_capability_add(struct pci_device *device, const void *capability,
				const void *writable, unsigned int size);

/*
 * Puts the device into the lowest free slot and its BARs into the windows: below 4 GiB as long as
 * there is room, so that a guest without PAE reaches them. -ENOSPC when slots or windows are full,
 * or bus_add()'s -errno; nothing is logged.
 */
int pci_add(struct pci_bus *bus, struct pci_device *device);

/* Configuration bytes as they are now, little-endian; size is 1, 2 or 4. Any thread. */
uint32_t pci_config_load(struct pci_device *device, unsigned int offset, unsigned int size);
void pci_config_store(struct pci_device *device, unsigned int offset, uint32_t value,
		      unsigned int size);

/* May the device read and write memory and send messages (the command register's bit)?
 * Any thread. */
bool pci_is_bus_master(struct pci_device *device);

/*
 * The device's INTx wish, which it keeps until told otherwise. It shows in the status register at
 * once and reaches the shared line unless the command register or MSI-X forbids it. Any thread; the
 * bus's lock is a leaf under the device's.
 */
void pci_intx_set(struct pci_device *device, bool asserted);

/* Which of the lines a slot's pin (1: INTA# to 4: INTD#) is wired to. ACPI's _PRT says the same. */
static inline unsigned int pci_intx_line(unsigned int slot, unsigned int pin)
{
	return (slot + pin - 1) % PCI_INTX_LINES;
}

#endif
