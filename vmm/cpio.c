/* cpio.c: cpio archives in the "newc" format. */
#include "vmm/cpio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void cpio_init(struct cpio *cpio, FILE *out)
{
	*cpio = (struct cpio){.out = out};
}

static void write_bytes(struct cpio *cpio, const void *data, size_t len)
{
	if (len > 0)
		fwrite(data, len, 1, cpio->out);
	cpio->written += len;
}

static void pad(struct cpio *cpio)
{
	static const char zeroes[CPIO_ALIGNMENT];

	write_bytes(cpio, zeroes, -cpio->written % CPIO_ALIGNMENT);
}

static void write_entry(struct cpio *cpio, const char *name, uint32_t mode, const void *data,
			size_t len)
{
	char header[111];

	assert(len <= UINT32_MAX);
	/*
	 * Magic, inode, mode, uid, gid, links, mtime, size, device major and minor, the same of a
	 * device node, size of the name with its NUL, checksum (of another magic).
	 */
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", cpio->inode, mode, 0,
		 0, S_ISDIR(mode) ? 2 : 1, 0, (unsigned int)len, 0, 0, 0, 0,
		 (unsigned int)strlen(name) + 1, 0);
	write_bytes(cpio, header, sizeof(header) - 1);
	write_bytes(cpio, name, strlen(name) + 1);
	pad(cpio);
	write_bytes(cpio, data, len);
	pad(cpio);
}

void cpio_directory(struct cpio *cpio, const char *name, unsigned int permissions)
{
	cpio->inode++;
	write_entry(cpio, name, S_IFDIR | permissions, NULL, 0);
}

void cpio_file(struct cpio *cpio, const char *name, unsigned int permissions, const void *data,
	       size_t len)
{
	cpio->inode++;
	write_entry(cpio, name, S_IFREG | permissions, data, len);
}

int cpio_finish(struct cpio *cpio)
{
	cpio->inode = 0;
	write_entry(cpio, "TRAILER!!!", 0, NULL, 0);
	return fflush(cpio->out) != 0 || ferror(cpio->out) ? -EIO : 0;
}
