/*
 * cpio.h: writes a cpio archive of the kind that Linux unpacks as initramfs ("newc"; the kernel's
 * driver-api/early-userspace/buffer-format.rst).
 *
 * Appended to an initrd, it must begin at a multiple of CPIO_ALIGNMENT from the initrd's start;
 * later files overwrite earlier ones. A directory is added before what lies in it, else the kernel
 * drops that in silence.
 */
#ifndef VMM_CPIO_H
#define VMM_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CPIO_ALIGNMENT = 4 };

struct cpio {
	FILE *out;	  /* borrowed; errors stay there until cpio_finish() */
	uint64_t written; /* bytes so far */
	uint32_t inode;
};

void cpio_init(struct cpio *cpio, FILE *out);

/* Names are relative ("etc/hostname"), owner is root, time is 0: equal content gives equal bytes.
 * len is below 4 GiB. */
void cpio_directory(struct cpio *cpio, const char *name, unsigned int permissions);
void cpio_file(struct cpio *cpio, const char *name, unsigned int permissions, const void *data,
	       size_t len);

int cpio_finish(struct cpio *cpio); /* writes the trailer; 0 or -EIO */

#endif
