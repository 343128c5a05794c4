/* stream_null.h: a stream that swallows everything and never has anything to read:
 * --console none. */
#ifndef DEVICES_BACKEND_STREAM_NULL_H
#define DEVICES_BACKEND_STREAM_NULL_H

#include "devices/backend/stream.h"

void stream_null_init(struct stream *stream); /* owns nothing */

#endif
