/* disk_image.c: see disk_image.h. */
#include "devices/backend/disk_image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "devices/backend/disk.h"
#include "devices/backend/file_lock.h"
#include "vmm/log.h"

enum { DIRECT_MAX_ALIGNMENT = 4096 };

/* Before it is opened: to open a pipe would wait, and to open a device may do anything. */
static int check_kind(const char *path)
{
	struct stat file;
	int err;

	if (stat(path, &file) < 0) {
		err = -errno;
		log_error(err, "disk '%s': cannot open", path);
		return err;
	}
	if (S_ISDIR(file.st_mode)) {
		log_error(0, "disk '%s': is a directory, not an image file", path);
		return -EISDIR;
	}
	if (!S_ISREG(file.st_mode) && !S_ISBLK(file.st_mode)) {
		log_error(0, "disk '%s': is neither a file nor a block device", path);
		return -EINVAL;
	}
	return 0;
}

static int open_failed(const char *path, int err, bool read_only, bool direct)
{
	if (err == -EINVAL && direct)
		log_error(0, "disk '%s': its file system has no direct I/O", path);
	else if (err == -EBUSY)
		log_error(0, "disk '%s': in use by this host (mounted?)", path);
	else if ((err == -EACCES || err == -EROFS || err == -EPERM) && !read_only)
		log_error(err, "disk '%s': cannot open for writing (',ro' only reads it)", path);
	else
		log_error(err, "disk '%s': cannot open", path);
	return err;
}

/* Whoever was killed leaves it to the kernel until its I/O has ended, as with file_lock(); but here
 * no call waits for that. */
static int open_exclusive(const char *path, int flags)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int fd = open(path, flags | O_EXCL);

	for (int i = 0; i < 100 && fd < 0 && errno == EBUSY; i++) {
		nanosleep(&pause, NULL);
		fd = open(path, flags | O_EXCL);
	}
	return fd;
}

static int open_file(struct disk_image *image, const char *path, bool read_only, bool direct)
{
	int flags =
		(read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | (direct ? O_DIRECT : 0);
	struct stat file;

	image->fd = open(path, flags);
	if (image->fd < 0 || fstat(image->fd, &file) < 0)
		return open_failed(path, -errno, read_only, direct);
	image->block_device = S_ISBLK(file.st_mode);
	image->physical_block_size = (uint32_t)file.st_blksize;
	if (image->block_device && !read_only) {
		/* open(2): a block device opened with O_EXCL is not mounted, nor will it be. */
		int exclusive = open_exclusive(path, flags);

		if (exclusive < 0)
			return open_failed(path, -errno, read_only, direct);
		close(image->fd);
		image->fd = exclusive;
	}
	return 0;
}

static int lock(const struct disk_image *image, const char *path, bool read_only)
{
	pid_t holder;
	int err = file_lock(image->fd, !read_only, &holder);

	if (err == -EBUSY)
		file_lock_refused(path, holder);
	else if (err < 0)
		log_error(err, "disk '%s': cannot lock", path);
	return err;
}

/* What direct I/O asks of offsets and buffers is not told by every kernel: tried out. */
static int find_direct_alignment(int fd, uint32_t *alignment)
{
	uint32_t size = DISK_SECTOR;
	ssize_t n = -1;
	void *buf;

	/* Aligned to 512 bytes and to no more, by the choice of the place in it. */
	if (posix_memalign(&buf, DIRECT_MAX_ALIGNMENT, 3 * DIRECT_MAX_ALIGNMENT) != 0)
		return -ENOMEM;
	for (; size <= DIRECT_MAX_ALIGNMENT; size *= 2) {
		n = pread(fd, (char *)buf + size, size, 0);
		if (n >= 0 || errno != EINVAL)
			break;
	}
	free(buf);
	*alignment = size;
	return n < 0 ? -errno : 0;
}

static int find_block_size(struct disk_image *image, const char *path, bool direct)
{
	int err = 0;

	image->block_size = DISK_SECTOR;
	image->memory_alignment = 1;
	if (image->block_device) {
		int logical = DISK_SECTOR;
		unsigned int physical = DISK_SECTOR;

		if (ioctl(image->fd, BLKSSZGET, &logical) < 0 ||
		    ioctl(image->fd, BLKPBSZGET, &physical) < 0)
			err = -errno;
		image->block_size = (uint32_t)logical;
		image->physical_block_size = physical;
		if (direct)
			image->memory_alignment = image->block_size;
	} else if (direct) {
		err = find_direct_alignment(image->fd, &image->block_size);
		image->memory_alignment = image->block_size;
	}
	if (err < 0)
		log_error(err, "disk '%s': cannot tell its block size", path);
	return err;
}

static int find_size(struct disk_image *image, const char *path)
{
	uint64_t size;
	int err = disk_image_measure(image, &image->size);

	size = image->size;
	if (!err && !image->block_device) {
		struct stat file;

		err = fstat(image->fd, &file) < 0 ? -errno : 0;
		size = err ? 0 : (uint64_t)file.st_size;
	}
	if (err < 0) {
		log_error(err, "disk '%s': cannot tell its size", path);
		return err;
	}
	if (size == 0) {
		log_error(0, "disk '%s': is empty", path);
		return -EINVAL;
	}
	if (size != image->size) {
		log_error(0, "disk '%s': its size of %llu bytes is not a multiple of %u", path,
			  (unsigned long long)size, image->block_size);
		return -EINVAL;
	}
	return 0;
}

int disk_image_measure(const struct disk_image *image, uint64_t *size)
{
	struct stat file;

	if (image->block_device) {
		if (ioctl(image->fd, BLKGETSIZE64, size) < 0)
			return -errno;
	} else {
		if (fstat(image->fd, &file) < 0)
			return -errno;
		*size = (uint64_t)file.st_size;
	}
	*size -= *size % image->block_size;
	return 0;
}

int disk_image_open(struct disk_image *image, const char *path, bool read_only, bool direct)
{
	int err;

	*image = (struct disk_image){.fd = -1};
	err = check_kind(path);
	if (!err)
		err = open_file(image, path, read_only, direct);
	if (!err)
		err = lock(image, path, read_only);
	if (!err)
		err = find_block_size(image, path, direct);
	if (!err)
		err = find_size(image, path);
	if (err < 0)
		disk_image_close(image);
	return err;
}

void disk_image_close(struct disk_image *image)
{
	if (image->fd >= 0) {
		file_unlock(image->fd);
		close(image->fd);
	}
	image->fd = -1;
}
