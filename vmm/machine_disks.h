/* machine_disks.h: the machine's disks: from options to devices,
 * and what is known of them later. */
#ifndef VMM_MACHINE_DISKS_H
#define VMM_MACHINE_DISKS_H

#include <stdbool.h>
#include <stddef.h>

struct machine;

/* All disks, by number, and cloud-init's behind them. 0 or -errno, logged. */
int machine_disks_init(struct machine *machine);

/* "root=/dev/vda rw" or its like for the first disk; empty without a disk. */
void machine_disks_root_argument(const struct machine *machine, char *text, size_t size);

/* Has the guest written to any disk? */
bool machine_disks_wrote(const struct machine *machine);

/* After the run: tells of disks that no driver of the guest ever touched. */
void machine_disks_tell_unused(const struct machine *machine);

#endif
