/*
 * init.c: PID 1 of the tiny initramfs that scripts/mkinitramfs builds. It loads the modules it was
 *given, prints what the host wants to know of the guest, runs one command and tells the host how
 *that ended.
 *
 * The command stands on the kernel command line behind "--"; double quotes keep words together:
 *
 *	poweroff		power off; also what happens without a command
 *	reboot			reset the machine
 *	panic			let the kernel panic
 *	exit N			end with status N
 *	sleep N			N seconds later, end with status 0
 *	ask			read commands from the console, one a line, until one of those above
 *or end of file PROGRAM ARGUMENT...	anything that was put into the initramfs
 *
 * The command's status (128+N for signal N) is written to the debug-exit port, which ends minivmm
 *with that status; where nothing answers there the machine powers off. The ACPI power button ends
 *the command and powers off.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/io.h>
#endif

#include "vmm/workload.h"

#define MODULE_ORDER "/modules/order" /* one path a line, in the order of loading */

enum {
	DEBUG_EXIT_PORT = 0xf4,
	MAX_WORDS = 64,
	MAX_BUTTONS = 8,
	STATUS_NO_SUCH_COMMAND = 127,
	POWER_DOWN_PATIENCE_MS = 2000,
};

/* What PID 1 waits for. Console input is the last of the descriptors, so that it can be left out.
 */
struct events {
	struct pollfd fds[1 + MAX_BUTTONS + 1];
	unsigned int nbuttons; /* fds[1] and on; fds[0] tells of children */
};

/* One write a line: the console of a virtual machine costs by the byte, and lines do not mix. */
static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[512] = "init: ";
	size_t start = strlen(line), length;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + start, sizeof(line) - start - 1, format, arguments);
	va_end(arguments);
	length = strlen(line);
	line[length++] = '\n';
	if (write(STDOUT_FILENO, line, length) < 0)
		return; /* no console: nobody to tell */
}

/* The file's first line, or "none". */
static const char *read_line(const char *path, char *buf, size_t size)
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

/* Tells a host that watches that the kernel's part of the boot is done. */
static void mark_boot(void)
{
#ifdef __x86_64__
	const char *place = getenv(WORKLOAD_PORT_VARIABLE);
	unsigned long port = place ? strtoul(place, NULL, 0) : 0;

	if (port && ioperm(port, 1, 1) == 0)
		outb(workload_end(WORKLOAD_BOOT), (unsigned short)port);
#endif
}

static void mount_filesystems(void)
{
	static const struct {
		const char *type, *path;
	} mounts[] = {
		{"proc", "/proc"},     {"sysfs", "/sys"},
		{"devtmpfs", "/dev"},  {"devpts", "/dev/pts"},
		{"tmpfs", "/dev/shm"}, {"tmpfs", "/run"},
		{"tmpfs", "/tmp"},     {"debugfs", "/sys/kernel/debug"},
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].path, 0755);
		mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL);
	}
}

/*
 * A console that came with a module is not the one that this process was started with. PID 1 stays
 * the leader of the console's session: the end of a leader hangs the terminal up, and that throws
 * away what was not yet sent.
 */
static void open_console(void)
{
	static const char *const consoles[] = {"/dev/console", "/dev/hvc0", "/dev/ttyS0"};

	for (size_t i = 0; i < sizeof(consoles) / sizeof(consoles[0]); i++) {
		int fd = open(consoles[i], O_RDWR | O_NOCTTY);

		if (fd < 0)
			continue;
		for (int target = STDIN_FILENO; target <= STDERR_FILENO; target++)
			dup2(fd, target);
		if (fd > STDERR_FILENO)
			close(fd);
		setsid();
		ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		return;
	}
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* ENODEV: the module found nothing to drive, and says so by not staying. */
	if (fd < 0 ||
	    (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
		say("module %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void load_modules(void)
{
	FILE *order = fopen(MODULE_ORDER, "re");
	char path[256];

	if (!order)
		return;
	while (fgets(path, sizeof(path), order)) {
		path[strcspn(path, "\n")] = '\0';
		load_module(path);
	}
	fclose(order);
}

static void set_hostname(void)
{
	char buf[65];
	const char *name = read_line("/etc/hostname", buf, sizeof(buf));

	if (name == buf)
		sethostname(name, strlen(name));
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
	return read_line("/proc/device-tree/hypervisor/compatible", name, 13);
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

static void print_facts(void)
{
	const uint64_t mib = 1 << 20;
	char buf[256];
	struct utsname name;
	struct timespec uptime;
	uint64_t usable = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	uname(&name);
	clock_gettime(CLOCK_BOOTTIME, &uptime);
	say("kernel %s", name.release);
	say("cpus %ld", sysconf(_SC_NPROCESSORS_ONLN));
	/* The 384 KiB below 1 MiB that are no RAM on a PC are rounded away. */
	say("memory %ju MiB, %ju MiB usable", (installed_memory() + mib - 1) / mib, usable / mib);
	say("uuid %s", read_line("/sys/class/dmi/id/product_uuid", buf, sizeof(buf)));
	say("machine-id %s", read_line("/etc/machine-id", buf, sizeof(buf)));
	say("hostname %s", name.nodename);
	say("hypervisor %s", hypervisor(buf));
	say("clocksource %s",
	    read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", buf,
		      sizeof(buf)));
	say("time %jd", (intmax_t)time(NULL));
	say("uptime %jd.%03ld s", (intmax_t)uptime.tv_sec, uptime.tv_nsec / 1000000);
}

static void __attribute__((noreturn)) power_off(void)
{
	tcdrain(STDOUT_FILENO);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The debug-exit device takes the status, and the machine ends within the write. */
static void debug_exit(int status)
{
#ifdef __x86_64__
	if (ioperm(DEBUG_EXIT_PORT, 1, 1) == 0)
		outb((uint8_t)status, DEBUG_EXIT_PORT);
#endif
	say("status %d: nothing at the debug-exit port", status);
}

static void __attribute__((noreturn)) finish(int status)
{
	tcdrain(STDOUT_FILENO);
	sync();
	debug_exit(status);
	power_off();
}

static void __attribute__((noreturn)) power_down(struct events *events)
{
	struct signalfd_siginfo info;

	say("power button");
	kill(-1, SIGTERM);
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		if (poll(events->fds, 1, POWER_DOWN_PATIENCE_MS) <= 0)
			break;
		if (read(events->fds[0].fd, &info, sizeof(info)) < 0)
			break;
	}
	kill(-1, SIGKILL);
	power_off();
}

static bool power_key_pressed(int fd)
{
	struct input_event event;
	bool pressed = false;

	while (read(fd, &event, sizeof(event)) == sizeof(event))
		pressed |= event.type == EV_KEY && event.code == KEY_POWER && event.value == 1;
	return pressed;
}

static void events_init(struct events *events)
{
	char path[32];
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	signal(SIGTTOU, SIG_IGN); /* a process group out of the foreground may not change that */
	events->fds[0].fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	events->nbuttons = 0;
	for (unsigned int i = 0; i < MAX_BUTTONS; i++) {
		snprintf(path, sizeof(path), "/dev/input/event%u", i);
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0)
			events->fds[1 + events->nbuttons++].fd = fd;
	}
	for (unsigned int i = 0; i < sizeof(events->fds) / sizeof(events->fds[0]); i++)
		events->fds[i].events = POLLIN;
}

/* Returns when a child ended, or, if asked for, the console has input; not at all once the power
 * key is pressed. */
static void events_wait(struct events *events, bool console)
{
	const unsigned int nfds = 1 + events->nbuttons;
	struct signalfd_siginfo info;

	for (;;) {
		events->fds[nfds].fd = STDIN_FILENO;
		if (poll(events->fds, nfds + (console ? 1 : 0), -1) < 0)
			continue;
		for (unsigned int i = 1; i < nfds; i++) {
			if (events->fds[i].revents && power_key_pressed(events->fds[i].fd))
				power_down(events);
		}
		if (console && events->fds[nfds].revents)
			return;
		if (read(events->fds[0].fd, &info, sizeof(info)) > 0)
			return;
	}
}

static void __attribute__((noreturn)) become(char *const words[])
{
	sigset_t none;

	setpgid(0, 0);
	tcsetpgrp(STDIN_FILENO, getpid()); /* Ctrl-C reaches the command */
	signal(SIGTTOU, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (strcmp(words[0], "sleep") == 0) {
		sleep(words[1] ? (unsigned int)strtoul(words[1], NULL, 10) : 0);
		_exit(0);
	}
	execvp(words[0], words);
	say("%s: %s", words[0], strerror(errno));
	_exit(STATUS_NO_SUCH_COMMAND);
}

/* Runs the command and waits for it, while reaping what else ends: whatever loses its parent
 * becomes our child. */
static int run_program(struct events *events, char *const words[])
{
	int status = 0;
	pid_t pid = fork(), ended;

	if (pid < 0) {
		say("%s: %s", words[0], strerror(errno));
		return STATUS_NO_SUCH_COMMAND;
	}
	if (pid == 0)
		become(words);
	for (;;) {
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
			if (ended == pid)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
							   : WEXITSTATUS(status);
		}
		events_wait(events, false);
	}
}

static void panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	tcdrain(STDOUT_FILENO);
	if (fd < 0 || write(fd, "c", 1) < 0)
		say("panic: %s", strerror(errno));
}

/* Words separated by blanks, double quotes taken off; ends with NULL. Cuts the line up in place. */
static void split(char *line, char *words[MAX_WORDS + 1])
{
	unsigned int n = 0;

	while (n < MAX_WORDS) {
		bool quoted = false;
		char *to;

		line += strspn(line, " \t\n");
		if (!*line)
			break;
		words[n++] = to = line;
		for (; *line && (quoted || !strchr(" \t\n", *line)); line++) {
			if (*line == '"')
				quoted = !quoted;
			else
				*to++ = *line;
		}
		if (*line)
			line++;
		*to = '\0';
	}
	words[n] = NULL;
}

/* Returns the command's status; a command that ends the machine does not return. */
static int run(struct events *events, char *const words[])
{
	if (!words[0] || strcmp(words[0], "poweroff") == 0)
		power_off();
	if (strcmp(words[0], "exit") == 0)
		finish(words[1] ? atoi(words[1]) : 0);
	if (strcmp(words[0], "reboot") == 0) {
		tcdrain(STDOUT_FILENO);
		reboot(RB_AUTOBOOT);
	}
	if (strcmp(words[0], "panic") == 0)
		panic();
	return run_program(events, words);
}

static int ask(struct events *events)
{
	char line[512], *words[MAX_WORDS + 1];
	int status = 0;

	for (;;) {
		ssize_t n;

		say("ready");
		events_wait(events, true);
		n = read(STDIN_FILENO, line, sizeof(line) - 1);
		if (n <= 0)
			return status;
		line[n] = '\0';
		split(line, words);
		if (!words[0])
			continue;
		status = run(events, words);
		say("status %d", status);
	}
}

int main(void)
{
	struct events events;
	char line[4096], *command, *words[MAX_WORDS + 1] = {NULL};
	int status;

	mark_boot();
	mount_filesystems();
	set_hostname();
	load_modules();
	open_console();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	events_init(&events);
	print_facts();

	read_line("/proc/cmdline", line, sizeof(line));
	command = strstr(line, " -- ");
	if (command)
		split(command + strlen(" -- "), words);
	if (words[0] && strcmp(words[0], "ask") == 0)
		status = ask(&events);
	else
		status = run(&events, words);
	finish(status);
}
