/* cmd_template.c: "minivmm template": is an image fit to be cloned? */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/machine_template.h"
#include "vmm/options.h"

struct template_command {
	bool fix, logs;
};

static const struct option options[] = {
	{.name = "fix",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct template_command, fix),
	 .help = "remove the ids marked with '!', by the host's debugfs"},
	{.name = "logs",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct template_command, logs),
	 .help = "journal and logs are to go, too"},
	{0},
};

static const struct command command = {
	.name = "template",
	.summary = "Shows the ids in a disk that its clones would share: an image with an ext file "
		   "system and\nno partitions. Neither mounts it nor needs root.",
	.options = options,
	.operands = "DISK",
	.epilogue = "exit status:\n"
		    "  0        it is fit to be cloned\n"
		    "  1        it is not, or the host refused something\n"
		    "  2        usage\n",
};

static void print_row(const int widths[3], const char *mark, const char *const texts[4])
{
	printf("%s %-*s  %-*s  %-*s  %s\n", mark, widths[0], texts[0], widths[1], texts[1],
	       widths[2], texts[2], texts[3]);
}

static void widen(int *width, const char *text)
{
	int len = (int)strlen(text);

	*width = len > *width ? len : *width;
}

static void print(const struct template *template, const char *image, bool logs)
{
	static const char *const head[4] = {"ID", "WHERE", "STATE", "A CLONE GETS"};
	const struct disk_ids *ids = &template->ids;
	const char *const fs[4] = {"file system UUID", "superblock", ids->id,
				   "the same, without clone --new-fs-uuid"};
	int widths[3] = {(int)strlen(fs[0]), (int)strlen(fs[1]), (int)strlen(fs[2])};

	for (unsigned int i = 0; i < template->n; i++) {
		widen(&widths[0], template->rows[i].item->what);
		widen(&widths[1], template->rows[i].where);
		widen(&widths[2], template->rows[i].state);
	}
	print_row(widths, " ", head);
	for (unsigned int i = 0; i < template->n; i++) {
		const struct template_row *row = &template->rows[i];
		const char *const texts[4] = {row->item->what, row->where, row->state, row->clone};

		print_row(widths, row->unfit ? "!" : " ", texts);
	}
	print_row(widths, " ", fs);
	printf("\nNot on the disk, and every clone's own: SMBIOS UUID and serials, MAC addresses, "
	       "disk serials,\nvsock CID, VM generation id, boot id.\n");
	if (template->unfit)
		printf("\n'minivmm template %s --fix%s' changes the %u marked with '!'.\n", image,
		       logs ? " --logs" : "", template->unfit);
}

static int check(const char *image, const struct template_command *asked)
{
	struct template template;
	int err = machine_template_check(image, asked->logs, &template);

	if (err)
		return err;
	print(&template, image, asked->logs);
	return template.unfit ? -EUCLEAN : 0;
}

int cmd_template(int argc, char **argv)
{
	struct template_command asked = {.fix = false};
	char *image;
	int noperands, err = 0, status;

	status = cmd_parse(&command, argc, argv, &asked, &noperands);
	if (status != CMD_GO_ON)
		return status;
	if (noperands != 1) {
		log_error(0, "template: want one disk's name");
		return EXIT_USAGE;
	}
	image = realpath(argv[0], NULL);
	if (!image) {
		log_error(-errno, "disk '%s': cannot open", argv[0]);
		return EXIT_HOST;
	}
	if (asked.fix)
		err = machine_template_fix(image, asked.logs);
	if (!err)
		err = check(image, &asked);
	free(image);
	return err || fflush(stdout) != 0 ? EXIT_HOST : EXIT_SUCCESS;
}
