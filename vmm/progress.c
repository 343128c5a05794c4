/* progress.c: one line, written over and over. */
#include "vmm/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/util.h"

enum { PERIOD_MS = 100, BAR_WIDTH = 24, LINE_BYTES = 160 };

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

/* As much as fits into a line of the terminal: what is longer could not be written over. */
static void show(const struct progress *progress)
{
	uint64_t part = progress->done < progress->total ? progress->done : progress->total;
	double share = (double)part / (double)progress->total;
	char done[PROGRESS_SIZE_TEXT], total[PROGRESS_SIZE_TEXT], line[LINE_BYTES];
	struct winsize window = {.ws_col = 0};
	int width, n;

	width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col
										: 80;
	progress_format_size(progress->done, done);
	progress_format_size(progress->total, total);
	n = snprintf(line, sizeof(line), "%s [%-*.*s] %3d %%  %s of %s", progress->what, BAR_WIDTH,
		     (int)(share * BAR_WIDTH), "########################", (int)(share * 100), done,
		     total);
	if (n >= width)
		snprintf(line, sizeof(line), "%s %d %%", progress->what, (int)(share * 100));
	fprintf(stderr, "\r%.*s\033[K", width - 1, line);
}

void progress_add(struct progress *progress, uint64_t bytes)
{
	uint64_t now;

	progress->done += bytes;
	if (!progress->terminal)
		return;
	now = monotonic_ms();
	if (now - progress->shown_ms < PERIOD_MS)
		return;
	progress->shown_ms = now;
	show(progress);
}

void progress_end(struct progress *progress)
{
	if (progress->terminal)
		fputs("\r\033[K", stderr);
	progress->terminal = false;
}
