/*
 * boot_vmlinux.c: an ELF64 Linux kernel as linked, without decompressor, by its 64-bit entry:
 * e_entry is startup_64's physical address, the rest as for a bzImage (boot.rst). Unlike PVH, the
 * zero page carries a seed for the random number generator.
 */
#include <asm/bootparam.h>
#include <errno.h>

#include "vmm/arch/x86/boot_linux.h"

/* What a bzImage's header would say of it. */
static const struct setup_header vmlinux_header = {
	.boot_flag = 0xaa55,
	.header = 0x53726448, /* "HdrS" */
	.version = 0x20f,
	.loadflags = LOADED_HIGH,
	.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
	.initrd_addr_max = 0x7fffffff,
	.kernel_alignment = 0x200000,
	.cmdline_size = 2047, /* COMMAND_LINE_SIZE less its NUL, in all versions */
};

static bool accepts(const struct boot_image *image, bool forced)
{
	return image->is_elf && image->elf.is_64bit && (forced || image->elf.is_linux);
}

static int load(const struct boot_request *request, const struct boot_image *image,
		struct boot_entry *entry)
{
	struct boot_span span;
	uint64_t start;
	int err;

	/* The page tables at entry map the first 4 GiB. */
	if (!elf_physical_entry(&image->elf, &start) || start > UINT32_MAX)
		return boot_file_bad(image->file,
				     "has its entry point (%#llx) in no segment below 4 GiB",
				     (unsigned long long)image->elf.entry);
	err = boot_load_segments(request, &image->elf, &span);
	if (err < 0)
		return err;
	return boot_linux_enter(request, &vmlinux_header, &span, start, entry);
}

const struct boot_loader boot_vmlinux = {
	.protocol = BOOT_LINUX64,
	.accepts = accepts,
	.load = load,
};
