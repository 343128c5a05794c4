/* machine_disks.c: a disk is a virtio device or an NVMe controller, over what the host lends. */
#include "vmm/machine_disks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "devices/backend/disk_memory.h"
#include "devices/backend/disk_raw.h"
#include "devices/nvme.h"
#include "virtio/blk.h"
#include "vmm/disk_ids.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/machine_levers.h"

static void free_blk(struct machine_device *device)
{
	virtio_blk_free(device->blk);
}

static void refresh_blk(struct machine_device *device)
{
	virtio_blk_refresh(device->blk);
}

static bool blk_written(const struct machine_device *device)
{
	return virtio_blk_was_written(device->blk);
}

static bool blk_driven(const struct machine_device *device)
{
	return device->virtio->was_driven;
}

static int connect_blk(struct machine *machine, struct machine_device *device)
{
	static const struct machine_device_kind kind = {
		.free = free_blk,
		.refresh = refresh_blk,
		.was_written = blk_written,
		.was_driven = blk_driven,
		.driver = "virtio_blk",
	};

	device->kind = &kind;
	device->virtio = virtio_blk_device(device->blk);
	return machine_device_connect(machine, device);
}

static void free_nvme(struct machine_device *device)
{
	nvme_free(device->nvme);
}

static void refresh_nvme(struct machine_device *device)
{
	nvme_refresh(device->nvme);
}

static bool nvme_written(const struct machine_device *device)
{
	return nvme_was_written(device->nvme);
}

static bool nvme_driven(const struct machine_device *device)
{
	return nvme_was_driven(device->nvme);
}

static int connected_nvme(struct machine_device *device, int err)
{
	static const struct machine_device_kind kind = {
		.free = free_nvme,
		.refresh = refresh_nvme,
		.was_written = nvme_written,
		.was_driven = nvme_driven,
		.driver = "nvme",
	};

	if (!err)
		device->kind = &kind;
	return machine_device_connected(device, err);
}

/* Makes the device of a disk that is open: it is the device's from now on, also on failure. */
static int put_behind(struct machine *machine, struct machine_device *device, struct disk *disk,
		      enum disk_model model, unsigned int nqueues, unsigned int number)
{
	const struct nvme_identity identity = {
		.name = device->name,
		.serial = machine->identity->disk_serials[number],
		.subsystem = identity_subsystem_uuid(machine->identity, number),
		.namespace_id = identity_namespace_uuid(machine->identity, number),
	};
	int err;

	if (model == DISK_MODEL_NVME) {
		err = nvme_create(disk, nqueues, &identity, device->loop, &machine->vm.mem,
				  &machine->pci, &device->nvme);
		return connected_nvme(device, err);
	}
	err = virtio_blk_create(disk, nqueues, identity.name, identity.serial, device->loop,
				&machine->vm.mem, &device->blk);
	if (err) {
		log_error(err, "%s: cannot make it", device->name);
		return err;
	}
	return connect_blk(machine, device);
}

static int add_disk(struct machine *machine, unsigned int number)
{
	const struct disk_options *options = &machine->config->disks[number];
	const struct disk_raw_config raw = {
		.path = options->path,
		.read_only = options->read_only,
		.direct = options->direct,
	};
	struct machine_device *device = machine_device_add(machine, "disk", number);
	struct disk *disk;
	int err = device ? 0 : -ENOSPC;

	if (!err && options->iothread)
		err = machine_device_own_loop(device);
	if (!err)
		err = disk_raw_open(&raw, &disk);
	if (err)
		return err;
	device->path = options->path;
	return put_behind(machine, device, disk, options->model, options->queues, number);
}

/* cloud-init's disk, behind all others: they keep their names in the guest. */
static int add_seed(struct machine *machine)
{
	const struct machine_levers *levers = machine->config->levers;
	struct machine_device *device = machine_device_add(machine, "seed", 0);
	struct disk *disk;
	int err = device ? 0 : -ENOSPC;

	if (!err)
		err = disk_memory_open(device->name, levers->seed, levers->seed_size, &disk);
	if (err)
		return err;
	return put_behind(machine, device, disk,
			  machine->config->mode->virtio ? DISK_MODEL_VIRTIO : DISK_MODEL_NVME, 1,
			  machine->config->ndisks);
}

static struct disk_ids ids_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct disk_ids ids = {.kind = NULL};

	if (fd >= 0 && disk_ids_read(fd, &ids) < 0)
		ids.kind = NULL;
	if (fd >= 0)
		close(fd);
	return ids;
}

/* A disk and its copy: root=UUID= may mean either. */
static void warn_of_twins(const struct machine_config *config)
{
	struct disk_ids ids[IDENTITY_MAX_DISKS];

	for (unsigned int i = 0; config->ndisks > 1 && i < config->ndisks; i++) {
		ids[i] = ids_of(config->disks[i].path);
		for (unsigned int j = 0; j < i; j++) {
			if (disk_ids_same(&ids[i], &ids[j]))
				log_warning("disk '%s': its %s has the same %s as that of '%s': "
					    "which of them the guest finds by it is not certain",
					    config->disks[i].path, ids[i].kind, ids[i].id_name,
					    config->disks[j].path);
		}
	}
}

int machine_disks_init(struct machine *machine)
{
	int err = 0;

	for (unsigned int i = 0; i < machine->config->ndisks && !err; i++)
		err = add_disk(machine, i);
	if (!err)
		warn_of_twins(machine->config);
	if (!err && machine->config->levers->seed)
		err = add_seed(machine);
	return err;
}

void machine_disks_root_argument(const struct machine *machine, char *text, size_t size)
{
	const struct disk_options *disk = machine->config->disks;

	text[0] = '\0';
	if (machine->config->ndisks > 0)
		snprintf(text, size, "root=/dev/%s %s",
			 disk->model == DISK_MODEL_NVME ? "nvme0n1" : "vda",
			 disk->read_only ? "ro" : "rw");
}

bool machine_disks_wrote(const struct machine *machine)
{
	for (unsigned int i = 0; i < machine->ndevices; i++) {
		const struct machine_device *device = machine->devices[i];

		if (device->kind->was_written && device->kind->was_written(device))
			return true;
	}
	return false;
}

void machine_disks_tell_unused(const struct machine *machine)
{
	for (unsigned int i = 0; i < machine->ndevices; i++) {
		const struct machine_device *device = machine->devices[i];

		if (device->path && !device->kind->was_driven(device))
			log_notice("disk '%s': no driver of the guest ever took it: the kernel "
				   "needs %s, built in or in an initrd",
				   device->path, device->kind->driver);
	}
}
