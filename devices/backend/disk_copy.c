/* disk_copy.c: FICLONE, SEEK_DATA and copy_file_range(2), and a plain loop where those
 * are missing. */
#include "devices/backend/disk_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PART_BYTES = 4 << 20 };

int disk_copy_share(int from, int to)
{
	return ioctl(to, FICLONE, from) < 0 ? -errno : 0;
}

/* The next range of from, at or behind *start, that is no hole. -ENXIO: there is none. */
static int next_data(int from, off_t size, off_t *start, off_t *end)
{
	off_t data = lseek(from, *start, SEEK_DATA);
	int err = data < 0 ? -errno : 0;

	if (err == -EINVAL && *start < size) { /* it cannot tell: a block device */
		*end = size;
		return 0;
	}
	if (err)
		return err == -EINVAL ? -ENXIO : err;
	*start = data;
	*end = lseek(from, data, SEEK_HOLE);
	return *end < 0 ? -errno : 0;
}

int disk_copy_measure(int from, uint64_t *bytes)
{
	off_t size = lseek(from, 0, SEEK_END), start = 0, end;
	int err = size < 0 ? -errno : 0;

	*bytes = 0;
	while (!err) {
		err = next_data(from, size, &start, &end);
		if (!err)
			*bytes += (uint64_t)(end - start);
		start = end;
	}
	return err == -ENXIO ? 0 : err;
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* All of buf; zeroes are left to the hole, or the reserved space, that is there. */
static int write_part(int to, const unsigned char *buf, size_t len, off_t offset)
{
	if (is_zero(buf, len))
		return 0;
	while (len > 0) {
		ssize_t n = pwrite(to, buf, len, offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			buf += n;
			offset += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The bytes that were moved, at most len; 0 at the file's end; or -errno. */
static ssize_t move_part(int from, int to, off_t offset, size_t len, unsigned char *buf)
{
	ssize_t n;
	int err;

	do
		n = pread(from, buf, len, offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	err = write_part(to, buf, (size_t)n, offset);
	return err ? err : n;
}

static ssize_t share_or_move_part(int from, int to, off_t offset, size_t len, unsigned char *buf)
{
	off_t in = offset, out = offset;
	ssize_t n = copy_file_range(from, &in, to, &out, len, 0);

	if (n > 0)
		return n;
	if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
		return -errno;
	return move_part(from, to, offset, len, buf); /* not between these two, then */
}

static int copy_range(int from, int to, off_t start, off_t end, bool reserve,
		      struct disk_copy_watch *watch, unsigned char *buf)
{
	int err = 0;

	while (start < end && !err) {
		size_t len = end - start < PART_BYTES ? (size_t)(end - start) : PART_BYTES;
		ssize_t n = reserve ? move_part(from, to, start, len, buf)
				    : share_or_move_part(from, to, start, len, buf);

		if (n <= 0)
			return n < 0 ? (int)n : -EIO; /* it became shorter meanwhile */
		start += n;
		err = watch->moved(watch, (uint64_t)n);
	}
	return err;
}

int disk_copy(int from, int to, bool reserve, struct disk_copy_watch *watch)
{
	off_t size = lseek(from, 0, SEEK_END), start = 0, end = 0;
	unsigned char *buf = malloc(PART_BYTES);
	int err = buf ? 0 : -ENOMEM;

	if (!err && (size < 0 || ftruncate(to, size) < 0))
		err = -errno;
	if (!err && reserve && fallocate(to, 0, 0, size) < 0)
		err = -errno;
	while (!err) {
		err = next_data(from, size, &start, &end);
		if (!err)
			err = copy_range(from, to, start, end, reserve, watch, buf);
		start = end;
	}
	free(buf);
	if (err != -ENXIO)
		return err;
	return fsync(to) < 0 ? -errno : 0;
}
