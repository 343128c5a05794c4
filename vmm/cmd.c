/* cmd.c: what all sub-commands begin with. */
#include "vmm/cmd.h"

#include <stdlib.h>

#include "vmm/options.h"

int cmd_parse(const struct command *command, int argc, char **argv, void *into, int *noperands)
{
	switch (options_parse(command, argc, argv, into, noperands)) {
	case OPTIONS_OK:
		return CMD_GO_ON;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		break;
	}
	return EXIT_USAGE;
}
