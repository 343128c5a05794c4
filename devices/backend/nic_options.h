/*
 * nic_options.h: what --net's argument says.
 *
 *     tap[=NAME]    fd=N    passt[=PATH]    peer    none
 *     each with [,mac=MAC][,mtu=N][,model=virtio|e1000][,iothread=on|off], and of its own
 *     tap [,script=PATH][,vhost=on|off|auto][,queues=N]   passt [,forward=HOST:GUEST[/udp]]...
 */
#ifndef DEVICES_BACKEND_NIC_OPTIONS_H
#define DEVICES_BACKEND_NIC_OPTIONS_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NIC_MAX_FORWARDS = 16, NIC_MAC_SIZE = 6 };

enum nic_kind { NIC_NONE, NIC_TAP, NIC_FD, NIC_PASST, NIC_PEER };
enum nic_model { NIC_MODEL_DEFAULT, NIC_MODEL_VIRTIO, NIC_MODEL_E1000 };
enum nic_vhost { NIC_VHOST_AUTO, NIC_VHOST_ON, NIC_VHOST_OFF };

/* A port of the host's that leads to one of the guest's. */
struct nic_forward {
	uint16_t host, guest;
	bool udp;
};

struct nic_options {
	enum nic_kind kind;
	enum nic_model model;
	enum nic_vhost vhost;
	int fd;			  /* NIC_FD */
	char interface[IFNAMSIZ]; /* NIC_TAP; empty: the kernel names it */
	char passt[PATH_MAX];	  /* NIC_PASST: the program; without a slash it is searched for */
	char script[PATH_MAX];	  /* run with the interface's name once it is open; empty: none */
	unsigned int queues;	  /* pairs, 1 to NIC_MAX_QUEUES */
	uint16_t mtu;		  /* 0: not given */
	bool has_mac;
	uint8_t mac[NIC_MAC_SIZE];
	bool iothread;
	unsigned int nforwards;
	struct nic_forward forwards[NIC_MAX_FORWARDS];
};

/*
 * Parses the whole of text; a comma that belongs to a word is written twice. 0, or -EINVAL with one
 * line in error that names what is wrong with it.
 */
int nic_options_parse(const char *text, struct nic_options *options, char *error,
		      size_t error_size);

#endif
