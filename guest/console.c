/* console.c: where PID 1 talks to the host. */
#include "guest/console.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/*
 * PID 1 stays the leader of the console's session: the end of a leader hangs the terminal up, and
 * that throws away what was not yet sent.
 */
void console_open(void)
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

void console_say(const char *format, ...)
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
