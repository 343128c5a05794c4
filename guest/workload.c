/*
 * workload.c: what "minivmm compare" measures, from inside: see vmm/workload.h. The clock is the
 * host's: here nothing is timed, only marked.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmm/workload.h"

enum { NAME_SIZE = 64, PATH_SIZE = 128, PING_TRIES = 50, PING_PATIENCE_MS = 300 };

static unsigned short port;

static void mark(uint8_t value)
{
	if (port)
		outb(value, port);
}

static int fail(const char *what)
{
	printf(WORKLOAD_FACT "error %s: %s\n", what, strerror(errno));
	return 1;
}

static void tell(const char *name, const char *value)
{
	printf(WORKLOAD_FACT "%s %s\n", name, value);
	fflush(stdout);
}

static void tell_clock(void)
{
	char name[NAME_SIZE] = "";
	FILE *file =
		fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");

	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	tell("clock", name);
}

/* The first name in a folder that begins with one of the prefixes. */
static bool find(const char *folder, const char *const *prefixes, char name[NAME_SIZE])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		for (const char *const *prefix = prefixes; *prefix && !found; prefix++)
			found = strncmp(entry->d_name, *prefix, strlen(*prefix)) == 0;
		if (found)
			snprintf(name, NAME_SIZE, "%.*s", NAME_SIZE - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int read_blocks(int fd, void *buf, uint64_t size)
{
	uint64_t state = 1, blocks = size / WORKLOAD_RANDOM_SIZE;

	mark(workload_begin(WORKLOAD_RANDOM_READ));
	for (unsigned int i = 0; i < WORKLOAD_RANDOM_READS; i++) {
		/* Knuth's MMIX generator: the same places in every run. */
		state = state * 6364136223846793005u + 1442695040888963407u;
		if (pread(fd, buf, WORKLOAD_RANDOM_SIZE,
			  (off_t)((state >> 33) % blocks * WORKLOAD_RANDOM_SIZE)) !=
		    WORKLOAD_RANDOM_SIZE)
			return fail("random read");
	}
	mark(workload_end(WORKLOAD_RANDOM_READ));
	mark(workload_begin(WORKLOAD_SEQUENTIAL_READ));
	for (unsigned int i = 0; i < WORKLOAD_SEQUENTIAL_READS; i++) {
		if (pread(fd, buf, WORKLOAD_SEQUENTIAL_SIZE, (off_t)i * WORKLOAD_SEQUENTIAL_SIZE) !=
		    WORKLOAD_SEQUENTIAL_SIZE)
			return fail("sequential read");
	}
	mark(workload_end(WORKLOAD_SEQUENTIAL_READ));
	return 0;
}

/* Past the page cache: each read reaches the device. */
static int read_disk(void)
{
	static const char *const prefixes[] = {"vda", "nvme0n", NULL};
	char name[NAME_SIZE], path[PATH_SIZE];
	uint64_t size = 0;
	void *buf = NULL;
	int fd, status;

	if (!find("/sys/block", prefixes, name))
		return 0;
	tell("disk", name);
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0)
		return fail(path);
	if (size < WORKLOAD_DISK_SIZE) {
		errno = ENOSPC;
		return fail(path);
	}
	if (posix_memalign(&buf, WORKLOAD_RANDOM_SIZE, WORKLOAD_SEQUENTIAL_SIZE) != 0)
		return fail("memory");
	status = read_blocks(fd, buf, size);
	free(buf);
	close(fd);
	return status;
}

static bool bring_up(const char *card)
{
	struct ifreq request = {0};
	struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.*s", IFNAMSIZ - 1, card);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(0x0a000002);
	up = fd >= 0 && ioctl(fd, SIOCSIFADDR, &request) == 0 &&
	     ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	request.ifr_flags |= IFF_UP;
	up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	if (fd >= 0)
		close(fd);
	return up;
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* One echo of the usual 56 bytes; false when no answer comes in time. */
static bool ping(int fd, uint16_t sequence)
{
	struct {
		struct icmphdr header;
		uint8_t data[56];
	} packet = {.header = {.type = ICMP_ECHO, .un.echo.sequence = htons(sequence)}};
	const struct sockaddr_in peer = {.sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(0x0a000001)};
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	uint8_t answer[256];

	packet.header.checksum = checksum(&packet, sizeof(packet));
	if (sendto(fd, &packet, sizeof(packet), 0, (const struct sockaddr *)&peer, sizeof(peer)) <
	    0)
		return false;
	while (poll(&poller, 1, PING_PATIENCE_MS) > 0) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		const struct icmphdr *header = (const struct icmphdr *)(answer + 20);

		if (n >= 28 && header->type == ICMP_ECHOREPLY &&
		    header->un.echo.sequence == htons(sequence))
			return true;
	}
	return false;
}

static int ping_peer(void)
{
	static const char *const prefixes[] = {"eth", "en", NULL};
	char name[NAME_SIZE];
	uint16_t sequence = 0;
	int fd;

	if (!find("/sys/class/net", prefixes, name))
		return 0;
	tell("card", name);
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd < 0 || !bring_up(name))
		return fail(name);
	/* Until the link is up and addresses are known. */
	while (!ping(fd, sequence) && sequence < PING_TRIES)
		sequence++;
	mark(workload_begin(WORKLOAD_PING));
	for (unsigned int i = 0; i < WORKLOAD_PINGS; i++) {
		errno = ETIMEDOUT;
		if (!ping(fd, ++sequence))
			return fail("ping");
	}
	mark(workload_end(WORKLOAD_PING));
	close(fd);
	return 0;
}

static int fill_console(enum workload_phase phase, size_t piece)
{
	char text[WORKLOAD_BLOCK_SIZE];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % WORKLOAD_LINE_SIZE == WORKLOAD_LINE_SIZE - 1 ? '\n' : '.';
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	mark(workload_begin(phase));
	for (unsigned int i = 0; i < WORKLOAD_CONSOLE_SIZE / piece; i++) {
		if (write(STDOUT_FILENO, text, piece) != (ssize_t)piece)
			return fail("console");
	}
	tcdrain(STDOUT_FILENO);
	mark(workload_end(phase));
	return 0;
}

/* As text, whose every end of line the kernel makes two characters of, and as it stands. */
static int write_console(void)
{
	struct termios usual, raw;
	int status = fill_console(WORKLOAD_CONSOLE_LINES, WORKLOAD_LINE_SIZE);

	if (tcgetattr(STDOUT_FILENO, &usual) < 0)
		return fail("console");
	raw = usual;
	raw.c_oflag &= ~(tcflag_t)OPOST;
	if (tcsetattr(STDOUT_FILENO, TCSADRAIN, &raw) < 0)
		return fail("console");
	status |= fill_console(WORKLOAD_CONSOLE_BLOCKS, WORKLOAD_BLOCK_SIZE);
	tcsetattr(STDOUT_FILENO, TCSADRAIN, &usual);
	printf("\n");
	return status;
}

static int sleep_and_wake(void)
{
	const struct timespec nap = {.tv_nsec = WORKLOAD_SLEEP_NS};

	mark(workload_begin(WORKLOAD_SLEEP));
	for (unsigned int i = 0; i < WORKLOAD_SLEEPS; i++)
		nanosleep(&nap, NULL);
	mark(workload_end(WORKLOAD_SLEEP));
	return 0;
}

int main(void)
{
	const char *place = getenv(WORKLOAD_PORT_VARIABLE);
	int status;

	if (place)
		port = (unsigned short)strtoul(place, NULL, 0);
	if (port && ioperm(port, 1, 1) < 0)
		return fail("ioperm");
	tell_clock();
	status = read_disk();
	status |= ping_peer();
	status |= sleep_and_wake();
	status |= write_console();
	tell("end", status ? "badly" : "well");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	return status;
}
