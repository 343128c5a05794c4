/* boot.c: the files are memfds; stderr is one while boot_load() runs. */
#include "tests/fake/boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int open_memory_file(const void *content, size_t size)
{
	int fd = memfd_create("boot", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, content, size, 0), size);
	return fd;
}

void fake_boot_init(struct fake_boot *boot, uint64_t ram_size)
{
	*boot = (struct fake_boot){
		.kernel = {.what = "kernel", .path = "a.kernel", .fd = -1},
		.initrd = {.what = "initrd", .path = "an.initrd", .fd = -1},
		.request = {.cmdline = "console=ttyS0", .rsdp = 0xe0000},
	};
	boot->request.mem = &boot->mem;
	boot->request.kernel = &boot->kernel;
	assert_int_equal(memory_add(&boot->mem, 0, ram_size), 0);
	memset(fake_boot_at(boot, 0, 0x100000), 0xa5, 0x100000);
	memset(fake_boot_at(boot, FAKE_KERNEL_LOAD, 0x10000), 0xa5, 0x10000);
}

void fake_boot_free(struct fake_boot *boot)
{
	boot_file_close(&boot->kernel);
	boot_file_close(&boot->initrd);
	memory_free(&boot->mem);
}

void fake_boot_initrd(struct fake_boot *boot, uint64_t size)
{
	uint8_t content[0x3000];
	size_t filled = size < sizeof(content) ? size : sizeof(content);

	memset(content, 0x5a, sizeof(content));
	boot_file_close(&boot->initrd);
	boot->initrd.fd = open_memory_file(content, filled);
	boot->initrd.size = size;
	assert_int_equal(ftruncate(boot->initrd.fd, (off_t)size), 0);
	boot->request.initrd = &boot->initrd;
}

int fake_boot_load(struct fake_boot *boot)
{
	int saved = dup(STDERR_FILENO), log = open_memory_file("", 0), err;
	ssize_t n;

	boot_file_close(&boot->kernel);
	boot->kernel.fd = open_memory_file(boot->image, boot->size);
	boot->kernel.size = boot->size;
	dup2(log, STDERR_FILENO);
	err = boot_load(&boot->request, &boot->entry);
	dup2(saved, STDERR_FILENO);
	n = pread(log, boot->message, sizeof(boot->message) - 1, 0);
	boot->message[n > 0 ? n : 0] = 0;
	close(saved);
	close(log);
	return err;
}

void fake_boot_refused(struct fake_boot *boot, const char *text)
{
	int err = fake_boot_load(boot);

	if (err >= 0 || !strstr(boot->message, text) || !strstr(boot->message, "'a") ||
	    strchr(boot->message, '\n') != boot->message + strlen(boot->message) - 1)
		fail_msg("expected a line with \"%s\", got %d and: %s", text, err, boot->message);
}

void *fake_boot_at(const struct fake_boot *boot, gpa_t gpa, uint64_t size)
{
	void *at = memory_range(&boot->mem, gpa, size, MEMORY_WRITE);

	assert_non_null(at);
	return at;
}
