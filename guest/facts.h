/* facts.h: what the host wants to know of the guest. */
#ifndef GUEST_FACTS_H
#define GUEST_FACTS_H

#include <stddef.h>

/* The file's first line in buf, or "none", which is not in buf. */
const char *facts_read_line(const char *path, char *buf, size_t size);

/* One line each: kernel, cpus, memory, uuid, machine-id, hostname, hypervisor, clocksource, time
 * (seconds since 1970), uptime. */
void facts_print(void);

#endif
