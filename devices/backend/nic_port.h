/*
 * nic_port.h: for backends: one descriptor that frames come and go through, and what is awaited of
 * it. A descriptor of which nothing is awaited is not in the loop at all: an error or a hangup,
 * which epoll reports unasked, cannot make it spin.
 */
#ifndef DEVICES_BACKEND_NIC_PORT_H
#define DEVICES_BACKEND_NIC_PORT_H

#include <stdbool.h>

#include "devices/backend/nic.h"
#include "vmm/loop.h"

struct nic_port {
	struct loop_source source; /* its fd is owned; -1 when closed */
	struct loop *loop;	   /* borrowed */
	struct nic *nic;	   /* borrowed: whose port it is */
	unsigned int queue;
	/* Sends first what is left of an earlier frame: 0, or -errno, and nobody else is told.
	 * NULL: nothing is ever left. */
	int (*flush)(struct nic_port *port);
	bool want_read, want_write;
};

/* Sets the descriptor non-blocking and close-on-exec, and owns it. Nothing is awaited yet. */
void nic_port_init(struct nic_port *port, struct nic *nic, unsigned int queue, struct loop *loop,
		   int fd);
void nic_port_destroy(struct nic_port *port); /* accepts a zeroed struct */

/* Awaits frames until told otherwise: nic->readable() is called for each wake-up. */
void nic_port_await_read(struct nic_port *port, bool on);
/* Awaits room once: nic->writable() is called, and no more. */
void nic_port_await_write(struct nic_port *port);
/* Nothing will come any more: neither is awaited, and fd stays open until nic_port_destroy(). */
void nic_port_hang_up(struct nic_port *port);

#endif
