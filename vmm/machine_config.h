/*
 * machine_config.h: all that is asked of a machine, checked: the options of "minivmm run", its
 * disks and cards taken apart, and who it is.
 */
#ifndef VMM_MACHINE_CONFIG_H
#define VMM_MACHINE_CONFIG_H

#include "devices/backend/disk_options.h"
#include "devices/backend/nic_options.h"
#include "devices/backend/port_options.h"
#include "vmm/identity.h"
#include "vmm/mode.h"
#include "vmm/run_options.h"

struct machine_levers;
struct machine_watch;

struct machine_config {
	struct run_options options;
	const struct mode *mode;
	struct identity identity;
	struct machine_levers *levers; /* borrowed; made when the rest is there */
	struct machine_watch *watch;   /* borrowed: whom the guest's marks are for; NULL: nobody */
	struct disk_options *disks;    /* owned */
	struct nic_options *nics;      /* owned */
	struct port_options *ports;    /* owned */
	unsigned int ndisks, nnics, nports;
};

/*
 * Checks and takes apart config->options, whose text stays borrowed, and fills in the rest. 0, or
 * -errno with one line logged: bad usage is -EINVAL.
 */
int machine_config_init(struct machine_config *config);

void machine_config_destroy(struct machine_config *config); /* accepts a half-made one */

#endif
