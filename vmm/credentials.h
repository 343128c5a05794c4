/*
 * credentials.h: systemd's system credentials (systemd.system-credentials(7)), which a guest finds
 * among the OEM strings of its SMBIOS tables (type 11).
 */
#ifndef VMM_CREDENTIALS_H
#define VMM_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

enum { CREDENTIALS_MAX = 40 };

struct credential {
	char *name, *value; /* owned; value has len bytes and a NUL */
	size_t len;
};

/* Zeroed, it is empty. */
struct credentials {
	struct credential items[CREDENTIALS_MAX];
	unsigned int n;
};

/*
 * "NAME=VALUE", or "NAME=@FILE" for what a file holds; a comma in its name may be written twice. 0
 * or -errno, logged with the option's name: -EINVAL for what is no credential's name or there
 * already.
 */
int credentials_parse(struct credentials *credentials, const char *option, const char *text);

/* One of ours; behind what stands under that name already. 0, -ENOMEM or -E2BIG. */
int credentials_append(struct credentials *credentials, const char *name, const char *value,
		       size_t len);

const struct credential *credentials_find(const struct credentials *credentials, const char *name);

/* As the guest's systemd reads it: text where that can be, else base64. Allocated; or NULL. */
char *credential_oem_string(const struct credential *credential);

void credentials_free(struct credentials *credentials); /* and empties them */

#endif
