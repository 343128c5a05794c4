/*
 * tap_interface.h: the host's tap interface itself: found or made, set up, handed to the user's
 * script. Nothing of frames.
 */
#ifndef DEVICES_BACKEND_TAP_INTERFACE_H
#define DEVICES_BACKEND_TAP_INTERFACE_H

#include <net/if.h>

/*
 * A descriptor of one of so many queues, with a virtio-net header in front of every frame. An empty
 * name gets what the kernel chose. Or -errno, logged with what to do about it.
 */
int tap_interface_open(char name[static IFNAMSIZ], unsigned int queues);

/*
 * Brings it up and sees to it that it takes frames of mtu bytes (0: as it is), as far as we may;
 * what is left to do is a warning. Returns the MTU that the guest must be told, 0 for none, or
 * -errno, logged.
 */
int tap_interface_configure(const char name[static IFNAMSIZ], unsigned int mtu);

/* Runs script with the name as its argument. 0 or -errno, logged. */
int tap_interface_run_script(char name[static IFNAMSIZ], const char *script);

#endif
