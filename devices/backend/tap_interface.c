/* tap_interface.c: ioctls of /dev/net/tun and of the interface (netdevice(7)). */
#include "devices/backend/tap_interface.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/backend/child.h"
#include "devices/backend/nic.h"
#include "vmm/log.h"

/* Why the interface could not be had, and what to do about it. */
static void complain(int err, const char *name, unsigned int queues)
{
	if (err == -EPERM && !*name)
		log_error(0, "net: making a tap interface needs root: as root, scripts/tap-up NAME "
			     "USER, then --net tap=NAME");
	else if (err == -EPERM && if_nametoindex(name) == 0)
		log_error(0,
			  "net: tap '%s' does not exist and making it needs root: as root, "
			  "scripts/tap-up %s USER, or ip tuntap add %s mode tap user USER",
			  name, name, name);
	else if (err == -EPERM)
		log_error(0,
			  "net: tap '%s' is not yours: as root, ip tuntap add %s mode tap user "
			  "USER makes one that is",
			  name, name);
	else if (err == -EBUSY)
		log_error(0, "net: tap '%s' is in use by another program", name);
	else if (err == -EINVAL && queues > 1)
		log_error(0,
			  "net: '%s' is not a tap interface for several queues (ip tuntap add %s "
			  "mode tap multi_queue)",
			  name, name);
	else if (err == -EINVAL)
		log_error(0, "net: '%s' is not a tap interface", name);
	else
		log_error(err, "net: tap '%s'", name);
}

static int open_queue(char name[static IFNAMSIZ], bool multi_queue)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0) {
		err = -errno;
		log_error(err, "net: cannot open /dev/net/tun%s",
			  err == -ENOENT || err == -ENODEV ? " (modprobe tun)" : "");
		return -ENODEV;
	}
	memcpy(request.ifr_name, name, IFNAMSIZ);
	request.ifr_flags |= (short)(multi_queue ? IFF_MULTI_QUEUE : 0);
	if (ioctl(fd, TUNSETIFF, &request) == 0) {
		memcpy(name, request.ifr_name, IFNAMSIZ);
		return fd;
	}
	err = -errno;
	close(fd);
	return err;
}

/* An interface made for several queues takes no one who does not say so, and the reverse. */
int tap_interface_open(char name[static IFNAMSIZ], unsigned int queues)
{
	int fd = open_queue(name, queues > 1);

	if (fd == -EINVAL && queues == 1)
		fd = open_queue(name, true);
	if (fd < 0 && fd != -ENODEV)
		complain(fd, name, queues);
	return fd;
}

/* Brought up where it is down. */
static int bring_up(int control_fd, struct ifreq *request)
{
	if (ioctl(control_fd, SIOCGIFFLAGS, request) < 0)
		return -errno;
	if (request->ifr_flags & IFF_UP)
		return 0;
	request->ifr_flags |= IFF_UP;
	if (ioctl(control_fd, SIOCSIFFLAGS, request) < 0)
		log_warning("net: tap '%s' is down, nothing passes until: ip link set %s up",
			    request->ifr_name, request->ifr_name);
	return 0;
}

static int configure(int control_fd, const char name[static IFNAMSIZ], unsigned int mtu)
{
	struct ifreq request = {0};
	int err;

	memcpy(request.ifr_name, name, IFNAMSIZ);
	if (ioctl(control_fd, SIOCGIFMTU, &request) < 0)
		return -errno;
	if (mtu && (unsigned int)request.ifr_mtu < mtu) {
		request.ifr_mtu = (int)mtu;
		if (ioctl(control_fd, SIOCSIFMTU, &request) < 0)
			log_warning(
				"net: tap '%s' does not take frames of mtu=%u: as root, ip link "
				"set %s mtu %u",
				name, mtu, name, mtu);
	}
	/* Nobody has to be told of the usual one. */
	if (!mtu && request.ifr_mtu != NIC_MTU_STANDARD && request.ifr_mtu >= NIC_MTU_MIN &&
	    request.ifr_mtu <= NIC_MTU_MAX)
		mtu = (unsigned int)request.ifr_mtu;
	err = bring_up(control_fd, &request);
	return err ? err : (int)mtu;
}

int tap_interface_configure(const char name[static IFNAMSIZ], unsigned int mtu)
{
	int control_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int told = control_fd < 0 ? -errno : configure(control_fd, name, mtu);

	if (told < 0)
		log_error(told, "net: tap '%s' cannot be set up", name);
	if (control_fd >= 0)
		close(control_fd);
	return told;
}

int tap_interface_run_script(char name[static IFNAMSIZ], const char *script)
{
	char path[PATH_MAX], line[CHILD_LINE_SIZE];
	char *argv[] = {path, name, NULL};
	int status;

	strcpy(path, script);
	status = child_run(argv, -1, -1, line);
	if (status < 0)
		log_error(status, "net: script '%s'", script);
	else if (status > 0)
		log_error(0, "net: script '%s' for '%s' ended with %d%s%s", script, name, status,
			  *line ? ": " : "", line);
	return status > 0 ? -ECANCELED : status;
}
