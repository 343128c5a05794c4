/*
 * machine_template.h: is an image fit to be cloned? Every id that is found in its root file system,
 * with its state, and what a clone gets in its place.
 */
#ifndef VMM_MACHINE_TEMPLATE_H
#define VMM_MACHINE_TEMPLATE_H

#include <stdbool.h>

#include "vmm/disk_ids.h"
#include "vmm/template_items.h"

enum { TEMPLATE_WHERE_SIZE = 96, TEMPLATE_STATE_SIZE = 48, TEMPLATE_MAX_ROWS = 64 };

struct template_row {
	const struct template_item *item;
	char where[TEMPLATE_WHERE_SIZE]; /* its name, or the folder of several */
	char state[TEMPLATE_STATE_SIZE];
	const char *clone;
	bool unfit; /* a fix would change it */
};

struct template
{
	struct disk_ids ids;
	struct template_row rows[TEMPLATE_MAX_ROWS];
	unsigned int n, unfit;
};

/* Looks into the image, which is an ext file system without partitions. 0 or -errno, logged. */
int machine_template_check(const char *image, bool logs, struct template *template);

/*
 * Makes it fit: its journal is replayed, then ids are removed. No machine may use it meanwhile.
 * 0 or -errno, logged.
 */
int machine_template_fix(const char *image, bool logs);

#endif
