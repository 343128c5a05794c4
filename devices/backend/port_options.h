/* port_options.h: the text of --port NAME=unix:PATH|file:PATH taken apart. */
#ifndef DEVICES_BACKEND_PORT_OPTIONS_H
#define DEVICES_BACKEND_PORT_OPTIONS_H

#include <limits.h>

#include "devices/backend/stream.h"
#include "vmm/loop.h"

enum { PORT_NAME_MAX = 63 }; /* characters */

enum port_kind { PORT_UNIX, PORT_FILE };

struct port_options {
	enum port_kind kind;
	char name[PORT_NAME_MAX + 1]; /* letters, digits, '.', '_' and '-' */
	char path[PATH_MAX];
};

/* 0, or -EINVAL with one line logged. */
int port_options_parse(const char *text, struct port_options *options);

/* Opens what the options name; options must outlive the stream, which is the caller's to close. 0
 * or -errno, logged. */
int port_open(const struct port_options *options, struct loop *loop, struct stream **stream);

#endif
