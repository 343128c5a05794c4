/*
 * vm_routes.c: the interrupt routing table: which message each MSI-X vector's eventfd sends.
 *
 * KVM takes the table whole (KVM_SET_GSI_ROUTING), so it is kept here. Its first rows are the pins
 * of the interrupt controllers, given by the architecture; every message-signalled vector that is
 * unmasked adds one.
 */
#include "vmm/vm_routes.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/log.h"

enum { MAX_PIN_ROUTES = 3 * 16 + VM_MAX_LINES };

/* struct kvm_irq_routing with room for all we can have. */
struct routing_table {
	uint32_t nr;
	uint32_t flags;
	struct kvm_irq_routing_entry entries[MAX_PIN_ROUTES + VM_MAX_MSIS];
};
_Static_assert(offsetof(struct routing_table, entries) == sizeof(struct kvm_irq_routing),
	       "KVM's layout");

struct vm_routes {
	struct msi_row {
		struct irqfd *irqfd; /* borrowed; NULL: free */
		uint64_t address;
		uint32_t data;
	} msis[VM_MAX_MSIS]; /* row i is GSI VM_MAX_LINES + i */
	struct kvm_irq_routing_entry pins[MAX_PIN_ROUTES];
	unsigned int npins;
	/* For the ioctl: made once, since nothing is allocated while a guest runs. */
	struct routing_table table;
};

struct vm_routes *vm_routes_create(void)
{
	return calloc(1, sizeof(struct vm_routes));
}

void vm_routes_free(struct vm_routes *routes)
{
	free(routes);
}

/* The lock is held. */
static int commit(struct vm *vm)
{
	struct vm_routes *routes = vm->routes;
	unsigned int n = routes->npins;

	memcpy(routes->table.entries, routes->pins, n * sizeof(routes->pins[0]));
	for (unsigned int i = 0; i < VM_MAX_MSIS; i++) {
		const struct msi_row *row = &routes->msis[i];

		if (!row->irqfd || !row->irqfd->routed)
			continue;
		routes->table.entries[n++] = (struct kvm_irq_routing_entry){
			.gsi = VM_MAX_LINES + i,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {.address_lo = (uint32_t)row->address,
				  .address_hi = (uint32_t)(row->address >> 32),
				  .data = row->data},
		};
	}
	routes->table.nr = n;
	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routes->table) < 0 ? -errno : 0;
}

int vm_set_pin_routes(struct vm *vm, const struct kvm_irq_routing_entry *pins, unsigned int n)
{
	int err;

	assert(n <= MAX_PIN_ROUTES);
	memcpy(vm->routes->pins, pins, n * sizeof(*pins));
	vm->routes->npins = n;
	pthread_mutex_lock(&vm->lock);
	err = commit(vm);
	pthread_mutex_unlock(&vm->lock);
	if (err)
		log_error(err, "kvm: KVM_SET_GSI_ROUTING");
	return err;
}

static int listen_to(struct vm *vm, const struct irqfd *irqfd, bool on)
{
	struct kvm_irqfd arg = {
		.fd = (uint32_t)irqfd->fd,
		.gsi = irqfd->gsi,
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->fd, KVM_IRQFD, &arg) < 0 ? -errno : 0;
}

int vm_irqfd_msi(struct vm *vm, struct irqfd *irqfd)
{
	unsigned int i;

	for (i = 0; i < VM_MAX_MSIS && vm->routes->msis[i].irqfd; i++)
		;
	*irqfd = (struct irqfd){.fd = -1, .gsi = VM_MAX_LINES + i};
	if (i == VM_MAX_MSIS)
		return -ENOSPC;
	irqfd->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (irqfd->fd < 0)
		return -errno;
	vm->routes->msis[i] = (struct msi_row){.irqfd = irqfd};
	return 0;
}

int vm_msi_route(struct vm *vm, struct irqfd *irqfd, uint64_t address, uint32_t data)
{
	struct msi_row *row = &vm->routes->msis[irqfd->gsi - VM_MAX_LINES];
	bool was_routed;
	int err = 0;

	pthread_mutex_lock(&vm->lock);
	was_routed = irqfd->routed;
	if (!was_routed || row->address != address || row->data != data) {
		row->address = address;
		row->data = data;
		irqfd->routed = true;
		err = commit(vm);
	}
	/* A signal that waits in the eventfd is delivered as KVM begins to listen. */
	if (!err && !was_routed)
		err = listen_to(vm, irqfd, true);
	if (err) {
		/* KVM must not go on with the old message, nor refuse to listen later. */
		if (was_routed)
			listen_to(vm, irqfd, false);
		irqfd->routed = false;
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

void vm_msi_unroute(struct vm *vm, struct irqfd *irqfd)
{
	pthread_mutex_lock(&vm->lock);
	if (irqfd->routed) {
		listen_to(vm, irqfd, false);
		irqfd->routed = false; /* its row goes with the next commit */
	}
	pthread_mutex_unlock(&vm->lock);
}

void vm_irqfd_free(struct vm *vm, struct irqfd *irqfd)
{
	if (irqfd->fd < 0)
		return;
	vm_msi_unroute(vm, irqfd);
	vm->routes->msis[irqfd->gsi - VM_MAX_LINES].irqfd = NULL;
	close(irqfd->fd);
	irqfd->fd = -1;
}

void vm_routes_renew(struct vm *vm)
{
	struct vm_routes *routes = vm->routes;

	for (unsigned int i = 0; i < VM_MAX_MSIS; i++) {
		if (routes->msis[i].irqfd)
			routes->msis[i].irqfd->routed = false;
	}
}
