/* disk_memory.h: a read-only disk made of bytes of ours, such as cloud-init's seed. */
#ifndef DEVICES_BACKEND_DISK_MEMORY_H
#define DEVICES_BACKEND_DISK_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "devices/backend/disk.h"

/*
 * Copies bytes; size is a multiple of DISK_SECTOR and name, for messages, is borrowed. 0 with *disk
 * open, or -ENOMEM.
 */
int disk_memory_open(const char *name, const uint8_t *bytes, size_t size, struct disk **disk);

#endif
