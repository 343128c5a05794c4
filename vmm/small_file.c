/* small_file.c: see small_file.h. */
#include "vmm/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/log.h"

/* Until its end, or until there is no room. Bytes read, or -errno. */
static ssize_t read_all(int fd, char *bytes, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, bytes + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int small_file_read(const char *what, const char *path, size_t max, char **bytes, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *room = fd < 0 ? NULL : malloc(max + 1);
	ssize_t n = room ? read_all(fd, room, max + 1) : -errno;

	if (fd >= 0)
		close(fd);
	if (n >= 0 && (size_t)n <= max) {
		room[n] = '\0';
		*bytes = room;
		*len = (size_t)n;
		return 0;
	}
	free(room);
	if (n < 0) {
		log_error((int)n, "%s '%s': cannot read", what, path);
		return (int)n;
	}
	log_error(0, "%s '%s': more than %zu bytes", what, path, max);
	return -EFBIG;
}
