/* cmd_delete.c: "minivmm delete": forgets a machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/options.h"
#include "vmm/record.h"

struct delete_command {
	bool yes;
};

static const struct option options[] = {
	{.name = "yes",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct delete_command, yes),
	 .help = "do not ask; needed where there is no terminal to ask on"},
	{0},
};

static const struct command command = {
	.name = "delete",
	.summary = "Forgets a machine: removes its record, and the disks that 'minivmm clone' made "
		   "for it.\nDisks that were there before stay.",
	.options = options,
	.operands = "NAME",
};

static bool confirmed(const char *name)
{
	int answer, rest;

	fprintf(stderr, "delete machine '%s' with its record and the disks made for it? [y/N] ",
		name);
	answer = rest = getchar();
	while (rest != '\n' && rest != EOF)
		rest = getchar();
	return answer == 'y' || answer == 'Y';
}

/* What somebody else has put into its folder is not ours to remove. */
static int clear(struct state_folder *folder)
{
	char *path = strdup(folder->path);
	int err = state_folder_clear(folder);

	state_folder_close(folder);
	if (path && !err && access(path, F_OK) == 0)
		log_notice("'%s' stays: there are files in it that minivmm did not make", path);
	free(path);
	return err;
}

/* Not by its record, which may be damaged: a name is enough. */
static int delete_machine(const char *name, bool ask)
{
	struct state_folder folder;
	int err = state_folder_open(&folder, name);
	bool found = !err && state_folder_has_record(&folder);

	if (!err)
		state_folder_close(&folder);
	if (!found)
		return err && err != -ENOENT ? err : record_missing(name);
	err = state_folder_take(&folder, name);
	if (err)
		return err;
	if (!ask || confirmed(name))
		return clear(&folder);
	log_notice("'%s' stays", name);
	state_folder_close(&folder);
	return -ECANCELED;
}

int cmd_delete(int argc, char **argv)
{
	struct delete_command asked = {.yes = false};
	int noperands, status;

	status = cmd_parse(&command, argc, argv, &asked, &noperands);
	if (status != CMD_GO_ON)
		return status;
	if (noperands != 1 || !identity_hostname_valid(argv[0])) {
		log_error(0, "delete: want one machine's name");
		return EXIT_USAGE;
	}
	if (!asked.yes && !isatty(STDIN_FILENO)) {
		log_error(0, "delete: no terminal to ask on; --yes deletes without asking");
		return EXIT_USAGE;
	}
	return delete_machine(argv[0], !asked.yes) < 0 ? EXIT_HOST : EXIT_SUCCESS;
}
