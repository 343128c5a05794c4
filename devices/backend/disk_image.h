/*
 * disk_image.h: an image file or block device opened, checked and locked. What is in it is never
 * looked at: a guest could have written there whatever makes us open another file.
 */
#ifndef DEVICES_BACKEND_DISK_IMAGE_H
#define DEVICES_BACKEND_DISK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct disk_image {
	int fd; /* owned; -1: none */
	bool block_device;
	uint64_t size; /* bytes, a multiple of block_size */
	uint32_t block_size, physical_block_size;
	uint32_t memory_alignment; /* of buffers, for direct I/O; else 1 */
};

/* 0, or -errno with one line logged that names the file. */
int disk_image_open(struct disk_image *image, const char *path, bool read_only, bool direct);
void disk_image_close(struct disk_image *image);

/* The size that it has now; an incomplete last block does not count. 0 or -errno. */
int disk_image_measure(const struct disk_image *image, uint64_t *size);

#endif
