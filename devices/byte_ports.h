/* byte_ports.h: what an ISA bus does for a device eight bits wide: a wide access becomes that of
 * each byte. */
#ifndef DEVICES_BYTE_PORTS_H
#define DEVICES_BYTE_PORTS_H

#include <stdint.h>

#include "vmm/bus.h"

static inline uint64_t byte_ports_read(struct io_region *region, uint64_t offset, unsigned int size,
				       uint8_t (*read)(struct io_region *region, uint64_t offset))
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)read(region, offset + i) << (8 * i);
	return value;
}

static inline void byte_ports_write(struct io_region *region, uint64_t offset, uint64_t value,
				    unsigned int size,
				    void (*write)(struct io_region *region, uint64_t offset,
						  uint8_t value))
{
	for (unsigned int i = 0; i < size; i++)
		write(region, offset + i, (uint8_t)(value >> (8 * i)));
}

#endif
