/* console_hub.c: one stream for two console devices. It has no lock: the stream below has one. */
#include "devices/backend/console_hub.h"

#include "vmm/util.h"

static struct console_hub_front *to_front(struct stream *stream)
{
	return container_of(stream, struct console_hub_front, stream);
}

static size_t front_write(struct stream *stream, const void *buf, size_t len)
{
	return stream_write(to_front(stream)->hub->below, buf, len);
}

static size_t front_read(struct stream *stream, void *buf, size_t len)
{
	struct console_hub_front *front = to_front(stream);
	struct console_hub *hub = front->hub;

	if (front != &hub->fronts[atomic_load(&hub->input)])
		return 0;
	return stream_read(hub->below, buf, len);
}

static const struct stream_ops front_ops = {
	.write = front_write,
	.read = front_read,
};

static void below_readable(struct stream_client *client)
{
	struct console_hub *hub = container_of(client, struct console_hub, client);

	stream_tell_readable(&hub->fronts[atomic_load(&hub->input)].stream);
}

/* Whoever waits tries again; the one that did not wait has nothing to write. */
static void below_writable(struct stream_client *client)
{
	struct console_hub *hub = container_of(client, struct console_hub, client);

	for (unsigned int i = 0; i < CONSOLE_FRONTS; i++)
		stream_tell_writable(&hub->fronts[i].stream);
}

void console_hub_init(struct console_hub *hub, struct stream *below)
{
	*hub = (struct console_hub){
		.below = below,
		.client = {.readable = below_readable, .writable = below_writable},
		.input = CONSOLE_SERIAL,
	};
	for (unsigned int i = 0; i < CONSOLE_FRONTS; i++) {
		hub->fronts[i].stream.ops = &front_ops;
		hub->fronts[i].hub = hub;
	}
	below->client = &hub->client;
}

void console_hub_route(struct console_hub *hub, enum console_front front)
{
	atomic_store(&hub->input, front);
	stream_tell_readable(&hub->fronts[front].stream);
}
