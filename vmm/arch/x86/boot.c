/* boot.c: chooses the protocol by looking into the file. */
#include "vmm/arch/x86/boot.h"

#include <errno.h>
#include <stdbool.h>

#include "vmm/arch/x86/boot_common.h"
#include "vmm/arch/x86/boot_cpu.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/log.h"
#include "vmm/util.h"

const char *const boot_protocol_names[] = {
	[BOOT_AUTO] = "auto",
	[BOOT_LINUX64] = "linux64",
	[BOOT_PVH] = "pvh",
	[BOOT_MULTIBOOT] = "multiboot",
	NULL,
};

/* In the order in which a file is tried. */
static const struct boot_loader *const loaders[] = {
	&boot_bzimage,
	&boot_multiboot,
	&boot_vmlinux,
	&boot_pvh,
};

static int look_into(const struct boot_file *file, struct boot_image *image)
{
	int err;

	image->file = file;
	image->head_size = file->size < BOOT_HEAD_SIZE ? file->size : BOOT_HEAD_SIZE;
	err = boot_file_read(file, 0, image->head, image->head_size);
	if (err < 0)
		return err;
	image->is_elf = elf_is(image->head, image->head_size);
	return image->is_elf ? elf_parse(file, &image->elf) : 0;
}

static const struct boot_loader *choose(const struct boot_image *image, enum boot_protocol protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(loaders); i++) {
		if (protocol != BOOT_AUTO && loaders[i]->protocol != protocol)
			continue;
		if (loaders[i]->accepts(image, protocol != BOOT_AUTO))
			return loaders[i];
	}
	return NULL;
}

static int refuse(const struct boot_image *image, enum boot_protocol protocol)
{
	switch (protocol) {
	case BOOT_LINUX64:
		return boot_file_bad(image->file, "is neither a bzImage nor an ELF64 vmlinux: "
						  "--boot linux64 cannot boot it");
	case BOOT_PVH:
		return boot_file_bad(image->file, "has no PVH entry note (Linux: CONFIG_PVH): "
						  "--boot pvh cannot boot it");
	case BOOT_MULTIBOOT:
		return boot_file_bad(image->file, "has no Multiboot 1 header in its first 8 KiB: "
						  "--boot multiboot cannot boot it");
	case BOOT_AUTO:
		break;
	}
	return boot_file_bad(
		image->file,
		"is not a kernel this program can boot: no bzImage (HdrS), Multiboot 1 "
		"header, ELF64 Linux or ELF with a PVH note");
}

int boot_load(const struct boot_request *request, struct boot_entry *entry)
{
	const struct boot_loader *loader;
	struct boot_image image;
	int err;

	if (!memory_range(request->mem, 0, LAYOUT_HIGH_MEMORY, MEMORY_READ)) {
		log_error(0, "memory: a kernel needs RAM from address 0 to beyond 1 MiB");
		return -EINVAL;
	}
	err = look_into(request->kernel, &image);
	if (err < 0)
		return err;
	loader = choose(&image, request->protocol);
	if (!loader)
		return refuse(&image, request->protocol);
	*entry = (struct boot_entry){.protocol = loader->protocol};
	err = loader->load(request, &image, entry);
	if (err < 0)
		return err;
	boot_cpu_tables(request->mem, entry->mode);
	log_verbose("kernel '%s': boots by %s, entry at %#llx", request->kernel->path,
		    boot_protocol_names[entry->protocol], (unsigned long long)entry->rip);
	return 0;
}
