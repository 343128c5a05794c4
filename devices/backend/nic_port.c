/* nic_port.c: what is awaited of a backend's descriptor, told to the loop. */
#include "devices/backend/nic_port.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"

static void update(struct nic_port *port)
{
	uint32_t events = (port->want_read ? EPOLLIN : 0) | (port->want_write ? EPOLLOUT : 0);
	int err = 0;

	if (!events)
		loop_remove(port->loop, &port->source);
	else if (port->source.added)
		err = loop_modify(port->loop, &port->source, events);
	else
		err = loop_add(port->loop, &port->source, events);
	if (err)
		log_error(err, "net: cannot wait for frames");
}

static void port_ready(struct loop_source *source, uint32_t events)
{
	struct nic_port *port = container_of(source, struct nic_port, source);
	const uint32_t trouble = EPOLLERR | EPOLLHUP; /* the next send or receive finds out which */

	if (port->want_write && (events & (EPOLLOUT | trouble))) {
		port->want_write = false;
		update(port);
		if ((!port->flush || port->flush(port) == 0) && port->nic->client)
			port->nic->client->writable(port->nic->client, port->queue);
	}
	if (port->want_read && (events & (EPOLLIN | trouble)) && port->nic->client)
		port->nic->client->readable(port->nic->client, port->queue);
}

void nic_port_init(struct nic_port *port, struct nic *nic, unsigned int queue, struct loop *loop,
		   int fd)
{
	*port = (struct nic_port){.source = {.fd = fd, .ready = port_ready},
				  .loop = loop,
				  .nic = nic,
				  .queue = queue};
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void nic_port_destroy(struct nic_port *port)
{
	if (!port->loop)
		return;
	loop_remove(port->loop, &port->source);
	close(port->source.fd);
	*port = (struct nic_port){.source.fd = -1};
}

void nic_port_await_read(struct nic_port *port, bool on)
{
	port->want_read = on;
	update(port);
}

void nic_port_await_write(struct nic_port *port)
{
	port->want_write = true;
	update(port);
}

void nic_port_hang_up(struct nic_port *port)
{
	port->want_read = false;
	port->want_write = false;
	update(port);
}
