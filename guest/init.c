/*
 * init.c: PID 1 of the tiny initramfs that scripts/mkinitramfs builds. It loads the modules it was
 * given, prints what the host wants to know of the guest, runs one command and tells the host how
 * that ended.
 *
 * The command stands on the kernel command line behind "--"; double quotes keep words together:
 *
 *   poweroff            power off; also what happens without a command
 *   reboot              reset the machine
 *   panic               let the kernel panic
 *   exit N              end with status N
 *   sleep N             N seconds later, end with status 0
 *   ask                 read commands from the console, one a line, until one of those above
 *   PROGRAM WORD...     anything that was put into the initramfs
 *
 * The command's status (128+N for signal N) is written to the debug-exit port, which ends minivmm
 * with that status; where nothing answers there the machine powers off. The ACPI power button ends
 * the command and powers off.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
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
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#ifdef __x86_64__
#include <sys/io.h>
#endif

#include "guest/console.h"
#include "guest/facts.h"
#include "vmm/workload.h"

#define MODULE_ORDER "/modules/order" /* one path a line, in the order of loading */

enum {
	DEBUG_EXIT_PORT = 0xf4,
	MAX_WORDS = 64,
	MAX_BUTTONS = 8,
	STATUS_NO_SUCH_COMMAND = 127,
	POWER_DOWN_PATIENCE_MS = 2000,
};

/* What PID 1 waits for. Console input is the last of the descriptors,
 * so that it can be left out. */
struct events {
	struct pollfd fds[1 + MAX_BUTTONS + 1];
	unsigned int nbuttons; /* fds[1] and on; fds[0] tells of children */
};

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

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* ENODEV: the module found nothing to drive, and says so by not staying. */
	if (fd < 0 ||
	    (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
		console_say("module %s: %s", path, strerror(errno));
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
	const char *name = facts_read_line("/etc/hostname", buf, sizeof(buf));

	if (name == buf)
		sethostname(name, strlen(name));
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
	console_say("status %d: nothing at the debug-exit port", status);
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

	console_say("power button");
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
	console_say("%s: %s", words[0], strerror(errno));
	_exit(STATUS_NO_SUCH_COMMAND);
}

/* Runs the command and waits for it, while reaping what else ends: whatever loses its parent
 * becomes our child. */
static int run_program(struct events *events, char *const words[])
{
	int status = 0;
	pid_t pid = fork(), ended;

	if (pid < 0) {
		console_say("%s: %s", words[0], strerror(errno));
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
		console_say("panic: %s", strerror(errno));
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

		console_say("ready");
		events_wait(events, true);
		n = read(STDIN_FILENO, line, sizeof(line) - 1);
		if (n <= 0)
			return status;
		line[n] = '\0';
		split(line, words);
		if (!words[0])
			continue;
		status = run(events, words);
		console_say("status %d", status);
	}
}

int main(void)
{
	struct events events;
	char line[4096] = "", *command, *words[MAX_WORDS + 1] = {NULL};
	int status;

	mark_boot();
	mount_filesystems();
	set_hostname();
	load_modules();
	console_open();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	events_init(&events);
	facts_print();

	facts_read_line("/proc/cmdline", line, sizeof(line));
	command = strstr(line, " -- ");
	if (command)
		split(command + strlen(" -- "), words);
	if (words[0] && strcmp(words[0], "ask") == 0)
		status = ask(&events);
	else
		status = run(&events, words);
	finish(status);
}
