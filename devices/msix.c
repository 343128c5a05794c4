/* msix.c: which vectors KVM listens to, and the table and pending bits as the guest sees them. */
#include "devices/msix.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "devices/pci.h"
#include "vmm/bytes.h"
#include "vmm/util.h"
#include "vmm/vm.h"

enum {
	PENDING_OFFSET = MSIX_BAR_SIZE / 2,
	ROW_SIZE = 4 * MSIX_WORDS,
	PENDING_PER_WORD = 32,
};

_Static_assert(MSIX_MAX_VECTORS *ROW_SIZE <= PENDING_OFFSET, "the table has room");

static int msi_vm_irqfd_init(struct msi_backend *backend, struct irqfd *irqfd)
{
	return vm_irqfd_msi(container_of(backend, struct msi_vm, backend)->vm, irqfd);
}

static int msi_vm_route(struct msi_backend *backend, struct irqfd *irqfd, uint64_t address,
			uint32_t data)
{
	return vm_msi_route(container_of(backend, struct msi_vm, backend)->vm, irqfd, address,
			    data);
}

static void msi_vm_unroute(struct msi_backend *backend, struct irqfd *irqfd)
{
	vm_msi_unroute(container_of(backend, struct msi_vm, backend)->vm, irqfd);
}

static void msi_vm_irqfd_free(struct msi_backend *backend, struct irqfd *irqfd)
{
	vm_irqfd_free(container_of(backend, struct msi_vm, backend)->vm, irqfd);
}

void msi_vm_init(struct msi_vm *msi, struct vm *vm)
{
	static const struct msi_backend_ops ops = {
		.irqfd_init = msi_vm_irqfd_init,
		.route = msi_vm_route,
		.unroute = msi_vm_unroute,
		.irqfd_free = msi_vm_irqfd_free,
	};

	*msi = (struct msi_vm){.backend.ops = &ops, .vm = vm};
}

static bool is_open(const struct msix *msix, unsigned int vector)
{
	return msix->state.enabled && !msix->state.function_masked &&
	       !(msix->state.table[vector][MSIX_VECTOR_CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* Has KVM listen or not, as the masks say now. The lock is held. */
static void update_route(struct msix *msix, unsigned int vector)
{
	const struct msi_backend_ops *ops = msix->backend->ops;
	const uint32_t *row = msix->state.table[vector];
	uint64_t address = (uint64_t)row[MSIX_UPPER_ADDRESS] << 32 | row[MSIX_ADDRESS];

	if (!is_open(msix, vector))
		ops->unroute(msix->backend, &msix->irqfds[vector]);
	else if (ops->route(msix->backend, &msix->irqfds[vector], address, row[MSIX_DATA]) < 0)
		log_guest(&msix->refused,
			  "%s: KVM takes no message to 0x%" PRIx64 ": vector %u stays silent",
			  msix->device->name, address, vector);
}

static void update_routes(struct msix *msix)
{
	for (unsigned int vector = 0; vector < msix->nvectors; vector++)
		update_route(msix, vector);
}

/* 32 pending bits, from the vectors that nobody listens to. */
static uint32_t pending_word(const struct msix *msix, unsigned int first)
{
	struct pollfd fds[PENDING_PER_WORD];
	uint32_t pending = 0;
	nfds_t n = 0;

	for (; n < PENDING_PER_WORD && first + n < msix->nvectors; n++) {
		unsigned int vector = first + (unsigned int)n;

		/* poll() leaves out negative descriptors. */
		fds[n] = (struct pollfd){
			.fd = is_open(msix, vector) ? -1 : msix->irqfds[vector].fd,
			.events = POLLIN,
		};
	}
	if (poll(fds, n, 0) <= 0)
		return 0;
	for (nfds_t i = 0; i < n; i++)
		pending |= (uint32_t)(fds[i].revents & POLLIN ? 1 : 0) << i;
	return pending;
}

/* The aligned doubleword at offset. */
static uint32_t read_word(const struct msix *msix, uint64_t offset)
{
	uint64_t row = offset / ROW_SIZE;

	if (row < msix->nvectors)
		return msix->state.table[row][offset % ROW_SIZE / 4];
	if (offset >= PENDING_OFFSET && offset < PENDING_OFFSET + MSIX_MAX_VECTORS / 8)
		return pending_word(msix, (unsigned int)(offset - PENDING_OFFSET) * 8);
	return 0;
}

static uint64_t table_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct msix *msix = container_of(region, struct msix, region);
	uint64_t word = offset & ~3ull;
	uint64_t value;

	pthread_mutex_lock(&msix->lock);
	value = read_word(msix, word);
	if (offset - word + size > 4)
		value |= (uint64_t)read_word(msix, word + 4) << 32;
	pthread_mutex_unlock(&msix->lock);
	return value >> 8 * (offset - word);
}

static void write_word(struct msix *msix, uint64_t offset, uint32_t value)
{
	uint64_t row = offset / ROW_SIZE;

	if (row >= msix->nvectors)
		return;
	msix->state.table[row][offset % ROW_SIZE / 4] = value;
	update_route(msix, (unsigned int)row);
}

/* Software must write aligned doublewords and quadwords, 6.8.2: others change nothing. */
static void table_write(struct io_region *region, uint64_t offset, uint64_t value,
			unsigned int size)
{
	struct msix *msix = container_of(region, struct msix, region);

	if (size < 4 || offset % size)
		return;
	pthread_mutex_lock(&msix->lock);
	for (unsigned int i = 0; i < size; i += 4)
		write_word(msix, offset + i, (uint32_t)(value >> 8 * i));
	pthread_mutex_unlock(&msix->lock);
}

static void power_on(struct msix *msix)
{
	memset(msix->state.table, 0, sizeof(msix->state.table));
	msix->state.function_masked = 0;
	__atomic_store_n(&msix->state.enabled, 0, __ATOMIC_RELAXED);
	for (unsigned int vector = 0; vector < MSIX_MAX_VECTORS; vector++)
		msix->state.table[vector][MSIX_VECTOR_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

int msix_init(struct msix *msix, struct pci_device *device, struct msi_backend *backend,
	      unsigned int bar, unsigned int nvectors)
{
	static const struct io_region_ops ops = {.read = table_read, .write = table_write};
	static const uint8_t writable[PCI_CAP_MSIX_SIZEOF] = {
		[PCI_MSIX_FLAGS + 1] = (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8};
	uint8_t capability[PCI_CAP_MSIX_SIZEOF] = {PCI_CAP_ID_MSIX};

	assert(nvectors >= 1 && nvectors <= MSIX_MAX_VECTORS);
	*msix = (struct msix){
		.device = device,
		.backend = backend,
		.region = {.name = device->name, .size = MSIX_BAR_SIZE, .ops = &ops},
	};
	pthread_mutex_init(&msix->lock, NULL);
	power_on(msix);
	while (msix->nvectors < nvectors) {
		int err = backend->ops->irqfd_init(backend, &msix->irqfds[msix->nvectors]);

		if (err) {
			msix_destroy(msix);
			return err;
		}
		msix->nvectors++;
	}
	store_le16(capability + PCI_MSIX_FLAGS, (uint16_t)(nvectors - 1));
	store_le32(capability + PCI_MSIX_TABLE, bar);
	store_le32(capability + PCI_MSIX_PBA, PENDING_OFFSET | bar);
	msix->capability = pci_capability_add(device, capability, writable, sizeof(capability));
	pci_bar_add(device, bar, PCI_BAR_MEM32, &msix->region);
	device->msix = msix;
	return 0;
}

void msix_destroy(struct msix *msix)
{
	if (!msix->backend)
		return;
	while (msix->nvectors > 0)
		msix->backend->ops->irqfd_free(msix->backend, &msix->irqfds[--msix->nvectors]);
	pthread_mutex_destroy(&msix->lock);
	msix->backend = NULL;
}

/* Asked at every interrupt, so without the lock; alone: no order with the table is implied. */
bool msix_is_enabled(const struct msix *msix)
{
	return __atomic_load_n(&msix->state.enabled, __ATOMIC_RELAXED);
}

int msix_vector_fd(const struct msix *msix, unsigned int vector)
{
	return vector < msix->nvectors ? msix->irqfds[vector].fd : -1;
}

void msix_signal(struct msix *msix, unsigned int vector)
{
	const uint64_t one = 1;
	int fd = msix_vector_fd(msix, vector);

	/* A count that is full is pending all the same. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void msix_control_written(struct msix *msix, uint16_t control)
{
	pthread_mutex_lock(&msix->lock);
	__atomic_store_n(&msix->state.enabled, (control & PCI_MSIX_FLAGS_ENABLE) != 0,
			 __ATOMIC_RELAXED);
	msix->state.function_masked = (control & PCI_MSIX_FLAGS_MASKALL) != 0;
	update_routes(msix);
	pthread_mutex_unlock(&msix->lock);
}

void msix_reset(struct msix *msix)
{
	uint64_t count;

	pthread_mutex_lock(&msix->lock);
	power_on(msix);
	update_routes(msix);
	for (unsigned int vector = 0; vector < msix->nvectors; vector++) {
		if (read(msix->irqfds[vector].fd, &count, sizeof(count)) < 0)
			continue; /* nothing was pending */
	}
	log_guest_rearm(&msix->refused);
	pthread_mutex_unlock(&msix->lock);
}
