/* template_items.h: every id that a root file system can hold, and what becomes of it in a clone.
 */
#ifndef VMM_TEMPLATE_ITEMS_H
#define VMM_TEMPLATE_ITEMS_H

#include <stdbool.h>

enum template_fix {
	TEMPLATE_REPORT, /* nothing but telling */
	TEMPLATE_REMOVE, /* files, and folders with what is in them */
	TEMPLATE_LOGS,	 /* the same, only when asked for */
	TEMPLATE_EMPTY,	 /* machine-id: there, but empty */
	TEMPLATE_LINK,	 /* D-Bus' id: a link to machine-id */
};

struct template_item {
	const char *what;
	const char *folder;   /* absolute */
	const char *patterns; /* of names in it, parted by '|', fnmatch(3) */
	enum template_fix fix;
	const char *clone; /* what a clone that is run by its name gets */
};

/* The first is machine-id's, the second D-Bus'. Ended by a NULL what. */
extern const struct template_item template_items[];

enum { TEMPLATE_MACHINE_ID, TEMPLATE_DBUS_ID };

/* Is it one of the item's names? */
bool template_item_matches(const struct template_item *item, const char *name);

#endif
