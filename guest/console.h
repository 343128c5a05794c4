/* console.h: where PID 1 talks to the host. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

/*
 * Makes the kernel's console this process's stdin, stdout, stderr and controlling terminal. For
 * after the modules are loaded: a console that came with one is not the one that this process was
 * started with.
 */
void console_open(void);

/*
 * "init: ", the text and a newline, in one write: the console of a virtual machine costs by the
 * byte, and lines do not mix.
 */
void __attribute__((format(printf, 1, 2))) console_say(const char *format, ...);

#endif
