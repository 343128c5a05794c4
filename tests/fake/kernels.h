/*
 * kernels.h: small well-formed kernel files of every kind, made in a buffer: tests break them in
 * one place each, the fuzzer starts from them.
 */
#ifndef TESTS_FAKE_KERNELS_H
#define TESTS_FAKE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
	FAKE_KERNEL_MAX = 0x4000, /* room for any of them, in bytes */

	FAKE_KERNEL_LOAD = 0x1000000, /* where their first byte of code goes */
	FAKE_KERNEL_ENTRY = 0x40,     /* of an ELF kernel, behind that */
	FAKE_KERNEL_PVH_ENTRY = 0x80,
	FAKE_KERNEL_CODE = 0x800,    /* bytes in the file, all FAKE_KERNEL_BYTE */
	FAKE_KERNEL_MEMORY = 0x3000, /* ... and in memory */
	FAKE_KERNEL_BYTE = 0x90,

	/* Places in the files. */
	FAKE_BZIMAGE_PAYLOAD = 0x600, /* setup_sects is 2 */
	FAKE_ELF_PHDRS = 0x40,	      /* first a segment, then the notes */
	FAKE_ELF_NOTES = 0x200,
	FAKE_ELF_CODE = 0x1000,
	FAKE_MULTIBOOT_HEADER = 0x800, /* of an ELF file */
	FAKE_FLAT_HEADER = 0x20,       /* of a flat file, which is loaded from its first byte on */
};

struct fake_kernel {
	const char *name;
	size_t (*make)(uint8_t image[FAKE_KERNEL_MAX]); /* returns its size */
};

size_t fake_bzimage(uint8_t *image);	   /* protocol 2.15 */
size_t fake_vmlinux(uint8_t *image);	   /* ELF64, notes of Linux and PVH */
size_t fake_pvh(uint8_t *image);	   /* ELF32, a PVH note alone */
size_t fake_multiboot_elf(uint8_t *image); /* ELF32 */
size_t fake_multiboot(uint8_t *image);	   /* flat, with addresses in its header */

/* All of them, ended by one without a name. */
extern const struct fake_kernel fake_kernels[];

#endif
