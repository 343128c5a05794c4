/* temp_file.c: see temp_file.h. */
#include "tests/fake/temp_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void temp_file_make(char path[TEMP_PATH_BYTES], size_t size)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, TEMP_PATH_BYTES, "%s/minivmm-test-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	assert(fd >= 0);
	if (ftruncate(fd, (off_t)size) < 0)
		abort();
	close(fd);
}

int said_by(int (*fn)(void *arg), void *arg, char *said, size_t size)
{
	int kept = dup(STDERR_FILENO);
	int fd = memfd_create("said", MFD_CLOEXEC);
	int result;
	ssize_t n;

	assert(kept >= 0 && fd >= 0);
	dup2(fd, STDERR_FILENO);
	result = fn(arg);
	dup2(kept, STDERR_FILENO);
	close(kept);
	n = pread(fd, said, size - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(fd);
	return result;
}
