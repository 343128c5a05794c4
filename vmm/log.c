/* log.c: one write(2) per line, so that lines of several threads never mix. */
#include "vmm/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, GUEST_MAX_TIMES = 10 };

/* Set while options are read and by the terminal: single words, read anywhere. */
static atomic_bool verbose_wanted;
static atomic_bool terminal_raw;

void log_set_verbose(bool verbose)
{
	atomic_store_explicit(&verbose_wanted, verbose, memory_order_relaxed);
}

void log_set_raw(bool raw)
{
	atomic_store_explicit(&terminal_raw, raw, memory_order_relaxed);
}

__attribute__((format(printf, 3, 0))) static void log_line(const char *kind, int err,
							   const char *format, va_list args)
{
	const char *end = atomic_load_explicit(&terminal_raw, memory_order_relaxed) ? "\r\n" : "\n";
	char line[LINE_MAX_BYTES];
	size_t used;
	int n;

	n = snprintf(line, sizeof(line), "minivmm: %s", kind);
	used = (size_t)n;
	n = vsnprintf(line + used, sizeof(line) - used, format, args);
	used += n > 0 ? (size_t)n : 0;
	if (err && used < sizeof(line)) {
		n = snprintf(line + used, sizeof(line) - used, ": %s", strerror(-err));
		used += n > 0 ? (size_t)n : 0;
	}
	if (used > sizeof(line) - sizeof("\r\n")) /* cut, but still a line */
		used = sizeof(line) - sizeof("\r\n");
	for (size_t i = 0; i < used; i++) { /* names may hold anything */
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	memcpy(line + used, end, strlen(end));
	used += strlen(end);
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nowhere to say so */
}

void log_error(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("error: ", err, format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("warning: ", 0, format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line("", 0, format, args);
	va_end(args);
}

void log_verbose(const char *format, ...)
{
	va_list args;

	if (!atomic_load_explicit(&verbose_wanted, memory_order_relaxed))
		return;
	va_start(args, format);
	log_line("", 0, format, args);
	va_end(args);
}

void log_guest(struct log_once *once, const char *format, ...)
{
	unsigned int times;
	va_list args;

	if (atomic_exchange_explicit(&once->said, true, memory_order_relaxed))
		return;
	times = atomic_fetch_add_explicit(&once->times, 1, memory_order_relaxed) + 1;
	if (times > GUEST_MAX_TIMES)
		return;
	va_start(args, format);
	log_line(times == GUEST_MAX_TIMES ? "warning: guest (the last of its kind): "
					  : "warning: guest: ",
		 0, format, args);
	va_end(args);
}

void log_guest_rearm(struct log_once *once)
{
	atomic_store_explicit(&once->said, false, memory_order_relaxed);
}
