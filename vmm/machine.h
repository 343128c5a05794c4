/*
 * machine.h: the composition root: owns every object of a virtual machine, makes them in order and
 * frees them in reverse.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "devices/backend/console_hub.h"
#include "devices/backend/stream_null.h"
#include "devices/backend/terminal.h"
#include "devices/msix.h"
#include "devices/pci.h"
#include "vmm/boot_file.h"
#include "vmm/ending.h"
#include "vmm/event.h"
#include "vmm/identity.h"
#include "vmm/loop.h"
#include "vmm/machine_config.h"
#include "vmm/machine_devices.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

struct platform;

/* Who measures a guest: told of each mark that a program of the guest makes, on the vCPU's thread,
 * which goes on when mark() returns. Embed it. */
struct machine_watch {
	void (*mark)(struct machine_watch *watch, struct machine *machine, uint32_t value);
};

struct machine {
	/* Constant after start. */
	const struct machine_config *config; /* borrowed; options and identity are in it */
	const struct run_options *options;
	const struct identity *identity;
	struct loop loop;
	struct vm vm;
	struct vcpu *vcpus; /* owned; options->cpus */
	struct boot_file kernel, initrd;
	char *cmdline;		   /* owned: as the guest gets it */
	struct platform *platform; /* owned: the architecture's own devices */
	bool has_pci;
	struct pci_bus pci;
	struct msi_vm msi;
	struct machine_device *devices[MACHINE_MAX_DEVICES]; /* owned */
	unsigned int ndevices, nmmio;
	bool has_terminal;
	struct terminal terminal;
	struct console_hub hub; /* --console both */
	struct stream no_stream;
	struct stream *serial_stream;	/* borrowed: behind the UART */
	struct stream *console_stream;	/* the same of the virtio console; NULL: there is none */
	struct virtio_console *console; /* borrowed; NULL without */

	struct event_sink events;
	struct ending ending;
	struct log_once panic_said, crash_kernel_said;

	/* Loop thread. */
	struct loop_source signals; /* a signalfd, owned */
	struct loop_timer timeout, grace;
	uint32_t ending_signal; /* the power button was pressed for it; 0: not yet */
	unsigned int resets;
};

/* 0 with *machine owned by the caller, or -errno, logged. config must outlive it. */
int machine_create(const struct machine_config *config, struct machine **machine);

/* Runs until the guest ends, a signal or the timeout comes. */
struct outcome machine_run(struct machine *machine);

/* Exits of all vCPUs since the start, over all resets. The loop's thread or a vCPU's. */
void machine_sum_stats(const struct machine *machine, struct exit_stats *sum);

void machine_free(struct machine *machine); /* accepts NULL and a half-made one */

#endif
