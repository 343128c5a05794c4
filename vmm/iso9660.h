/*
 * iso9660.h: writes a small ISO 9660 image with a few files in its root (ECMA-119), as cloud-init
 * reads its seed from.
 *
 * File names are stored as they are, without the ";1" and the upper case that ECMA-119 wants: Linux
 * shows them so, without Rock Ridge. Equal content gives equal bytes.
 */
#ifndef VMM_ISO9660_H
#define VMM_ISO9660_H

#include <stddef.h>
#include <stdint.h>

enum { ISO9660_BLOCK_SIZE = 2048, ISO9660_MAX_FILES = 16, ISO9660_MAX_NAME = 31 };

struct iso9660_file {
	const char *name; /* borrowed, as all here */
	const void *data;
	size_t size;
};

/*
 * Makes an image with files in the order given (by name, if it is to please every reader) and
 * volume id label (at most 32 characters). 0 with *image to be freed by the caller; -ENOMEM;
 * -EINVAL for a name that is empty, too long, with a slash or there twice; -E2BIG for more than
 * ISO9660_MAX_FILES or 1 GiB.
 */
int iso9660_make(const char *label, const struct iso9660_file *files, unsigned int nfiles,
		 uint8_t **image, size_t *size);

#endif
