/*
 * ram_disk.h: a disk in memory for tests of what stands on struct disk. Requests complete at once,
 * or, while hold is set, when the test says so.
 */
#ifndef TESTS_FAKE_RAM_DISK_H
#define TESTS_FAKE_RAM_DISK_H

#include "devices/backend/disk.h"

struct ram_disk {
	struct disk disk;
	uint8_t *bytes; /* owned; capacity of them */
	uint64_t capacity;
	bool hold;
	int fail;	   /* what every request ends with, if not 0 */
	uint64_t measured; /* what measure() says; 0: it fails */

	struct disk_list submitted, held, finished;
	unsigned int commits, flushes, discards, durable;
};

/* 16 MiB at most; zeroed. */
void ram_disk_init(struct ram_disk *ram, uint64_t size);
void ram_disk_destroy(struct ram_disk *ram); /* disk_close() does it as well */

/* Finishes up to n held requests, oldest first, and signals. */
void ram_disk_release(struct ram_disk *ram, unsigned int n);

#endif
