/*
 * boot.h: a machine without KVM for boot tests: RAM, a kernel file in memory that a test may break,
 * and what was logged.
 */
#ifndef TESTS_FAKE_BOOT_H
#define TESTS_FAKE_BOOT_H

#include "tests/fake/kernels.h"
#include "vmm/arch/x86/boot.h"

struct fake_boot {
	struct guest_memory mem;
	uint8_t image[FAKE_KERNEL_MAX]; /* the kernel file, as fake_boot_load() will find it */
	size_t size;
	struct boot_file kernel, initrd;
	struct boot_request request;
	struct boot_entry entry;
	char message[1024]; /* logged by the last load */
};

/* RAM of that size, filled with garbage as after an earlier guest where the kernel will look. */
void fake_boot_init(struct fake_boot *boot, uint64_t ram_size);
void fake_boot_free(struct fake_boot *boot);

/* An initrd of that size whose bytes are 0x5a; sparse, so it may be large. */
void fake_boot_initrd(struct fake_boot *boot, uint64_t size);

/* Writes the image to a file and boots it: what boot_load() returned. */
int fake_boot_load(struct fake_boot *boot);

/* Boots it; it must be refused, in one line that has the text and names the file. */
void fake_boot_refused(struct fake_boot *boot, const char *text);

/* Where guest memory is for us. Fails the test unless it is all RAM. */
void *fake_boot_at(const struct fake_boot *boot, gpa_t gpa, uint64_t size);

#endif
