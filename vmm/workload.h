/*
 * workload.h: what "minivmm compare" has its guests do, and the numbers by which guest and host
 * agree on it. guest/init.c and guest/workload.c include this file too.
 *
 * A guest says where it is by a byte on the port that the variable WORKLOAD_PORT_VARIABLE of its
 * environment names (the kernel hands what it does not know of its command line to init that way):
 * each phase begins with one mark and ends with another. One that cannot be tried has none.
 */
#ifndef VMM_WORKLOAD_H
#define VMM_WORKLOAD_H

#include <stdint.h>

#define WORKLOAD_PORT_VARIABLE "mark_port"
#define WORKLOAD_FACT "workload: " /* on the console, then a name, a space and a value */

enum workload_phase {
	WORKLOAD_BOOT, /* from the machine's making to the first instructions of init */
	WORKLOAD_RANDOM_READ,
	WORKLOAD_SEQUENTIAL_READ,
	WORKLOAD_PING,
	WORKLOAD_CONSOLE_LINES,
	WORKLOAD_CONSOLE_BLOCKS, /* without output processing */
	WORKLOAD_SLEEP,
	WORKLOAD_PHASES,
};

enum {
	WORKLOAD_RANDOM_READS = 256,
	WORKLOAD_RANDOM_SIZE = 4 << 10,
	WORKLOAD_SEQUENTIAL_READS = 128,
	WORKLOAD_SEQUENTIAL_SIZE = 128 << 10,
	WORKLOAD_PINGS = 200,
	WORKLOAD_CONSOLE_SIZE = 100 << 10, /* bytes, in lines, and again in blocks */
	WORKLOAD_LINE_SIZE = 80,
	WORKLOAD_BLOCK_SIZE = 4 << 10,
	WORKLOAD_SLEEPS = 200,
	WORKLOAD_SLEEP_NS = 1000000,
	/* A disk for it needs no more than this. */
	WORKLOAD_DISK_SIZE = WORKLOAD_SEQUENTIAL_READS * WORKLOAD_SEQUENTIAL_SIZE,
};

/* The host begins the first phase itself. */
static inline uint8_t workload_begin(enum workload_phase phase)
{
	return (uint8_t)(2 * phase);
}

static inline uint8_t workload_end(enum workload_phase phase)
{
	return (uint8_t)(2 * phase + 1);
}

#endif
