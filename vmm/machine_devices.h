/*
 * machine_devices.h: disks, network cards and whatever else the machine was asked for: from options
 * to devices on a transport.
 */
#ifndef VMM_MACHINE_DEVICES_H
#define VMM_MACHINE_DEVICES_H

#include "devices/nvme.h"
#include "virtio/blk.h"
#include "virtio/console.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"
#include "virtio/ports.h"
#include "virtio/rng.h"
#include "virtio/virtio.h"
#include "vmm/loop.h"

struct machine;
struct machine_device;

enum { MACHINE_MAX_DEVICES = 80 };

/* What differs from kind to kind; each may be NULL. */
struct machine_device_kind {
	void (*free)(struct machine_device *device);	/* on its loop */
	void (*refresh)(struct machine_device *device); /* SIGUSR2: look at the host's side again */
	/* Disks: has the guest ever written to it, has a driver of it ever taken it, and which one
	 * would. */
	bool (*was_written)(const struct machine_device *device);
	bool (*was_driven)(const struct machine_device *device);
	const char *driver;
};

struct machine_device {
	const struct machine_device_kind *kind;
	char name[16];
	struct loop *loop;	      /* borrowed: the machine's, or own */
	struct loop own;	      /* with iothread=on */
	struct virtio_device *virtio; /* owned, through kind; NULL: an emulated device */
	union {			      /* the same, as what it is */
		struct virtio_blk *blk;
		struct nvme *nvme;
		struct e1000 *e1000;
		struct virtio_console *console;
		struct virtio_ports *ports;
		struct virtio_rng *rng;
	};
	const char *path; /* borrowed: what a disk is on the host; NULL: no disk */
	union {		  /* of a virtio device, by the machine's transport */
		struct virtio_pci pci;
		struct virtio_mmio mmio;
	};
};

/* Opens and makes all devices and puts them on the transport; before the machine runs. 0 or -errno,
 * logged. */
int machine_devices_init(struct machine *machine);
/* No vCPU runs. Accepts a half-made machine. */
void machine_devices_free(struct machine *machine);
/* Power-on state. No vCPU runs. */
void machine_devices_reset(struct machine *machine);
/* SIGUSR2. */
void machine_devices_refresh(struct machine *machine);

/* The terminal's window has another size. */
void machine_devices_resize(struct machine *machine);

/*
 * For the files that make the devices.
 */

/* One without anything behind it yet: "disk" and 1 are its name. NULL: logged. */
struct machine_device *machine_device_add(struct machine *machine, const char *name,
					  unsigned int number);
/* It gets a loop and a thread of its own. 0 or -errno, logged. */
int machine_device_own_loop(struct machine_device *device);
/* Puts its virtio device on the machine's transport and starts the thread, if it has its own. 0 or
 * -errno, logged. */
int machine_device_connect(struct machine *machine, struct machine_device *device);
/* The same of an emulated device; err is how putting it on the PCI bus has ended. */
int machine_device_connected(struct machine_device *device, int err);

#endif
