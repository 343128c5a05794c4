/*
 * log.h: messages to stderr, one line each: "minivmm: error: disk 'root.img': cannot open: No such
 * file or directory".
 *
 * Subject first, lower case, no full stop. Whoever knows the file name or the ioctl logs it, once;
 * callers pass the error number on in silence. All of these may be called from any thread. While a
 * terminal is raw, lines end in "\r\n" so that they stay readable (log_set_raw()).
 */
#ifndef VMM_LOG_H
#define VMM_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

/* err is 0 or -errno; its text is appended after ": ". */
void log_error(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A plain line for the person who started us ("minivmm: ..."): always shown. */
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, only with --verbose. */
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * What a guest did wrong: "minivmm: warning: guest: ...". Printed once per cause until
 * log_guest_rearm(), which a device's reset calls, and ten times in all: a guest cannot flood the
 * host's log by resetting either.
 */
struct log_once {
	atomic_bool said;
	atomic_uint times;
};
void log_guest(struct log_once *once, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_guest_rearm(struct log_once *once);

void log_set_verbose(bool verbose);
void log_set_raw(bool raw);

#endif
