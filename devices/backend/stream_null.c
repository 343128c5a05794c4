/* stream_null.c: a stream that swallows everything. */
#include "devices/backend/stream_null.h"

static size_t null_write(struct stream *stream, const void *buf, size_t len)
{
	(void)stream;
	(void)buf;
	return len;
}

static size_t null_read(struct stream *stream, void *buf, size_t len)
{
	(void)stream;
	(void)buf;
	(void)len;
	return 0;
}

static const struct stream_ops null_ops = {
	.write = null_write,
	.read = null_read,
};

void stream_null_init(struct stream *stream)
{
	*stream = (struct stream){.ops = &null_ops};
}
