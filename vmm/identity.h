/*
 * identity.h: who a virtual machine is. The only source of every id that a guest is shown.
 *
 * All ids but name, generation id, epoch and parent follow from the UUID by SHA-256 over a label of
 * their own, so that the UUID alone reproduces a machine and no two machines share any of them.
 * Each can be pinned. Plain data: copy it, compare it, write it to a file.
 */
#ifndef VMM_IDENTITY_H
#define VMM_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/uuid.h"

enum {
	IDENTITY_NAME_SIZE = 64,	/* with the NUL, as all of these */
	IDENTITY_MACHINE_ID_SIZE = 33,	/* 32 hexadecimal digits */
	IDENTITY_SERIAL_SIZE = 128,	/* of system, board and chassis */
	IDENTITY_DISK_SERIAL_SIZE = 21, /* what virtio-blk and NVMe can show */
	IDENTITY_MAC_SIZE = 6,
	IDENTITY_MAC_TEXT_SIZE = 18,
	IDENTITY_MAX_NICS = 32,
	IDENTITY_MAX_DISKS = 32,
};

struct identity {
	struct uuid uuid;
	char name[IDENTITY_NAME_SIZE];		   /* empty: nobody named it */
	char hostname[IDENTITY_NAME_SIZE];	   /* RFC 1123 */
	char machine_id[IDENTITY_MACHINE_ID_SIZE]; /* machine-id(5): the UUID without dashes */
	char system_serial[IDENTITY_SERIAL_SIZE];
	char board_serial[IDENTITY_SERIAL_SIZE];
	char chassis_serial[IDENTITY_SERIAL_SIZE];
	uint8_t macs[IDENTITY_MAX_NICS][IDENTITY_MAC_SIZE]; /* unicast, locally administered */
	char disk_serials[IDENTITY_MAX_DISKS][IDENTITY_DISK_SERIAL_SIZE];
	uint32_t vsock_cid;
	struct uuid generation_id; /* new whenever the machine may be running twice */
	uint32_t epoch; /* counts the clonings and changes of identity behind this machine */
	bool adopted;	/* a guest was given this epoch's ids before, and kept them */
	char parent[IDENTITY_NAME_SIZE]; /* the machine it was cloned from; empty: none */
};

/* What the user pinned, as text; NULL: derived, or random for uuid. */
struct identity_options {
	const char *name;
	const char *uuid;
	const char *machine_id;
	const char *hostname;
	const char *system_serial, *board_serial, *chassis_serial;
	uint32_t vsock_cid; /* 0: derived */
};

/*
 * Makes a new identity. 0, -EINVAL for a value that cannot be taken, or getrandom's -errno; logged
 * with the option's name: "--uuid 'x': not a UUID (want ...)". A UUID that is not version 4 is
 * taken with a warning.
 */
int identity_create(struct identity *identity, const struct identity_options *options);

/* Pin one more id; what names the option in messages ("--net mac=..."). 0 or -EINVAL, logged. */
int identity_pin_mac(struct identity *identity, unsigned int nic, const char *what,
		     const char *text);
int identity_pin_disk_serial(struct identity *identity, unsigned int disk, const char *what,
			     const char *text);
int identity_pin_system_serial(struct identity *identity, const char *what, const char *text);

/*
 * What an NVMe disk has besides its serial number: the UUID of its subsystem, which is in its
 * qualified name, and that of its one namespace. Derived, version 8 (RFC 9562, 5.8).
 */
struct uuid identity_subsystem_uuid(const struct identity *identity, unsigned int disk);
struct uuid identity_namespace_uuid(const struct identity *identity, unsigned int disk);

void identity_format_mac(const uint8_t mac[IDENTITY_MAC_SIZE], char text[IDENTITY_MAC_TEXT_SIZE]);

/* Labels of letters, digits and inner hyphens, with dots between, at most 63 characters in all. */
bool identity_hostname_valid(const char *hostname);

#endif
