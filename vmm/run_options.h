/* run_options.h: what the user asked of "minivmm run". */
#ifndef VMM_RUN_OPTIONS_H
#define VMM_RUN_OPTIONS_H

#include "vmm/options.h"

/* Filled by options_parse(); all text is borrowed from argv. */
struct run_options {
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *boot; /* auto, linux64, pvh, multiboot */
	uint64_t mem;	  /* bytes */
	unsigned int cpus;
	const char *name;
	const char *uuid;
	const char *machine_id;
	const char *hostname;
	const char *serial, *board_serial, *chassis_serial;
	unsigned int vsock_cid; /* 0: the identity's own */
	const char *mode;	/* full, para, hybrid */
	const char *console;	/* serial, virtio, both, none; NULL: the mode's own */
	const char *transport;	/* pci, mmio; NULL: pci */
	struct option_list disks, nets, ports;
	const char *identity; /* levers, see levers.h; NULL: as default */
	struct option_list credentials, smbios_oem;
	const char *ssh_key, *ssh_host_keys; /* files; NULL: none, auto */
	const char *cloud_init;		     /* see cloud_init.h; NULL: none */
	const char *status_file;
	unsigned int timeout; /* seconds; 0: none */
	unsigned int grace;   /* seconds */
	bool no_reboot;
	bool no_auto_append;
	bool tsc_hint;
	bool stats;
	bool save;
	bool verbose;
};

extern const struct command run_command;

/* The defaults, before parsing. */
struct run_options run_options_default(void);

/* Has --append an argument that begins with this word? */
bool run_options_append_has(const struct run_options *asked, const char *word);

#endif
