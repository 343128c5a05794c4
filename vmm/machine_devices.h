/*
 * machine_devices.h: disks, network cards and whatever else the machine was asked for: from options
 * to devices on a transport.
 */
#ifndef VMM_MACHINE_DEVICES_H
#define VMM_MACHINE_DEVICES_H

#include "devices/backend/nic_options.h"
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
	bool (*was_written)(const struct machine_device *device); /* a disk */
};

struct machine_device {
	const struct machine_device_kind *kind;
	char name[16];
	struct loop *loop;	      /* borrowed: the machine's, or own */
	struct loop own;	      /* with iothread=on */
	struct virtio_device *virtio; /* owned, through kind */
	union {			      /* the same, as what it is */
		struct virtio_blk *blk;
		struct virtio_console *console;
		struct virtio_ports *ports;
		struct virtio_rng *rng;
	};
	const char *path; /* borrowed: what a disk is on the host; NULL: no disk */
	union {		  /* by the machine's transport */
		struct virtio_pci pci;
		struct virtio_mmio mmio;
	};
};

/* Whether there is such a card to be had. */
bool machine_devices_has_nic(enum nic_model model);

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

/* " root=/dev/vda rw" or its like for the first disk; empty without a disk. */
void machine_devices_root_argument(const struct machine *machine, char *text, size_t size);

/* Has the guest written to any disk? */
bool machine_devices_wrote(const struct machine *machine);

/* After the run: tells of disks that no driver of the guest ever touched. */
void machine_devices_tell_unused(const struct machine *machine);

#endif
