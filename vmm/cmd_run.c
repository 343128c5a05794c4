/* cmd_run.c: "minivmm run". */
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/machine.h"

static struct outcome run(const struct machine_config *config)
{
	struct outcome outcome = {.kind = OUTCOME_HOST};
	struct machine *machine;
	char uuid[UUID_TEXT_SIZE];

	if (machine_create(config, &machine) < 0)
		return outcome;
	uuid_format(&config->identity.uuid, uuid);
	log_notice("uuid %s", uuid);
	outcome = machine_run(machine);
	machine_free(machine);
	return outcome;
}

int cmd_run(int argc, char **argv)
{
	struct machine_config config = {.options = run_options_default()};
	const char *status_file;
	struct outcome outcome;
	int noperands, status;

	switch (options_parse(&run_command, argc, argv, &config.options, &noperands)) {
	case OPTIONS_OK:
		break;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	}
	log_set_verbose(config.options.verbose);
	if (machine_config_init(&config) < 0) {
		machine_config_destroy(&config);
		return EXIT_USAGE;
	}
	outcome = run(&config);
	status = outcome_status(&outcome);
	status_file = config.options.status_file;
	if (status_file && outcome_write(&outcome, &config.identity.uuid, status_file) < 0)
		status = EXIT_HOST;
	machine_config_destroy(&config);
	return status;
}
