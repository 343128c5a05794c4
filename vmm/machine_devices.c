/* machine_devices.c: one function per kind of device, all alike:
 * open, make, put on the transport. */
#include "vmm/machine_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/e1000.h"
#include "virtio/net.h"
#include "vmm/arch.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/machine_disks.h"
#include "vmm/util.h"

/* Are virtio devices on the PCI bus? */
static bool uses_pci(const struct machine *machine)
{
	return strcmp(machine->options->transport, "pci") == 0;
}

/* Emulated devices are there in any case. */
static bool needs_pci(const struct machine *machine)
{
	const struct machine_config *config = machine->config;
	bool emulated = false;

	for (unsigned int i = 0; i < config->ndisks; i++)
		emulated |= config->disks[i].model == DISK_MODEL_NVME;
	for (unsigned int i = 0; i < config->nnics; i++)
		emulated |= config->nics[i].model == NIC_MODEL_E1000;
	return emulated || uses_pci(machine);
}

struct machine_device *machine_device_add(struct machine *machine, const char *name,
					  unsigned int number)
{
	struct machine_device *device;

	if (machine->ndevices == MACHINE_MAX_DEVICES) {
		log_error(0, "more than %d devices", MACHINE_MAX_DEVICES);
		return NULL;
	}
	device = calloc(1, sizeof(*device));
	if (!device) {
		log_error(-ENOMEM, "%s%u", name, number);
		return NULL;
	}
	snprintf(device->name, sizeof(device->name), "%s%u", name, number);
	device->loop = &machine->loop;
	machine->devices[machine->ndevices++] = device;
	return device;
}

/* Served by a thread of its own from start_loop() on; the device does not know. */
int machine_device_own_loop(struct machine_device *device)
{
	int err = loop_init(&device->own);

	if (err)
		log_error(err, "%s: cannot make a loop", device->name);
	else
		device->loop = &device->own;
	return err;
}

static int start_loop(struct machine_device *device)
{
	int err;

	if (device->loop != &device->own)
		return 0;
	err = loop_start(&device->own, device->name);
	if (err)
		log_error(err, "%s: cannot start its thread", device->name);
	return err;
}

static int put_on_mmio(struct machine *machine, struct machine_device *device)
{
	struct irq_line irq;
	uint64_t base;
	int err = arch_mmio_slot(machine, machine->nmmio, &base, &irq);

	if (!err)
		err = virtio_mmio_init(&device->mmio, device->virtio, &machine->vm.mmio, base,
				       &irq);
	if (!err)
		machine->nmmio++;
	return err;
}

int machine_device_connect(struct machine *machine, struct machine_device *device)
{
	int err;

	if (uses_pci(machine))
		err = virtio_pci_init(&device->pci, device->virtio, &machine->pci);
	else
		err = put_on_mmio(machine, device);
	if (err == -ENOSPC)
		log_error(0,
			  "%s: no place left for it on --transport %s: fewer devices, or fewer "
			  "queues",
			  device->name, machine->options->transport);
	else if (err)
		log_error(err, "%s: cannot put it on --transport %s", device->name,
			  machine->options->transport);
	return err ? err : start_loop(device);
}

int machine_device_connected(struct machine_device *device, int err)
{
	if (err == -ENOSPC)
		log_error(0, "%s: no place left for it on the PCI bus: fewer devices, or queues",
			  device->name);
	else if (err)
		log_error(err, "%s: cannot make it", device->name);
	return err ? err : start_loop(device);
}

static void free_virtio_net(struct machine_device *device)
{
	virtio_net_free(device->virtio);
}

static int open_virtio_net(struct machine *machine, struct machine_device *device,
			   unsigned int number)
{
	static const struct machine_device_kind kind = {.free = free_virtio_net};
	int err = virtio_net_create(&machine->config->nics[number], device->name,
				    machine->identity->macs[number], device->loop, &machine->vm.mem,
				    &device->virtio);

	if (err)
		return err;
	device->kind = &kind;
	return machine_device_connect(machine, device);
}

static void free_e1000(struct machine_device *device)
{
	e1000_free(device->e1000);
}

static int open_e1000(struct machine *machine, struct machine_device *device, unsigned int number)
{
	static const struct machine_device_kind kind = {.free = free_e1000};
	int err = e1000_create(&machine->config->nics[number], device->name,
			       machine->identity->macs[number], device->loop, &machine->vm.mem,
			       &device->e1000);

	if (err)
		return err;
	device->kind = &kind;
	return machine_device_connected(device, pci_add(&machine->pci, e1000_pci(device->e1000)));
}

static int add_nic(struct machine *machine, unsigned int number)
{
	const struct nic_options *options = &machine->config->nics[number];
	struct machine_device *device = machine_device_add(machine, "net", number);
	int err = device ? 0 : -ENOSPC;

	if (!err && options->iothread)
		err = machine_device_own_loop(device);
	if (err)
		return err;
	if (options->model == NIC_MODEL_E1000)
		return open_e1000(machine, device, number);
	return open_virtio_net(machine, device, number);
}

static void free_console(struct machine_device *device)
{
	virtio_console_free(device->console);
}

static int add_console(struct machine *machine)
{
	static const struct machine_device_kind kind = {.free = free_console};
	bool both = machine->serial_stream != &machine->no_stream;
	struct machine_device *device = machine_device_add(machine, "console", 0);
	int err = device ? 0 : -ENOSPC;

	if (!err)
		err = virtio_console_create(machine->console_stream, both ? &machine->hub : NULL,
					    device->name, device->loop, &machine->vm.mem,
					    &device->console);
	if (err)
		return err;
	device->kind = &kind;
	device->virtio = virtio_console_device(device->console);
	machine->console = device->console;
	machine_devices_resize(machine);
	return machine_device_connect(machine, device);
}

static void free_ports(struct machine_device *device)
{
	virtio_ports_free(device->ports);
}

/* All of them or none. */
static int open_ports(struct machine *machine, struct virtio_port *ports)
{
	const struct machine_config *config = machine->config;

	for (unsigned int i = 0; i < config->nports; i++) {
		int err = port_open(&config->ports[i], &machine->loop, &ports[i].stream);

		if (err) {
			while (i > 0)
				stream_close(ports[--i].stream);
			return err;
		}
		ports[i].name = config->ports[i].name;
	}
	return 0;
}

/* All named ports are one device. */
static int add_ports(struct machine *machine)
{
	static const struct machine_device_kind kind = {.free = free_ports};
	struct machine_device *device = machine_device_add(machine, "ports", 0);
	struct virtio_port ports[VIRTIO_PORTS_MAX];
	int err = device ? open_ports(machine, ports) : -ENOSPC;

	if (!err)
		err = virtio_ports_create(ports, machine->config->nports, device->name,
					  device->loop, &machine->vm.mem, &device->ports);
	if (err)
		return err;
	device->kind = &kind;
	device->virtio = virtio_ports_device(device->ports);
	return machine_device_connect(machine, device);
}

static void free_rng(struct machine_device *device)
{
	virtio_rng_free(device->rng);
}

static int add_rng(struct machine *machine)
{
	static const struct machine_device_kind kind = {.free = free_rng};
	struct machine_device *device = machine_device_add(machine, "rng", 0);
	int err = device ? 0 : -ENOSPC;

	if (!err)
		err = virtio_rng_create(device->name, device->loop, &machine->vm.mem, &device->rng);
	if (err)
		return err;
	device->kind = &kind;
	device->virtio = virtio_rng_device(device->rng);
	return machine_device_connect(machine, device);
}

static int init_pci(struct machine *machine)
{
	struct pci_bus_config config;
	int err;

	if (!needs_pci(machine))
		return 0;
	msi_vm_init(&machine->msi, &machine->vm);
	config = arch_pci_config(machine);
	config.msi = &machine->msi.backend;
	err = pci_bus_init(&machine->pci, &config);
	if (err)
		log_error(err, "cannot put the PCI bus in its place");
	machine->has_pci = err == 0;
	return err;
}

int machine_devices_init(struct machine *machine)
{
	int err = init_pci(machine);

	if (!err)
		err = machine_disks_init(machine);
	for (unsigned int i = 0; i < machine->config->nnics && !err; i++)
		err = add_nic(machine, i);
	if (!err && machine->console_stream)
		err = add_console(machine);
	if (!err && machine->config->nports)
		err = add_ports(machine);
	if (!err && machine->config->mode->virtio)
		err = add_rng(machine);
	return err;
}

static void free_on_loop(void *arg)
{
	struct machine_device *device = arg;

	if (device->kind && device->kind->free)
		device->kind->free(device);
}

void machine_devices_free(struct machine *machine)
{
	while (machine->ndevices) {
		struct machine_device *device = machine->devices[--machine->ndevices];

		if (device->virtio && uses_pci(machine))
			virtio_pci_destroy(&device->pci);
		else if (device->virtio)
			virtio_mmio_destroy(&device->mmio);
		loop_call(device->loop, free_on_loop, device);
		loop_destroy(&device->own);
		free(device);
	}
	if (machine->has_pci)
		pci_bus_destroy(&machine->pci);
}

void machine_devices_reset(struct machine *machine)
{
	if (machine->has_pci)
		pci_bus_reset(&machine->pci);
	for (unsigned int i = 0; i < machine->ndevices && !uses_pci(machine); i++) {
		if (machine->devices[i]->virtio)
			virtio_mmio_reset(&machine->devices[i]->mmio);
	}
}

void machine_devices_refresh(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->ndevices; i++) {
		struct machine_device *device = machine->devices[i];

		if (device->kind->refresh)
			device->kind->refresh(device);
	}
}

void machine_devices_resize(struct machine *machine)
{
	uint16_t columns, rows;

	if (machine->console && terminal_size(&machine->terminal, &columns, &rows))
		virtio_console_resize(machine->console, columns, rows);
}
