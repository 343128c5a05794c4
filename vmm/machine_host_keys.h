/* machine_host_keys.h: makes a machine's SSH host key, see host_keys.h. */
#ifndef VMM_MACHINE_HOST_KEYS_H
#define VMM_MACHINE_HOST_KEYS_H

/*
 * Makes an Ed25519 key in folder by the host's ssh-keygen, unless there is one. 0 or -errno:
 * -ENOENT, in silence, where the host has no ssh-keygen, else logged.
 */
int machine_host_keys_make(const char *folder, const char *hostname);

#endif
