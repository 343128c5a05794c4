/* machine_boot.h: what a machine boots: kernel, initrd and command line, with its ids in them. */
#ifndef VMM_MACHINE_BOOT_H
#define VMM_MACHINE_BOOT_H

struct machine;

/* Opens kernel and initrd. 0 or -errno, logged. */
int machine_boot_open(struct machine *machine);
void machine_boot_close(struct machine *machine); /* accepts a half-made machine */

/* Puts the levers' archive behind the initrd, in place of another; not behind one that is none of
 * Linux's. 0 or -errno, logged. */
int machine_boot_append_identity(struct machine *machine);

/* The user's command line and what is added to it. 0 or -ENOMEM. */
int machine_boot_make_cmdline(struct machine *machine);

#endif
