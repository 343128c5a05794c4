/* uring.h: the I/O engine by io_uring, through its three system calls (Linux 5.11 or newer). */
#ifndef DEVICES_BACKEND_URING_H
#define DEVICES_BACKEND_URING_H

#include "devices/backend/io_engine.h"

/*
 * An engine for up to depth operations at once on fd; wake_fd is the eventfd that it signals. Both
 * are borrowed. -ENOSYS where the kernel is too old, -EPERM where io_uring is forbidden, or any
 * other error; nothing is logged.
 */
int uring_create(int fd, int wake_fd, unsigned int depth, struct io_engine **engine);

#endif
