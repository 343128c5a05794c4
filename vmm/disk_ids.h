/*
 * disk_ids.h: what an image holds and the id that is written in it: a file system, swap space, an
 * encrypted volume, or a partition table. Whatever its guest wrote there, it is only read.
 */
#ifndef VMM_DISK_IDS_H
#define VMM_DISK_IDS_H

#include <stdbool.h>

#include "vmm/uuid.h"

struct disk_ids {
	const char *kind;	 /* "ext file system", static; NULL: nothing that is known */
	const char *id_name;	 /* "UUID", static */
	char id[UUID_TEXT_SIZE]; /* empty: unreadable */
	bool partitioned;	 /* what is in its partitions has ids of its own */
	bool ext;		 /* an ext2, ext3 or ext4 file system */
	bool ext_unclean;	 /* it was not unmounted: its journal is to be replayed first */
};

/* 0, or -errno of the read. */
int disk_ids_read(int fd, struct disk_ids *ids);

/* Would a guest that looks for one of them by its id find the other? */
bool disk_ids_same(const struct disk_ids *a, const struct disk_ids *b);

#endif
