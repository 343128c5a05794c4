/* disk_copy.h: copies an image: shared blocks where the file system can,
 * else what is not a hole. */
#ifndef DEVICES_BACKEND_DISK_COPY_H
#define DEVICES_BACKEND_DISK_COPY_H

#include <stdbool.h>
#include <stdint.h>

/* Called as a copy goes on, with the bytes that were moved since; what it returns, if not 0, ends
 * the copy. */
struct disk_copy_watch {
	int (*moved)(struct disk_copy_watch *watch, uint64_t bytes);
};

/*
 * to becomes from, sharing its blocks until one is written. 0, or -errno: most file systems cannot,
 * none can across two of them, and a block device has nothing to share.
 */
int disk_copy_share(int from, int to);

/* How much of from a copy moves: all but its holes. 0 or -errno. */
int disk_copy_measure(int from, uint64_t *bytes);

/*
 * Copies from, a file or block device, into the empty file to, durably. reserve: no block is shared
 * and none is missing, so that writing to the copy never meets a full disk. 0, -errno, or what
 * watch->moved() returned.
 */
int disk_copy(int from, int to, bool reserve, struct disk_copy_watch *watch);

#endif
