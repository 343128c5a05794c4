/* progress.h: how far a long piece of work is, for who looks at a terminal; nothing elsewhere. */
#ifndef VMM_PROGRESS_H
#define VMM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* borrowed: "copying disk0.img" */
	uint64_t total, done;
	uint64_t shown_ms; /* when it was shown last; 0: never */
	bool terminal;
};

/* total: bytes. Shows on stderr, from the second tenth of a second on. */
void progress_start(struct progress *progress, const char *what, uint64_t total);
void progress_add(struct progress *progress, uint64_t bytes);
/* Leaves an empty line behind; also when not started. */
void progress_end(struct progress *progress);

/* "1.5 GiB" */
enum { PROGRESS_SIZE_TEXT = 32 };
void progress_format_size(uint64_t bytes, char text[PROGRESS_SIZE_TEXT]);

#endif
