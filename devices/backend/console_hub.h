/*
 * console_hub.h: one stream for two console devices. What both write is merged; what comes in goes
 * to one of them, the one chosen last.
 */
#ifndef DEVICES_BACKEND_CONSOLE_HUB_H
#define DEVICES_BACKEND_CONSOLE_HUB_H

#include <stdatomic.h>

#include "devices/backend/stream.h"

enum console_front { CONSOLE_SERIAL, CONSOLE_VIRTIO, CONSOLE_FRONTS };

struct console_hub_front {
	struct stream stream; /* what the device uses */
	struct console_hub *hub;
};

struct console_hub {
	struct console_hub_front fronts[CONSOLE_FRONTS];
	struct stream *below;	     /* borrowed */
	struct stream_client client; /* of below */
	_Atomic enum console_front input;
};

/* Becomes the client of below; input goes to CONSOLE_SERIAL first. */
void console_hub_init(struct console_hub *hub, struct stream *below);

/* Input goes to this front from now on. Loop thread. */
void console_hub_route(struct console_hub *hub, enum console_front front);

#endif
