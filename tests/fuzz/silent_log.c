/* silent_log.c: the log's functions, silent: being refused is what most inputs are made for. */
#include <stdarg.h>

#include "vmm/log.h"

void log_error(int err, const char *format, ...)
{
	(void)err;
	(void)format;
}

void log_warning(const char *format, ...)
{
	(void)format;
}

void log_verbose(const char *format, ...)
{
	(void)format;
}

void log_guest(struct log_once *once, const char *format, ...)
{
	(void)once;
	(void)format;
}

void log_guest_rearm(struct log_once *once)
{
	(void)once;
}
