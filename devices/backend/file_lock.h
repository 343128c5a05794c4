/* file_lock.h: keeps two programs from using one image against each other. */
#ifndef DEVICES_BACKEND_FILE_LOCK_H
#define DEVICES_BACKEND_FILE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Locks all of the file (an open file description lock, fcntl(2)): alone for who writes, along with
 * other readers else. It lasts until the last duplicate of fd is closed, however the program ends.
 * -EBUSY when another program has it: *holder is then the process id, or 0 where it cannot be told.
 * What a killed program left to the kernel is waited for, three seconds at most.
 * Where the file system has no locks it is not an error.
 */
int file_lock(int fd, bool alone, pid_t *holder);

/* Says that a disk cannot be had, and by whom; holder: 0 where it cannot be told. */
void file_lock_refused(const char *disk, pid_t holder);

/*
 * Gives the lock back, whoever still has a duplicate of fd: an io_uring that it was registered with
 * keeps it for a while after it was closed itself.
 */
void file_unlock(int fd);

#endif
