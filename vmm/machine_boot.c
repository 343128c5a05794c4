/* machine_boot.c: see machine_boot.h. */
#include "vmm/machine_boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/arch.h"
#include "vmm/cpio.h"
#include "vmm/identity_initrd.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/machine_disks.h"
#include "vmm/machine_levers.h"

/* One of our own words, or none. */
static void add(FILE *out, const char *word)
{
	if (word && *word)
		fprintf(out, "%s ", word);
}

/* What we add stands first, so that the user's words after "--" stay the last. */
int machine_boot_make_cmdline(struct machine *machine)
{
	const struct run_options *options = machine->options;
	char root[64] = "", clock[64] = "", mark[32] = "";
	size_t size;
	FILE *out = open_memstream(&machine->cmdline, &size);

	if (!out)
		return -ENOMEM;
	if (!options->no_auto_append && !run_options_append_has(options, "console="))
		add(out, arch_console_argument(machine));
	if (!options->no_auto_append && !run_options_append_has(options, "root="))
		machine_disks_root_argument(machine, root, sizeof(root));
	if (options->tsc_hint)
		arch_clock_argument(machine, clock, sizeof(clock));
	if (machine->config->watch)
		arch_mark_argument(mark, sizeof(mark));
	add(out, root);
	add(out, clock);
	add(out, mark);
	fprintf(out, "%s%s", machine->config->levers->cmdline, options->append);
	if (fclose(out) != 0)
		return -ENOMEM;
	log_verbose("command line: %s", machine->cmdline);
	return 0;
}

int machine_boot_append_identity(struct machine *machine)
{
	const struct machine_levers *levers = machine->config->levers;
	struct boot_file *initrd = &machine->initrd;
	uint8_t begin[IDENTITY_INITRD_MAGIC];
	int err;

	if (!levers->archive || initrd->fd < 0 || initrd->size < sizeof(begin))
		return 0;
	err = boot_file_read(initrd, 0, begin, sizeof(begin));
	if (!err && identity_initrd_fits(begin))
		boot_file_append(initrd, levers->archive, levers->archive_size, CPIO_ALIGNMENT);
	return err;
}

int machine_boot_open(struct machine *machine)
{
	int err = boot_file_open(&machine->kernel, "kernel", machine->options->kernel);

	if (!err && machine->options->initrd)
		err = boot_file_open(&machine->initrd, "initrd", machine->options->initrd);
	return err ? err : machine_boot_append_identity(machine);
}

void machine_boot_close(struct machine *machine)
{
	boot_file_close(&machine->kernel);
	boot_file_close(&machine->initrd);
	free(machine->cmdline);
}
