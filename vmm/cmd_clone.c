/* cmd_clone.c: "minivmm clone". */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/machine_clone.h"
#include "vmm/options.h"

static const struct option options[] = {
	{.name = "disk-dir",
	 .value = "DIR",
	 .kind = OPTION_FILE,
	 .offset = offsetof(struct clone_options, disk_dir),
	 .help = "put the disks there (default: beside the clone's record)"},
	{.name = "full",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct clone_options, full),
	 .help = "share no blocks with SOURCE's disks, and reserve all space now"},
	{.name = "new-fs-uuid",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct clone_options, new_fs_uuid),
	 .help = "give ext file systems without partitions a new UUID, by tune2fs"},
	{0},
};

static const struct command command = {
	.name = "clone",
	.summary = "Makes a machine after another: the same options, copies of its writable disks, "
		   "and ids\nof its own. SOURCE must not run meanwhile.",
	.options = options,
	.operands = "SOURCE NAME",
};

int cmd_clone(int argc, char **argv)
{
	struct clone_options asked = {.full = false};
	sigset_t signals, before;
	int noperands, err, status;

	status = cmd_parse(&command, argc, argv, &asked, &noperands);
	if (status != CMD_GO_ON)
		return status;
	if (noperands != 2 || strcmp(argv[0], argv[1]) == 0) {
		log_error(0, "clone: want the name of a machine and that of a new one");
		return EXIT_USAGE;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &before);
	err = machine_clone(argv[0], argv[1], &asked);
	sigprocmask(SIG_SETMASK, &before, NULL); /* one that came ends us now */
	if (err == -EINVAL)
		return EXIT_USAGE;
	return err < 0 ? EXIT_HOST : EXIT_SUCCESS;
}
