/* stream_file.h: a stream that appends to a file, or writes to a FIFO or device, and has nothing to
 * read. */
#ifndef DEVICES_BACKEND_STREAM_FILE_H
#define DEVICES_BACKEND_STREAM_FILE_H

#include "devices/backend/stream.h"
#include "vmm/loop.h"

/*
 * Makes the file if it is not there. A FIFO needs a reader. name is the port's, for messages, and
 * borrowed. 0 or -errno, logged. stream_close() waits a moment for what has not been written yet.
 */
int stream_file_open(const char *path, const char *name, struct loop *loop, struct stream **stream);

#endif
