/* disk_raw.h: a disk whose bytes are those of a file or block device, one to one. */
#ifndef DEVICES_BACKEND_DISK_RAW_H
#define DEVICES_BACKEND_DISK_RAW_H

#include "devices/backend/disk.h"

enum disk_raw_engine {
	DISK_RAW_AUTO, /* io_uring, or threads where the host forbids it */
	DISK_RAW_URING,
	DISK_RAW_THREADS,
};

struct disk_raw_config {
	const char *path; /* copied */
	bool read_only;
	bool direct; /* past the host's page cache */
	enum disk_raw_engine engine;
};

/* Opens, checks and locks it. 0, or -errno with one line logged that names the file. */
int disk_raw_open(const struct disk_raw_config *config, struct disk **disk);

#endif
