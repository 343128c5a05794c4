/*
 * host_keys.h: SSH host keys that are made on the host, before the machine's guest has any: so that
 * what a client shall find is known before the first connection, and clones share none.
 */
#ifndef VMM_HOST_KEYS_H
#define VMM_HOST_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HOST_KEYS_MADE "ssh_host_ed25519_key" /* the one that minivmm makes */

enum { HOST_KEYS_MAX = 3 };

struct host_key {
	const char *file;   /* "ssh_host_ed25519_key"; static */
	char *private_text; /* owned; private_len bytes, as ssh-keygen wrote them */
	size_t private_len;
	char *public_line; /* owned: "ssh-ed25519 AAAA...", without comment and line end */
};

/* Zeroed, it is empty. */
struct host_keys {
	struct host_key keys[HOST_KEYS_MAX];
	unsigned int n;
};

bool host_keys_are_in(const char *folder); /* the one that minivmm makes */

/* Reads the keys named ssh_host_*_key in folder. 0, or -errno, logged: -ENOENT where there are
 * none. */
int host_keys_read(struct host_keys *keys, const char *folder);

/* Lines for systemd's tmpfiles.d(5) that take away what keys the guest has and put these in place,
 * or nothing where there are none. 0 or -ENOMEM; then what was written must not be used. */
int host_keys_write_tmpfiles(const struct host_keys *keys, FILE *out);

/* Says the lines for a client's known_hosts. */
void host_keys_tell(const struct host_keys *keys, const char *hostname);

void host_keys_free(struct host_keys *keys); /* and empties them */

#endif
