/*
 * cloud_init.h: what cloud-init's datasource NoCloud finds in a machine: a system serial number
 * that says all it needs, or a disk with files (its manual, "NoCloud").
 */
#ifndef VMM_CLOUD_INIT_H
#define VMM_CLOUD_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/identity.h"

/* Names of files on the host, owned; NULL: not given. */
struct cloud_init {
	char *user_data, *network_config, *meta_data;
};

/*
 * The text of --cloud-init: "user-data=FILE,network-config=FILE,meta-data=FILE", each at most once,
 * or nothing. A comma in a name is written twice. 0, or -errno with one line logged.
 */
int cloud_init_parse(struct cloud_init *cloud_init, const char *text);
void cloud_init_free(struct cloud_init *cloud_init); /* accepts a zeroed one */

bool cloud_init_has_files(const struct cloud_init *cloud_init);

/* The serial number that is a datasource of its own. */
void cloud_init_serial(const struct identity *identity, char serial[IDENTITY_SERIAL_SIZE]);

/*
 * The image of the disk, allocated: the files given and, in place of others, what follows from the
 * identity. keep_host_keys: cloud-init shall leave the SSH host keys that it finds. 0 or -errno,
 * logged.
 */
int cloud_init_make_seed(const struct cloud_init *cloud_init, const struct identity *identity,
			 bool keep_host_keys, uint8_t **image, size_t *size);

#endif
