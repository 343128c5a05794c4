/* console.c: the virtio console. */
#include "virtio/console.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_console.h>
#include <stddef.h>
#include <stdlib.h>

#include "virtio/console_port.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum { RECEIVEQ, TRANSMITQ, QUEUES }; /* 5.3.2 */

struct virtio_console {
	struct virtio_device dev;
	struct console_port port;
	struct console_hub *hub; /* borrowed; NULL: input comes here anyway */
};

static struct virtio_console *to_console(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

/* Without MULTIPORT a console is open as soon as there is a driver. */
static int console_start(struct virtio_device *dev)
{
	struct virtio_console *console = to_console(dev);

	console_port_start(&console->port);
	console->port.open = true; /* a kick of each queue follows */
	if (console->hub)
		console_hub_route(console->hub, CONSOLE_VIRTIO);
	return 0;
}

static void console_stop(struct virtio_device *dev)
{
	console_port_stop(&to_console(dev)->port);
}

static void console_reset(struct virtio_device *dev)
{
	struct virtio_console *console = to_console(dev);

	console_port_reset(&console->port);
	if (console->hub)
		console_hub_route(console->hub, CONSOLE_SERIAL);
}

static void console_kick(struct virtio_device *dev, unsigned int queue)
{
	struct console_port *port = &to_console(dev)->port;

	if (queue == TRANSMITQ)
		console_port_send(port);
	else
		console_port_receive(port);
}

static const struct virtio_device_ops console_ops = {
	.start = console_start,
	.stop = console_stop,
	.kick = console_kick,
	.reset = console_reset,
};

int virtio_console_create(struct stream *stream, struct console_hub *hub, const char *name,
			  struct loop *loop, const struct guest_memory *mem,
			  struct virtio_console **out)
{
	struct virtio_console *console = calloc(1, sizeof(*console));
	int err = -ENOMEM;

	if (console) {
		console->hub = hub;
		console->dev.name = name;
		console->dev.id = VIRTIO_ID_CONSOLE;
		console->dev.ops = &console_ops;
		console->dev.features = UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE;
		console->dev.nqueues = QUEUES;
		console->dev.queue_size = CONSOLE_QUEUE_SIZE;
		console->dev.config_size = offsetof(struct virtio_console_config, max_nr_ports);
		err = virtio_device_init(&console->dev, loop, mem);
	}
	if (err) {
		log_error(err, "%s: cannot make it", name);
		free(console);
		return err;
	}
	console_port_init(&console->port, &console->dev, stream, RECEIVEQ, TRANSMITQ);
	*out = console;
	return 0;
}

void virtio_console_free(struct virtio_console *console)
{
	if (!console)
		return;
	virtio_device_destroy(&console->dev);
	console->port.stream->client = NULL;
	free(console);
}

struct virtio_device *virtio_console_device(struct virtio_console *console)
{
	return &console->dev;
}

void virtio_console_resize(struct virtio_console *console, uint16_t columns, uint16_t rows)
{
	const uint16_t size[] = {htole16(columns), htole16(rows)}; /* cols, rows: 5.3.4 */

	virtio_config_changed(&console->dev, 0, size, sizeof(size));
}
