/*
 * record.h: what is kept of a machine that has a name: who it is, and the options it is run with.
 *
 * One text file, "record", in the machine's folder: a line for each value, and a checksum as the
 * last one, so that damage of any kind is found before it does any. UUID and pinned ids are among
 * the options, all other ids follow from them (identity.h).
 */
#ifndef VMM_RECORD_H
#define VMM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/identity.h"
#include "vmm/options.h"
#include "vmm/state_folder.h"

struct record_text;

struct record {
	struct state_folder folder;
	bool stored; /* there is such a record on the disk */

	char name[IDENTITY_NAME_SIZE];
	char parent[IDENTITY_NAME_SIZE]; /* empty: it is nobody's clone */
	struct uuid generation_id;
	uint32_t epoch;		      /* see identity.h */
	bool adopted;		      /* see identity.h */
	struct option_values options; /* of "minivmm run"; file names absolute */
	struct record_text *texts;    /* owned: what options point to */
};

/* A record in memory, not yet on the disk. 0 or -errno, logged: -EINVAL for what is no name. */
int record_init(struct record *record, const char *name);

/* Reads the record of a machine. 0 or -errno, logged: -ENOENT when there is none. */
int record_open(struct record *record, const char *name);

int record_missing(const char *name); /* says that there is none; -ENOENT */

/*
 * Claims the machine, so that nobody else runs, clones or deletes it meanwhile, and reads its
 * record; where there is none, the record is new and what an interrupted clone left is removed.
 */
int record_take(struct record *record, const char *name);

/*
 * Claims the machine along with others who only read it, and reads its record. 0 or -errno, logged:
 * -ENOENT when there is none.
 */
int record_share(struct record *record, const char *name);

/* Writes the record whole or not at all; it is taken. 0 or -errno, logged. */
int record_save(struct record *record);

/* Accepts a zeroed one and one whose opening failed. */
void record_close(struct record *record);

/* Keeps options: copied, and their file names made absolute. 0 or -errno, logged. */
int record_keep(struct record *record, const struct option_values *options);
/* One option of "minivmm run", its file names as they are; replaces or appends. */
int record_set(struct record *record, const char *name, const char *value);
int record_add(struct record *record, const char *name, const char *value);
const char *record_get(const struct record *record, const char *name); /* or NULL */

int record_mint(struct record *record); /* gives it a new random UUID; 0 or -errno, logged */

/* What follows neither from options nor from the UUID. */
void record_complete_identity(const struct record *record, struct identity *identity);

/*
 * The record as text, allocated; NULL when there is no memory. And back, into one from
 * record_init(): 0, or -EBADMSG with one line logged that names file and line; file is borrowed
 * until record_close().
 */
char *record_format(const struct record *record, size_t *len);
int record_parse(struct record *record, const char *file, const char *text, size_t len);

#endif
