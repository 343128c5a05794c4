/* small_file.h: a file on the host that is read whole: a key, a credential, a seed. */
#ifndef VMM_SMALL_FILE_H
#define VMM_SMALL_FILE_H

#include <stddef.h>

/*
 * Reads all of a file or pipe, at most max bytes, into allocated memory with a NUL behind it. 0 or
 * -errno, logged as "WHAT 'PATH': ...": -EFBIG where there is more.
 */
int small_file_read(const char *what, const char *path, size_t max, char **bytes, size_t *len);

#endif
