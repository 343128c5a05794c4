/*
 * machine_claims.h: what no two running machines of a host may share: UUID, vsock CID, MAC
 * addresses and disks. Taken before the machine is made, held until the process ends.
 */
#ifndef VMM_MACHINE_CLAIMS_H
#define VMM_MACHINE_CLAIMS_H

#include "vmm/claim.h"
#include "vmm/identity.h"

enum { MACHINE_CLAIMS_MAX = 2 + IDENTITY_MAX_NICS + IDENTITY_MAX_DISKS };

struct machine_claims {
	int folder; /* owned; -1 */
	struct holder self;
	struct claim items[MACHINE_CLAIMS_MAX];
	unsigned int n;
};

/* Each claims something; 0 or -errno, logged: -EBUSY by name of the machine that has it. */
int machine_claims_init(struct machine_claims *claims, const struct identity *identity);
int machine_claims_mac(struct machine_claims *claims, const uint8_t mac[IDENTITY_MAC_SIZE]);
/* A disk that is only read may be shared with others who only read it. What is not there, or is
 * neither file nor block device, is left to who opens it. */
int machine_claims_disk(struct machine_claims *claims, const char *path, bool read_only);

void machine_claims_release(struct machine_claims *claims); /* also after a failure */

/*
 * Calls found(arg) for each machine that runs on this host, whoever started it, with what is known
 * of it. 0 or -errno, logged.
 */
int machine_claims_each(void (*found)(void *arg, const struct holder *holder), void *arg);

#endif
