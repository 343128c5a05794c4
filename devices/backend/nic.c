/* nic.c: from what the options ask for to the backend that does it. */
#include "devices/backend/nic.h"

#include <errno.h>

#include "devices/backend/nic_options.h"

static int open_kind(const struct nic_options *options, struct loop *loop, struct nic **nic)
{
	switch (options->kind) {
	case NIC_TAP:
		return nic_open_tap(options, loop, nic);
	case NIC_FD:
		return nic_open_fd(options->fd, loop, nic);
	case NIC_PASST:
		return nic_open_passt(options, loop, nic);
	case NIC_PEER:
		return nic_open_peer(loop, nic);
	case NIC_NONE:
		break; /* there is nothing to open: the caller does not ask */
	}
	return -EINVAL;
}

int nic_open(const struct nic_options *options, struct loop *loop, struct nic **nic)
{
	int err = open_kind(options, loop, nic);

	if (!err && options->mtu)
		(*nic)->mtu = options->mtu;
	return err;
}

void nic_close(struct nic *nic)
{
	if (nic)
		nic->ops->close(nic);
}

void nic_link_down(struct nic *nic)
{
	if (!nic->link_up)
		return;
	nic->link_up = false;
	if (nic->client)
		nic->client->link_changed(nic->client);
}
