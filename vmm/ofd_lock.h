/*
 * ofd_lock.h: locks on whole files that belong to an open file description (fcntl(2)): they end
 * with its last descriptor, however the program ends.
 */
#ifndef VMM_OFD_LOCK_H
#define VMM_OFD_LOCK_H

/*
 * type: F_RDLCK, F_WRLCK or F_UNLCK. Waits for wait_ms at most while somebody else has it: not in
 * naps, the kernel tells. 0, -EBUSY, or -errno.
 */
int ofd_lock(int fd, short type, unsigned int wait_ms);

#endif
