/* disk_options.h: the text of --disk FILE[,ro][,serial=S][,...] taken apart. */
#ifndef DEVICES_BACKEND_DISK_OPTIONS_H
#define DEVICES_BACKEND_DISK_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

enum { DISK_SERIAL_MAX = 20 }; /* characters that virtio-blk and NVMe can show */

enum disk_model { DISK_MODEL_DEFAULT, DISK_MODEL_VIRTIO, DISK_MODEL_NVME };

struct disk_options {
	char path[PATH_MAX];
	char serial[DISK_SERIAL_MAX + 1]; /* empty: from the identity */
	enum disk_model model;
	unsigned int queues; /* 1 to DISK_MAX_QUEUES */
	bool read_only;
	bool direct;   /* past the host's page cache */
	bool iothread; /* served by a loop and thread of its own */
};

/*
 * A comma that belongs to the file's name is written twice. 0, or -EINVAL with one line logged that
 * names the file and the suboption.
 */
int disk_options_parse(const char *text, struct disk_options *options);

#endif
