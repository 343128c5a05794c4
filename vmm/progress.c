/* progress.c: one line, written over and over. */
#include "vmm/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "vmm/util.h"

enum { PERIOD_MS = 100, BAR_WIDTH = 24 };

void progress_format_size(uint64_t bytes, char text[PROGRESS_SIZE_TEXT])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes / 1024;
	unsigned int unit = 0;

	while (value >= 1000 && unit < 3) {
		value /= 1024;
		unit++;
	}
	snprintf(text, PROGRESS_SIZE_TEXT, "%.1f %s", value, units[unit]);
}

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
	*progress = (struct progress){.what = what, .total = total ? total : 1};
	progress->terminal = isatty(STDERR_FILENO);
}

void progress_add(struct progress *progress, uint64_t bytes)
{
	char done[PROGRESS_SIZE_TEXT], total[PROGRESS_SIZE_TEXT];
	uint64_t now, part;

	progress->done += bytes;
	if (!progress->terminal)
		return;
	now = monotonic_ms();
	if (now - progress->shown_ms < PERIOD_MS)
		return;
	progress->shown_ms = now;
	part = progress->done < progress->total ? progress->done : progress->total;
	progress_format_size(progress->done, done);
	progress_format_size(progress->total, total);
	fprintf(stderr, "\r%s [%-*.*s] %3d %%  %s of %s\033[K", progress->what, BAR_WIDTH,
		(int)((double)part / (double)progress->total * BAR_WIDTH),
		"########################", (int)((double)part / (double)progress->total * 100),
		done, total);
}

void progress_end(struct progress *progress)
{
	if (progress->terminal)
		fputs("\r\033[K", stderr);
	progress->terminal = false;
}
