/*
 * boot_file.h: a kernel or initrd on the host: opened once, read again at each reset.
 *
 * The descriptor stays open, so that a reset boots the same file even when its name has gone; what
 * is read is checked against the size found at open, so a file that shrank meanwhile is an error.
 */
#ifndef VMM_BOOT_FILE_H
#define VMM_BOOT_FILE_H

#include <stddef.h>
#include <stdint.h>

struct boot_file {
	const char *what; /* "kernel", "initrd": the subject of messages; static */
	const char *path; /* borrowed; for messages */
	int fd;		  /* owned; -1 when closed */
	uint64_t size;	  /* bytes, at open, and of what was appended */
	const void *tail; /* borrowed, tail_size bytes: read behind the file's own */
	uint64_t tail_size, own_size;
};

/* A regular, non-empty file. 0 or -errno, logged; fd is -1 then. */
int boot_file_open(struct boot_file *file, const char *what, const char *path);
void boot_file_close(struct boot_file *file); /* accepts fd -1 */

/*
 * From now on the file reads as if data stood at its end, behind zeroes up to a multiple of
 * alignment (a power of two). data must outlive it; appended again, it takes the other's place.
 */
void boot_file_append(struct boot_file *file, const void *data, size_t len, unsigned int alignment);

/* All len bytes at offset. 0; -EINVAL where the file ends earlier, else pread's error, logged. */
int boot_file_read(const struct boot_file *file, uint64_t offset, void *buf, size_t len);

/* Logs "kernel 'path': message", returns -EINVAL: a file that is not what it should be. */
int boot_file_bad(const struct boot_file *file, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
