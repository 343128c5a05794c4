/*
 * claim.h: what one process of this host has and no other may have meanwhile: an id, a disk, a
 * machine's folder. A claim is a file whose lock lasts as long as the process, however that ends,
 * and whose text tells others whom to ask.
 *
 * The host-wide folder is writable for everybody. Nothing in it is trusted: a link, a device or a
 * file with a second name is refused, and what a file says about its holder is checked before it is
 * printed. Who wants to can keep others from starting, but make them do nothing else.
 */
#ifndef VMM_CLAIM_H
#define VMM_CLAIM_H

#include <stdbool.h>
#include <sys/types.h>

#include "vmm/identity.h"

enum { CLAIM_FILE_SIZE = 64, HOLDER_TEXT_SIZE = 160 };

/* Who has it. */
struct holder {
	pid_t pid;		       /* 0: not known */
	char name[IDENTITY_NAME_SIZE]; /* of the machine; empty: it has none */
	char uuid[UUID_TEXT_SIZE];     /* empty: not known */
};

struct claim {
	int folder; /* borrowed */
	int fd;	    /* owned; -1: none */
	char file[CLAIM_FILE_SIZE];
};

/* The folder of the host's claims, made when it is missing; owned by the caller. -errno, logged. */
int claim_folder_open(void);

/*
 * Claims file in the folder, along with others who share it or alone. 0, or -EBUSY with *other
 * filled, or -errno; nothing is logged. claim->fd is -1 unless it is 0.
 */
int claim_take(struct claim *claim, int folder, const char *file, bool shared,
	       const struct holder *self, struct holder *other);
void claim_release(struct claim *claim); /* accepts fd -1 */

/* Removes what killed processes left in the folder; their files mean nothing, but take space. */
void claim_sweep(int folder);

/* Has somebody claimed it? Then who. */
bool claim_held(int folder, const char *file, struct holder *holder);

/* "machine 'web1' (process 42)", as well as it is known. */
void holder_format(const struct holder *holder, char text[HOLDER_TEXT_SIZE]);

#endif
