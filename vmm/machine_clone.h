/*
 * machine_clone.h: a machine made after another: the same options, copies of its disks, and ids of
 * its own.
 */
#ifndef VMM_MACHINE_CLONE_H
#define VMM_MACHINE_CLONE_H

#include <stdbool.h>

#include "vmm/record.h"

struct clone_options {
	const char *disk_dir; /* where the disks go; NULL: beside the record */
	bool full;	      /* share no blocks with the source, reserve all space */
	bool new_fs_uuid;
};

/*
 * Clones the machine named source, which must not run meanwhile, into a new one. All of it or
 * nothing: what is there before its record is no machine, and is removed on failure, or by the next
 * who wants the name. 0 or -errno, logged; -EINTR when SIGINT, SIGTERM or SIGHUP came, which the
 * caller has blocked.
 */
int machine_clone(const char *source, const char *name, const struct clone_options *options);

#endif
