/*
 * console.h: the virtio console, hvc0 (virtio 1.2, section 5.3), on any struct stream.
 *
 * It has no MULTIPORT feature, so that the size of its window goes through the configuration space:
 * in the control message that MULTIPORT has for it, the order of columns and rows differs between
 * the specification and the kernels in use. Named ports are a device of their own (ports.h).
 */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include "devices/backend/console_hub.h"
#include "devices/backend/stream.h"
#include "virtio/virtio.h"

struct virtio_console;

/*
 * stream is borrowed; hub is the one it is a front of, which then sends input here while a driver
 * has the console, or NULL. name is borrowed. Before the loop runs. 0 or -errno, logged.
 */
int virtio_console_create(struct stream *stream, struct console_hub *hub, const char *name,
			  struct loop *loop, const struct guest_memory *mem,
			  struct virtio_console **console);
void virtio_console_free(struct virtio_console *console); /* no vCPU runs; accepts NULL */

struct virtio_device *virtio_console_device(struct virtio_console *console);

/* The window has this size now. Any thread. */
void virtio_console_resize(struct virtio_console *console, uint16_t columns, uint16_t rows);

#endif
