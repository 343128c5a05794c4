/* boot_file.c: opening and reading what boots; every failure gets its one line here. */
#include "vmm/boot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/util.h"

int boot_file_bad(const struct boot_file *file, const char *format, ...)
{
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	log_error(0, "%s '%s': %s", file->what, file->path, message);
	return -EINVAL;
}

static int check_file(struct boot_file *file)
{
	struct stat status;

	if (fstat(file->fd, &status) < 0) {
		int err = -errno;

		log_error(err, "%s '%s': cannot examine", file->what, file->path);
		return err;
	}
	if (S_ISDIR(status.st_mode))
		return boot_file_bad(file, "is a directory; name a file in it");
	if (!S_ISREG(status.st_mode))
		return boot_file_bad(file, "is not a regular file; copy it into one");
	if (status.st_size == 0)
		return boot_file_bad(file, "is empty");
	file->size = (uint64_t)status.st_size;
	return 0;
}

int boot_file_open(struct boot_file *file, const char *what, const char *path)
{
	*file = (struct boot_file){.what = what, .path = path, .fd = -1};
	/* O_NONBLOCK: a FIFO without a writer is refused, not waited for. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file->fd < 0) {
		int err = -errno;

		log_error(err, "%s '%s': cannot open", what, path);
		return err;
	}

	int err = check_file(file);

	if (err < 0)
		boot_file_close(file);
	return err;
}

void boot_file_close(struct boot_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void boot_file_append(struct boot_file *file, const void *data, size_t len, unsigned int alignment)
{
	if (!file->tail)
		file->own_size = file->size;
	file->tail = data;
	file->tail_size = len;
	file->size = align_up(file->own_size, alignment) + len;
}

/* The part of [offset, offset + len) that lies behind the file's own bytes: zeroes, then the tail.
 * Returns the length of the other part. */
static size_t read_tail(const struct boot_file *file, uint64_t offset, char *buf, size_t len)
{
	uint64_t tail = file->size - file->tail_size;
	size_t own = 0;

	if (!file->tail)
		return len;
	if (offset < file->own_size)
		own = len < file->own_size - offset ? len : (size_t)(file->own_size - offset);
	for (size_t i = own; i < len;) {
		uint64_t at = offset + i;

		if (at < tail) {
			buf[i++] = 0;
			continue;
		}
		memcpy(buf + i, (const char *)file->tail + (at - tail), len - i);
		break;
	}
	return own;
}

int boot_file_read(const struct boot_file *file, uint64_t offset, void *buf, size_t len)
{
	if (offset > file->size || len > file->size - offset)
		return boot_file_bad(file, "is truncated: %zu bytes at %#llx lie behind its end",
				     len, (unsigned long long)offset);

	len = read_tail(file, offset, buf, len);
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(file->fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;

			log_error(err, "%s '%s': cannot read", file->what, file->path);
			return err;
		}
		if (n == 0)
			return boot_file_bad(file, "became shorter while it was in use");
		done += (size_t)n;
	}
	return 0;
}
