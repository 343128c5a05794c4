/* outcome.h: how a run ended: minivmm's exit status, and the same as a JSON object in
 * --status-file. */
#ifndef VMM_OUTCOME_H
#define VMM_OUTCOME_H

#include <stdint.h>

struct uuid;

enum outcome_kind {
	OUTCOME_NONE,	    /* it goes on */
	OUTCOME_POWEROFF,   /* 0 */
	OUTCOME_DEBUG_EXIT, /* the guest's own status; value: as it was handed over */
	OUTCOME_HOST,	    /* 1 */
	OUTCOME_RESET,	    /* 120, under --no-reboot */
	OUTCOME_CRASH,	    /* 121 */
	OUTCOME_PANIC,	    /* 122, under --no-reboot */
	OUTCOME_TIMEOUT,    /* 124 */
	OUTCOME_SIGNAL,	    /* 128 + value */
};

struct outcome {
	enum outcome_kind kind;
	uint32_t value;
};

/* 0 to 255. */
int outcome_status(const struct outcome *outcome);

/* Writes the file whole or not at all: a new one takes the old one's place, unless that is a device
 * or a pipe. Links are followed. 0 or -errno, logged. */
int outcome_write(const struct outcome *outcome, const struct uuid *uuid, const char *path);

#endif
