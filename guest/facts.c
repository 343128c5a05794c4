/* facts.c: what the host wants to know of the guest. */
#include "guest/facts.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "guest/console.h"

const char *facts_read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return "none";
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* The vendor that CPUID leaf 0x40000000 names, or "none". */
static const char *hypervisor(char name[13])
{
#ifdef __x86_64__
	unsigned int eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	if (ecx & (1u << 31)) {
		__cpuid(0x40000000, eax, ebx, ecx, edx);
		memcpy(name, &ebx, 4);
		memcpy(name + 4, &ecx, 4);
		memcpy(name + 8, &edx, 4);
		name[12] = '\0';
		return name;
	}
#endif
	return facts_read_line("/proc/device-tree/hypervisor/compatible", name, 13);
}

/* All RAM that the memory map names, whether the kernel keeps it for itself or not; in bytes. */
static uint64_t installed_memory(void)
{
	FILE *map = fopen("/proc/iomem", "re");
	uint64_t start, end, sum = 0;
	char line[256];

	if (!map)
		return 0;
	while (fgets(line, sizeof(line), map)) {
		if (line[0] == ' ' || !strstr(line, " : System RAM"))
			continue;
		if (sscanf(line, "%jx-%jx", &start, &end) == 2)
			sum += end - start + 1;
	}
	fclose(map);
	return sum;
}

void facts_print(void)
{
	const uint64_t mib = 1 << 20;
	char buf[256];
	struct utsname name;
	struct timespec uptime;
	uint64_t usable = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	uname(&name);
	clock_gettime(CLOCK_BOOTTIME, &uptime);
	console_say("kernel %s", name.release);
	console_say("cpus %ld", sysconf(_SC_NPROCESSORS_ONLN));
	/* The 384 KiB below 1 MiB that are no RAM on a PC are rounded away. */
	console_say("memory %ju MiB, %ju MiB usable", (installed_memory() + mib - 1) / mib,
		    usable / mib);
	console_say("uuid %s", facts_read_line("/sys/class/dmi/id/product_uuid", buf, sizeof(buf)));
	console_say("machine-id %s", facts_read_line("/etc/machine-id", buf, sizeof(buf)));
	console_say("hostname %s", name.nodename);
	console_say("hypervisor %s", hypervisor(buf));
	console_say(
		"clocksource %s",
		facts_read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
				buf, sizeof(buf)));
	console_say("time %jd", (intmax_t)time(NULL));
	console_say("uptime %jd.%03ld s", (intmax_t)uptime.tv_sec, uptime.tv_nsec / 1000000);
}
