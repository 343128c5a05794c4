/*
 * state_folder.h: where a machine's record and what belongs to it is kept: a folder for each name,
 * in /var/lib/minivmm for root and else in the user's state folder (XDG Base Directory).
 *
 * Who changes anything in one has claimed it, by a file in it that is locked. It is 0700.
 */
#ifndef VMM_STATE_FOLDER_H
#define VMM_STATE_FOLDER_H

#include <stdbool.h>

#include "vmm/claim.h"

#define STATE_RECORD "record" /* the file that makes a folder a machine's, see record.h */

struct state_folder {
	char *path; /* owned; absolute */
	int fd;	    /* owned; -1 */
	struct claim claim;
};

/* The folder that holds them all, allocated; NULL, logged, where it cannot be told. */
char *state_folder_base(void);

/* To read in it. 0; -ENOENT in silence when there is none; else -errno, logged. */
int state_folder_open(struct state_folder *folder, const char *name);

bool state_folder_has_record(const struct state_folder *folder);

/*
 * To change things in it: makes it when it is missing, and claims it. 0, or -errno, logged: -EBUSY
 * by name of who has it.
 */
int state_folder_take(struct state_folder *folder, const char *name);

/* To read in it while nobody changes things, along with others: as above, but -ENOENT in silence
 * when there is none. */
int state_folder_share(struct state_folder *folder, const char *name);

/* Gives it back; one that is empty is removed. Accepts a zeroed one and one that failed. */
void state_folder_close(struct state_folder *folder);

/* Writes a file of it whole or not at all, durably, mode 0600. 0 or -errno, logged. */
int state_folder_write(const struct state_folder *folder, const char *file, const char *text,
		       size_t len);

/*
 * Removes what minivmm has put into a taken folder, and the disks that were listed as made for the
 * machine; what else is in it stays. What is not there any more is no error; else -errno, logged.
 */
int state_folder_clear(const struct state_folder *folder);

/* Lists disks that belong to the machine, before they are made: absolute names, or those of files
 * in the folder; without line ends. 0 or -errno, logged. */
int state_folder_list_disks(const struct state_folder *folder, char *const *paths, unsigned int n);

/* The names of all machines in the order of the alphabet, allocated, as are they; ended by NULL.
 * NULL, logged, on failure. */
char **state_folder_names(void);
void state_folder_names_free(char **names); /* accepts NULL */

#endif
