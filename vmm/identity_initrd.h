/*
 * identity_initrd.h: who the machine is, as an archive that is appended to its initrd: files for an
 * initramfs of one's own, and conf/param.conf, which Debian's (initramfs-tools) sources once the
 * root file system is mounted.
 */
#ifndef VMM_IDENTITY_INITRD_H
#define VMM_IDENTITY_INITRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/identity.h"

enum { IDENTITY_INITRD_MAGIC = 6 }; /* bytes that tell what a file is */

/*
 * Can an archive be appended to a file that begins so? True for cpio archives and those packed in
 * one of the ways that Linux knows; something that is no initramfs stays as it is.
 */
bool identity_initrd_fits(const uint8_t begin[IDENTITY_INITRD_MAGIC]);

/*
 * etc/machine-id, etc/hostname and etc/minivmm/identity (KEY=VALUE lines, the first nnics cards and
 * ndisks disks among them); with root_files also conf/param.conf, which changes the root file
 * system's. 0 with *archive allocated, or -errno.
 */
int identity_initrd_make(const struct identity *identity, unsigned int nnics, unsigned int ndisks,
			 bool root_files, char **archive, size_t *size);

#endif
