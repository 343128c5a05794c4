/*
 * levers.h: the ways in which a machine's ids reach its guest, and the two of them that are texts.
 */
#ifndef VMM_LEVERS_H
#define VMM_LEVERS_H

#include "vmm/identity.h"

enum lever {
	LEVER_SMBIOS = 1 << 0,	    /* UUID and serial numbers */
	LEVER_CMDLINE = 1 << 1,	    /* systemd.machine_id=, systemd.hostname= */
	LEVER_CREDENTIALS = 1 << 2, /* systemd's, among the OEM strings */
	LEVER_INITRD = 1 << 3,	    /* an archive behind the initrd */
	LEVER_CLOUD_INIT = 1 << 4,
};

enum { LEVERS_CMDLINE_SIZE = 160 };

/* The text of --identity, "smbios,cmdline" or "none". 0 or -EINVAL, logged. */
int levers_parse(const char *text, unsigned int *set);

/*
 * What tells the guest's systemd its machine-id and hostname, each with a blank behind it, but for
 * what the user's command line says already.
 */
void levers_cmdline(const struct identity *identity, const char *given,
		    char cmdline[LEVERS_CMDLINE_SIZE]);

/* Warns of what a command line that is cloned makes two machines share. */
void levers_tell_shared(const char *cmdline);

/* Makes an identity one that names nobody, for SMBIOS without its lever. */
void levers_hide(struct identity *shown);

#endif
