/*
 * modules.h: kernel modules on the host: what a module needs, in the order of loading (depmod's
 * modules.dep), and its bytes, unpacked by the host's xz or zstd where it is packed.
 */
#ifndef VMM_MODULES_H
#define VMM_MODULES_H

#include <stddef.h>

enum { MODULES_MAX = 64 };

struct module_list {
	char *paths[MODULES_MAX]; /* owned; relative to the folder */
	unsigned int n;
};

/*
 * Appends the modules of those names, ended by NULL, each behind what it needs; a name that is not
 * there is built in or unknown, and left out. 0 or -errno, logged. Zero the list before.
 */
int modules_order(const char *folder, const char *const *names, struct module_list *list);
void modules_free(struct module_list *list);

/* "e1000.ko" of "kernel/drivers/net/e1000/e1000.ko.xz"; the length, in *name borrowed from path. */
size_t modules_name(const char *path, const char **name);

/* The module itself, allocated. 0 or -errno, logged. */
int modules_read(const char *folder, const char *path, void **data, size_t *len);

#endif
