/* worker.h: the I/O engine by threads that make the system calls,
 * where io_uring is not to be had. */
#ifndef DEVICES_BACKEND_WORKER_H
#define DEVICES_BACKEND_WORKER_H

#include "devices/backend/io_engine.h"

/* As uring_create(), and any depth will do. -EAGAIN or -ENOMEM; nothing is logged. */
int worker_create(int fd, int wake_fd, struct io_engine **engine);

#endif
