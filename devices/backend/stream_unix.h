/*
 * stream_unix.h: a stream to whoever connects to a unix socket of ours, one at a time.
 *
 * While nobody does, nothing is taken and the stream is absent. Bytes go straight from the writer's
 * memory into the socket and back: there is no buffer of ours between. Loop thread only.
 */
#ifndef DEVICES_BACKEND_STREAM_UNIX_H
#define DEVICES_BACKEND_STREAM_UNIX_H

#include "devices/backend/stream.h"
#include "vmm/loop.h"

/*
 * Listens at path, in place of a socket that nobody listens on any more. name is the port's, for
 * messages; both are borrowed. 0 or -errno, logged. stream_close() removes the socket.
 */
int stream_unix_open(const char *path, const char *name, struct loop *loop, struct stream **stream);

#endif
