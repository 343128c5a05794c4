/*
 * ext_image.h: files inside an ext file system that fills an image, seen and changed by the host's
 * e2fsprogs: no mounting, no root, and no parser of ours for what a guest wrote.
 *
 * Names in the image are the guest's. One that is anything but letters, digits and "._:@+-" is
 * never made part of a command: debugfs has commands that write to the host.
 */
#ifndef DEVICES_BACKEND_EXT_IMAGE_H
#define DEVICES_BACKEND_EXT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { EXT_NAME_SIZE = 256 };

struct ext_entry {
	unsigned int folder; /* index into those that were asked for */
	char name[EXT_NAME_SIZE];
	mode_t mode;
	uint64_t size;
};

struct ext_listing {
	struct ext_entry *entries; /* owned */
	unsigned int n;
	bool *found; /* owned: for each folder, whether it is there */
};

/* Lists folders of the image, without "." and ".."; one that is missing has no entries. 0 or
 * -errno, logged. */
int ext_image_list(const char *image, const char *const *folders, unsigned int nfolders,
		   struct ext_listing *listing);
void ext_listing_free(struct ext_listing *listing); /* accepts a zeroed one */

/* The beginning of a file of the image, as text; "" when there is none. 0 or -errno, logged. */
int ext_image_read(const char *image, const char *path, char *text, size_t size);

/* Runs commands of debugfs(8), a line each, that change the image. 0 or -errno, logged. */
int ext_image_edit(const char *image, const char *commands);

/* Replays the journal and mends what can be mended without asking. 0 or -errno, logged. */
int ext_image_repair(const char *image);

/* Gives the file system a new random UUID. It must have been repaired. 0 or -errno, logged. */
int ext_image_renew_uuid(const char *image);

bool ext_name_is_plain(const char *name);

#endif
