/* template_items.c: the table. Paths are Debian's, and where others differ theirs too. */
#include "vmm/template_items.h"

#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define UNCHANGED "the same: nothing changes it"

const struct template_item template_items[] = {
	{"machine-id", "/etc", "machine-id", TEMPLATE_EMPTY,
	 "its own: systemd.machine_id= on the command line"},
	{"D-Bus id", "/var/lib/dbus", "machine-id", TEMPLATE_LINK, "its machine-id"},
	{"hostname", "/etc", "hostname", TEMPLATE_REPORT,
	 "its own: systemd.hostname=, and the file by a credential"},
	{"SSH host keys", "/etc/ssh", "ssh_host_*", TEMPLATE_REMOVE,
	 "its own, made on the host, by a credential"},
	{"random seed", "/var/lib/systemd", "random-seed", TEMPLATE_REMOVE, UNCHANGED},
	{"random seed", "/var/lib/urandom", "random-seed", TEMPLATE_REMOVE, UNCHANGED},
	{"DHCP leases", "/var/lib/dhcp", "*.lease|*.leases|*.leases~", TEMPLATE_REMOVE,
	 "leases for its own MAC, besides"},
	{"DHCP leases", "/var/lib/dhcpcd", "*.lease|*.lease6|duid|secret", TEMPLATE_REMOVE,
	 UNCHANGED},
	{"DHCP leases", "/var/lib/NetworkManager", "*.lease", TEMPLATE_REMOVE,
	 "leases for its own MAC, besides"},
	{"cloud-init state", "/var/lib/cloud", "data|handlers|instance|instances|scripts|sem",
	 TEMPLATE_REMOVE, "a new instance: its instance-id is new"},
	{"names of cards by MAC", "/etc/udev/rules.d", "70-persistent-net.rules|*-net-by-mac.rules",
	 TEMPLATE_REMOVE, "the same: its card is a new one to them"},
	{"journal", "/var/log/journal", "*", TEMPLATE_LOGS, "a journal of its own beside it"},
	{"logs", "/var/log",
	 "*.log|*.log.*|*.gz|syslog*|messages*|wtmp*|btmp*|lastlog*|faillog*|dmesg*", TEMPLATE_LOGS,
	 UNCHANGED},

	{"hosts", "/etc", "hosts", TEMPLATE_REPORT, "the same, 127.0.1.1 included"},
	{"mail name", "/etc", "mailname", TEMPLATE_REPORT, UNCHANGED},
	{"network settings", "/etc/network", "interfaces", TEMPLATE_REPORT,
	 "the same, a fixed address included"},
	{"network settings", "/etc/netplan", "*.yaml", TEMPLATE_REPORT,
	 "the same, a fixed address included"},
	{"network settings", "/etc/systemd/network", "*", TEMPLATE_REPORT,
	 "the same, a fixed address included"},
	{"network settings", "/etc/NetworkManager/system-connections", "*", TEMPLATE_REPORT,
	 "the same, a fixed address included"},
	{"NetworkManager's secret key", "/var/lib/NetworkManager", "secret_key", TEMPLATE_REPORT,
	 UNCHANGED},
	{"key of systemd's credentials", "/var/lib/systemd", "credential.secret", TEMPLATE_REPORT,
	 UNCHANGED},
	{"TLS key of ssl-cert", "/etc/ssl/private", "ssl-cert-snakeoil.key", TEMPLATE_REPORT,
	 UNCHANGED},
	{"WireGuard keys", "/etc/wireguard", "*", TEMPLATE_REPORT, UNCHANGED},
	{"Tor keys", "/var/lib/tor", "keys|hidden_service*|onion*", TEMPLATE_REPORT, UNCHANGED},
	{"GnuPG keys of root", "/root/.gnupg", "private-keys-v1.d|secring.gpg", TEMPLATE_REPORT,
	 UNCHANGED},
	{"SSH keys of root", "/root/.ssh", "id_*", TEMPLATE_REPORT, UNCHANGED},
	{"iSCSI initiator", "/etc/iscsi", "initiatorname.iscsi", TEMPLATE_REPORT, UNCHANGED},
	{"NVMe host ids", "/etc/nvme", "hostid|hostnqn", TEMPLATE_REPORT, UNCHANGED},
	{"popularity-contest id", "/etc", "popularity-contest.conf", TEMPLATE_REPORT, UNCHANGED},
	{"Kerberos keys", "/etc", "krb5.keytab", TEMPLATE_REPORT, UNCHANGED},
	{"Samba secrets", "/var/lib/samba/private", "secrets.tdb", TEMPLATE_REPORT, UNCHANGED},
	{"Salt minion", "/etc/salt", "minion_id|pki", TEMPLATE_REPORT, UNCHANGED},
	{"Puppet certificates", "/var/lib/puppet", "ssl", TEMPLATE_REPORT, UNCHANGED},
	{"Kubernetes node", "/etc/kubernetes", "kubelet.conf|bootstrap-kubelet.conf",
	 TEMPLATE_REPORT, UNCHANGED},
	{"Kubernetes certificates", "/var/lib/kubelet", "pki", TEMPLATE_REPORT, UNCHANGED},
	{"Docker engine id", "/var/lib/docker", "engine-id", TEMPLATE_REPORT, UNCHANGED},
	{"snapd state", "/var/lib/snapd", "state.json", TEMPLATE_REPORT, UNCHANGED},
	{"Ubuntu Pro token", "/var/lib/ubuntu-advantage/private", "machine-token.json",
	 TEMPLATE_REPORT, UNCHANGED},
	{NULL, NULL, NULL, TEMPLATE_REPORT, NULL},
};

bool template_item_matches(const struct template_item *item, const char *name)
{
	const char *pattern = item->patterns;
	char one[64];

	while (*pattern) {
		size_t len = strcspn(pattern, "|");

		snprintf(one, sizeof(one), "%.*s", (int)len, pattern);
		if (fnmatch(one, name, FNM_PERIOD) == 0)
			return true;
		pattern += len + (pattern[len] == '|');
	}
	return false;
}
