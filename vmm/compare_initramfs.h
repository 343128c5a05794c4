/*
 * compare_initramfs.h: the initramfs of "minivmm compare": guest/init, guest/workload and the
 * kernel's modules for the devices of all modes.
 */
#ifndef VMM_COMPARE_INITRAMFS_H
#define VMM_COMPARE_INITRAMFS_H

/*
 * Makes it in memory; *fd is the caller's. modules is the folder of the kernel's modules, or NULL
 * for /lib/modules/VERSION or ../lib/modules/VERSION beside the kernel, and for none, with a
 * notice, where there is neither. 0 or -errno, logged.
 */
int compare_initramfs(const char *kernel, const char *modules, int *fd);

#endif
