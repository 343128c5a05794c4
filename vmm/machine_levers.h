/*
 * machine_levers.h: how a machine's ids get into its guest without an agent there.
 *
 * SMBIOS and the devices show them to every guest. What changes a guest's disk (machine-id,
 * hostname, SSH host keys) is for machines that have a name: one that was started for an hour with
 * somebody's disk leaves no trace on it. Files that the guest may have changed since are given once
 * for each epoch of the identity, until a guest was seen to end well with them.
 */
#ifndef VMM_MACHINE_LEVERS_H
#define VMM_MACHINE_LEVERS_H

#include "vmm/cloud_init.h"
#include "vmm/credentials.h"
#include "vmm/host_keys.h"
#include "vmm/levers.h"
#include "vmm/machine_config.h"

struct machine_levers {
	const struct machine_config *config; /* borrowed */
	unsigned int set;		     /* of enum lever */
	bool once; /* what is given once for each epoch is in the strings and the archive */

	struct identity shown;		   /* by SMBIOS */
	char cmdline[LEVERS_CMDLINE_SIZE]; /* words to put before the user's */
	const char **oem_strings;	   /* owned, as are noem_strings of them */
	unsigned int noem_strings;
	char *archive; /* owned, archive_size bytes; NULL: none */
	size_t archive_size;
	uint8_t *seed; /* owned, seed_size bytes: cloud-init's disk; NULL: none */
	size_t seed_size;

	struct credentials credentials; /* the user's */
	struct host_keys host_keys;
	struct cloud_init cloud_init;
};

/*
 * Works out all of it from config, whose levers is not looked at. folder is where the machine's
 * keys are kept, NULL for one without a name. 0 or -errno, logged; -EINVAL: bad usage.
 */
int machine_levers_init(struct machine_levers *levers, const struct machine_config *config,
			const char *folder);
void machine_levers_destroy(struct machine_levers *levers); /* accepts a zeroed one */

/* The guest has kept what it was given once: strings and archive are made anew, without it. 0 or
 * -errno. */
int machine_levers_adopted(struct machine_levers *levers);

/* What a person needs to know before the guest boots. */
void machine_levers_tell(const struct machine_levers *levers);

#endif
