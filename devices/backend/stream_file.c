/* stream_file.c: a stream that appends to a file. */
#include "devices/backend/stream_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/backend/outbuf.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum { CLOSE_TIMEOUT_MS = 1000 };

struct stream_file {
	struct stream stream;
	struct outbuf out;
	int fd; /* owned */
};

static size_t file_write(struct stream *stream, const void *buf, size_t len)
{
	return outbuf_write(&container_of(stream, struct stream_file, stream)->out, buf, len);
}

static size_t file_read(struct stream *stream, void *buf, size_t len)
{
	(void)stream;
	(void)buf;
	(void)len;
	return 0;
}

static void file_close(struct stream *stream)
{
	struct stream_file *file = container_of(stream, struct stream_file, stream);

	outbuf_flush(&file->out, CLOSE_TIMEOUT_MS);
	outbuf_destroy(&file->out);
	close(file->fd);
	free(file);
}

static const struct stream_ops file_ops = {
	.write = file_write,
	.read = file_read,
	.close = file_close,
};

static void writable(struct outbuf *out)
{
	stream_tell_writable(&container_of(out, struct stream_file, out)->stream);
}

int stream_file_open(const char *path, const char *name, struct loop *loop, struct stream **stream)
{
	struct stream_file *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return -ENOMEM;
	file->stream.ops = &file_ops;
	file->out.name = name;
	file->out.writable = writable;
	file->fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	if (file->fd < 0) {
		err = -errno;
		log_error(err, "port '%s': cannot open '%s'", name, path);
	} else {
		err = outbuf_init(&file->out, loop, file->fd);
		if (err)
			close(file->fd);
	}
	if (err) {
		free(file);
		return err;
	}
	*stream = &file->stream;
	return 0;
}
