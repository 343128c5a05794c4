/*
 * compare.h: trials side by side: as a table, as JSON, as the bars of a chart. All of it is made of
 * numbers alone.
 */
#ifndef VMM_COMPARE_H
#define VMM_COMPARE_H

#include <stdio.h>

#include "vmm/trial.h"

enum { COMPARE_MAX = 4 };

struct json;

struct comparison {
	const char *kernel, *host; /* borrowed; what was booted, and on what kind of host */
	const struct trial *trials[COMPARE_MAX]; /* borrowed: the first of so many rounds each */
	unsigned int n, rounds;
};

void compare_print(const struct comparison *comparison, FILE *out);
void compare_write(const struct comparison *comparison, struct json *json); /* one object */

/* A script for gnuplot that draws an SVG file: times and exits of each phase, a bar a trial. */
void compare_plot(const struct comparison *comparison, const char *svg, FILE *out);

#endif
