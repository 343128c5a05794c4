/*
 * fuzz_boot.c: libFuzzer feeds kernel files to boot_load(). The first byte of an input chooses
 * protocol, initrd and high RAM, the rest is the file. Beyond what the sanitizers see, an accepted
 * file must give an entry point in RAM and boot structures in their places.
 */
#include <asm/bootparam.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/arch/x86/boot.h"

enum {
	LOW_RAM = 32 << 20,
	HIGH_RAM = 4 << 20,
	INITRD_SIZE = 0x1801,

	CHOICE_PROTOCOL = 3,
	CHOICE_INITRD = 4,
	CHOICE_HIGH_RAM = 8,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_memory_file(const void *content, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 ||
	    (content && pwrite(fd, content, size, 0) != (ssize_t)size))
		abort();
	return fd;
}

/* Two machines, made once: what an earlier input left in RAM is part of the test. */
static const struct guest_memory *memory(bool high)
{
	static struct guest_memory low_only, both;

	if (both.nregions == 0 &&
	    (memory_add(&low_only, 0, LOW_RAM) < 0 || memory_add(&both, 0, LOW_RAM) < 0 ||
	     memory_add(&both, 1ull << 32, HIGH_RAM) < 0))
		abort();
	return high ? &both : &low_only;
}

static void check(const struct boot_request *request, const struct boot_entry *entry)
{
	const struct boot_params *zero_page;

	if (entry->rip > UINT32_MAX || !memory_range(request->mem, entry->rip, 1, MEMORY_READ))
		abort();
	if (entry->mode == BOOT_PROTECTED_MODE) {
		if (!memory_range(request->mem, entry->rbx, 116, MEMORY_READ))
			abort();
		return;
	}
	zero_page = memory_range(request->mem, entry->rsi, sizeof(*zero_page), MEMORY_READ);
	if (!zero_page || zero_page->sentinel != 0 || zero_page->e820_entries == 0 ||
	    zero_page->hdr.ramdisk_size != (request->initrd ? INITRD_SIZE : 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_file initrd = {.what = "initrd", .path = "-", .fd = -1};
	struct boot_file kernel = {.what = "kernel", .path = "-"};
	struct boot_request request = {.kernel = &kernel, .cmdline = "quiet", .rsdp = 0xe0000};
	struct boot_entry entry;

	if (size < 2)
		return 0;
	if (initrd.fd < 0) {
		initrd.fd = open_memory_file(NULL, INITRD_SIZE);
		initrd.size = INITRD_SIZE;
	}
	kernel.size = size - 1;
	kernel.fd = open_memory_file(data + 1, kernel.size);
	request.mem = memory(data[0] & CHOICE_HIGH_RAM);
	request.initrd = data[0] & CHOICE_INITRD ? &initrd : NULL;
	request.protocol = (enum boot_protocol)(data[0] & CHOICE_PROTOCOL);
	if (boot_load(&request, &entry) == 0)
		check(&request, &entry);
	close(kernel.fd);
	return 0;
}
