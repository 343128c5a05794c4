/* msi.c: eventfds like the real ones, with this record in KVM's place. */
#include "tests/fake/msi.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/util.h"

struct fake_msi_vector *fake_msi_vector(struct fake_msi *msi, const struct irqfd *irqfd)
{
	return &msi->vectors[irqfd->gsi];
}

static int irqfd_init(struct msi_backend *backend, struct irqfd *irqfd)
{
	struct fake_msi *msi = container_of(backend, struct fake_msi, backend);
	unsigned int row = 0;

	irqfd->fd = -1;
	while (row < msi->limit && msi->vectors[row].used)
		row++;
	if (row == msi->limit)
		return -ENOSPC;
	irqfd->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (irqfd->fd < 0)
		return -errno;
	irqfd->gsi = row;
	msi->vectors[row] = (struct fake_msi_vector){.used = true};
	msi->used++;
	return 0;
}

static int route(struct msi_backend *backend, struct irqfd *irqfd, uint64_t address, uint32_t data)
{
	struct fake_msi *msi = container_of(backend, struct fake_msi, backend);
	struct fake_msi_vector *vector = fake_msi_vector(msi, irqfd);

	vector->routes++;
	if (msi->refuses)
		return -EINVAL;
	vector->routed = true;
	vector->address = address;
	vector->data = data;
	return 0;
}

static void unroute(struct msi_backend *backend, struct irqfd *irqfd)
{
	struct fake_msi *msi = container_of(backend, struct fake_msi, backend);

	fake_msi_vector(msi, irqfd)->routed = false;
}

static void irqfd_free(struct msi_backend *backend, struct irqfd *irqfd)
{
	struct fake_msi *msi = container_of(backend, struct fake_msi, backend);

	if (irqfd->fd < 0)
		return;
	*fake_msi_vector(msi, irqfd) = (struct fake_msi_vector){0};
	msi->used--;
	close(irqfd->fd);
	irqfd->fd = -1;
}

void fake_msi_init(struct fake_msi *msi)
{
	static const struct msi_backend_ops ops = {
		.irqfd_init = irqfd_init,
		.route = route,
		.unroute = unroute,
		.irqfd_free = irqfd_free,
	};

	*msi = (struct fake_msi){.backend.ops = &ops, .limit = FAKE_MSI_VECTORS};
}

uint64_t fake_msi_sent(struct fake_msi *msi, const struct irqfd *irqfd)
{
	uint64_t count;

	if (!fake_msi_vector(msi, irqfd)->routed)
		return 0;
	return read(irqfd->fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}
