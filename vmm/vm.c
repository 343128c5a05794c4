/* vm.c: the KVM API as far as it concerns the machine as a whole.
 * Documentation/virt/kvm/api.rst. */
#include "vmm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"
#include "vmm/vm_routes.h"

static const struct {
	int number;
	const char *name;
} needed[] = {
	{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
	{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
	{KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
	{KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
	{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
	{KVM_CAP_IOEVENTFD_ANY_LENGTH, "KVM_CAP_IOEVENTFD_ANY_LENGTH"},
	{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

static int open_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		log_error(
			0,
			"/dev/kvm: not there: load the module kvm_intel or kvm_amd, or switch on "
			"virtualization in the firmware; 'scripts/nested' runs minivmm without it");
	else if (errno == EACCES || errno == EPERM)
		log_error(0, "/dev/kvm: permission denied: add yourself to the group that owns it "
			     "(usually 'adduser $USER kvm') and log in again");
	else if (errno == ENODEV)
		log_error(0, "/dev/kvm: this processor or its firmware offers no virtualization; "
			     "'scripts/nested' runs minivmm without it");
	else
		log_error(-errno, "/dev/kvm: cannot open");
	return -errno;
}

int vm_capability(const struct vm *vm, int capability)
{
	/* Asked of the VM where there is one: some answers depend on it. */
	int fd = vm->fd >= 0 ? vm->fd : vm->kvm_fd;
	int value = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)capability);

	return value < 0 ? 0 : value;
}

int vm_ioctl(const struct vm *vm, unsigned long request, const char *name, void *arg)
{
	int value = ioctl(vm->fd, request, arg);

	if (value >= 0)
		return value;
	value = -errno;
	log_error(value, "kvm: %s", name);
	return value;
}

static int check_host(struct vm *vm)
{
	int version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	int size;

	if (version != KVM_API_VERSION) {
		log_error(0,
			  "/dev/kvm: its API version is %d, not %d: this kernel is too old or not "
			  "Linux's KVM",
			  version, KVM_API_VERSION);
		return -ENOTSUP;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (vm_capability(vm, needed[i].number))
			continue;
		log_error(0, "/dev/kvm: %s is missing: Linux 4.12 or later is needed",
			  needed[i].name);
		return -ENOTSUP;
	}
	size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run)) {
		log_error(size < 0 ? -errno : 0, "kvm: KVM_GET_VCPU_MMAP_SIZE");
		return -ENOTSUP;
	}
	vm->run_size = (size_t)size;
	return 0;
}

static int create_vm(struct vm *vm)
{
	uint64_t start = monotonic_ns();
	int fd;

	do
		fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0ul);
	while (fd < 0 && errno == EINTR);
	vm->create_ns += monotonic_ns() - start;
	if (fd >= 0) {
		vm->fd = fd;
		return 0;
	}
	if (errno == EBUSY)
		log_error(0, "/dev/kvm: the processor's virtualization is held by another program "
			     "(VirtualBox or VMware?): end it first");
	else
		log_error(-errno, "kvm: KVM_CREATE_VM");
	return -errno;
}

/* Bus hook: a write that KVM shall turn into a signal. */
static int tell_kvm(struct bus *bus, const struct ioeventfd *event, uint64_t address, bool assign)
{
	bool port = bus->ram == NULL;
	struct vm *vm =
		port ? container_of(bus, struct vm, ports) : container_of(bus, struct vm, mmio);
	struct kvm_ioeventfd arg = {
		.datamatch = event->data,
		.addr = address,
		.len = event->size,
		.fd = event->fd,
		.flags = (port ? KVM_IOEVENTFD_FLAG_PIO : 0u) |
			 (event->match_data ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
			 (assign ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	if (vm->fd < 0)
		return 0; /* between two VMs: bus_ioeventfd_rearm() follows */
	return ioctl(vm->fd, KVM_IOEVENTFD, &arg) < 0 ? -errno : 0;
}

int vm_init(struct vm *vm, struct event_sink *events)
{
	int err;

	*vm = (struct vm){.kvm_fd = -1, .fd = -1, .events = events};
	pthread_mutex_init(&vm->lock, NULL);
	bus_init(&vm->ports, NULL);
	bus_init(&vm->mmio, &vm->mem);
	vm->ports.ioeventfd = tell_kvm;
	vm->mmio.ioeventfd = tell_kvm;
	vm->routes = vm_routes_create();
	if (!vm->routes) {
		vm_destroy(vm);
		return -ENOMEM;
	}
	vm->kvm_fd = open_kvm();
	err = vm->kvm_fd < 0 ? vm->kvm_fd : check_host(vm);
	if (!err)
		err = create_vm(vm);
	if (err)
		vm_destroy(vm);
	return err;
}

void vm_destroy(struct vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	vm->fd = vm->kvm_fd = -1;
	memory_free(&vm->mem);
	vm_routes_free(vm->routes);
	vm->routes = NULL;
	bus_destroy(&vm->ports);
	bus_destroy(&vm->mmio);
	pthread_mutex_destroy(&vm->lock);
}

static int set_slot(struct vm *vm, unsigned int slot)
{
	const struct memory_region *ram = &vm->mem.regions[slot];
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = ram->base,
		.memory_size = ram->size,
		.userspace_addr = (uintptr_t)ram->host,
	};

	return vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &region);
}

int vm_add_ram(struct vm *vm, gpa_t base, uint64_t size)
{
	int err = memory_add(&vm->mem, base, size);

	if (err) {
		log_error(err, "memory: cannot reserve %llu MiB", (unsigned long long)(size >> 20));
		return err;
	}
	/* Regions are added by ascending address, so the newest one is the last. */
	return set_slot(vm, vm->mem.nregions - 1);
}

int vm_renew(struct vm *vm)
{
	int err;

	close(vm->fd);
	vm->fd = -1;
	err = create_vm(vm);
	for (unsigned int i = 0; i < vm->mem.nregions && !err; i++)
		err = set_slot(vm, i);
	return err;
}

int vm_reconnect(struct vm *vm)
{
	int err = bus_ioeventfd_rearm(&vm->ports);

	if (!err)
		err = bus_ioeventfd_rearm(&vm->mmio);
	if (err)
		log_error(err, "kvm: cannot connect the devices to the new machine");
	vm_routes_renew(vm);
	return err;
}

static void set_line(void *owner, unsigned int pin, bool on)
{
	struct vm *vm = owner;
	struct kvm_irq_level level = {.irq = pin, .level = on};

	/* It fails only between two VMs, when there is nobody to interrupt. */
	ioctl(vm->fd, KVM_IRQ_LINE, &level);
}

struct irq_line vm_irq_line(struct vm *vm, unsigned int gsi)
{
	return (struct irq_line){.set = set_line, .owner = vm, .pin = gsi};
}
