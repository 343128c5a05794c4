/*
 * nic_passt.c: networking without root: starts passt(1), which translates between the guest's
 * frames and ordinary sockets of the user's, on one end of a socket pair. passt goes into the
 * background once it is ready and ends when our end is closed, however we end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/child.h"
#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "vmm/log.h"

enum {
	PASST_MTU = 65520, /* its largest, and what it tells guests by DHCP if not told otherwise */
	START_TIMEOUT_MS = 60000, /* on a host that is very busy */
	SOCKET_BUFFER = 4 << 20,
	PORTS_SIZE = NIC_MAX_FORWARDS * sizeof("65535:65535,"),
};

/* "8080:80,2222:22" of the forwards of one protocol; empty when there are none. */
static void list_ports(const struct nic_options *options, bool udp, char list[static PORTS_SIZE])
{
	size_t len = 0;

	list[0] = '\0';
	for (unsigned int i = 0; i < options->nforwards; i++) {
		const struct nic_forward *forward = &options->forwards[i];

		if (forward->udp == udp)
			len += (size_t)snprintf(list + len, PORTS_SIZE - len, "%s%u:%u",
						len ? "," : "", forward->host, forward->guest);
	}
}

static unsigned int passt_mtu(const struct nic_options *options)
{
	if (options->mtu)
		return options->mtu;
	return options->model == NIC_MODEL_E1000 ? NIC_MTU_STANDARD : PASST_MTU;
}

/* 0 once passt serves the socket, or -errno, logged. */
static int start(const struct nic_options *options, int fd)
{
	char program[sizeof(options->passt)], tcp[PORTS_SIZE], udp[PORTS_SIZE];
	char fd_text[12], mtu_text[12], line[CHILD_LINE_SIZE];
	char fd_flag[] = "--fd", mtu_flag[] = "--mtu", tcp_flag[] = "-t", udp_flag[] = "-u";
	char *argv[10] = {program, fd_flag, fd_text, mtu_flag, mtu_text};
	unsigned int n = 5;
	int status;

	strcpy(program, options->passt);
	snprintf(fd_text, sizeof(fd_text), "%d", CHILD_FD);
	snprintf(mtu_text, sizeof(mtu_text), "%u", passt_mtu(options));
	list_ports(options, false, tcp);
	list_ports(options, true, udp);
	if (*tcp) {
		argv[n++] = tcp_flag;
		argv[n++] = tcp;
	}
	if (*udp) {
		argv[n++] = udp_flag;
		argv[n++] = udp;
	}
	status = child_run(argv, fd, START_TIMEOUT_MS, line);
	if (status == 0)
		return 0;
	if (status == -ENOENT)
		log_error(0, "net: '%s' is not installed (Debian: apt install passt)",
			  options->passt);
	else if (status < 0)
		log_error(status, "net: cannot start '%s'", options->passt);
	else
		log_error(0, "net: '%s' ended with %d: %s", options->passt, status,
			  *line ? line : "it said nothing");
	return status < 0 ? status : -ECANCELED;
}

/*
 * passt drops frames that its end of the socket has no room for, and leaves that end as it finds
 * it: the usual buffer holds three of the largest frames, and TCP would creep. As root we may have
 * all that we ask for, others get what the host allows.
 */
static void enlarge_buffer(int fd)
{
	int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int nic_open_passt(const struct nic_options *options, struct loop *loop, struct nic **nic)
{
	int fds[2];
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		err = -errno;
		log_error(err, "net: socket pair");
		return err;
	}
	enlarge_buffer(fds[1]);
	err = start(options, fds[1]);
	close(fds[1]);
	if (!err)
		err = nic_open_stream(fds[0], "passt", loop, nic);
	if (err) {
		close(fds[0]);
		return err;
	}
	(*nic)->mtu = (uint16_t)passt_mtu(options);
	return 0;
}
