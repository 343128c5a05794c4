/* cmd_run.c: "minivmm run". */
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/machine.h"

/* What the table cannot say. 0, or -1 after one line. */
static int check(const struct run_options *options)
{
	if (!options->kernel) {
		log_error(0, "--kernel is missing; see 'minivmm run --help'");
		return -1;
	}
	if (options->mem % 4096) {
		log_error(0, "--mem: not a multiple of 4K");
		return -1;
	}
	return 0;
}

static struct outcome run(const struct run_options *options, const struct identity *identity)
{
	struct outcome outcome = {.kind = OUTCOME_HOST};
	struct machine *machine;
	char uuid[UUID_TEXT_SIZE];

	if (machine_create(options, identity, &machine) < 0)
		return outcome;
	uuid_format(&identity->uuid, uuid);
	log_notice("uuid %s", uuid);
	outcome = machine_run(machine);
	machine_free(machine);
	return outcome;
}

int cmd_run(int argc, char **argv)
{
	struct run_options options = run_options_default();
	struct identity identity;
	struct outcome outcome;
	int noperands;

	switch (options_parse(&run_command, argc, argv, &options, &noperands)) {
	case OPTIONS_OK:
		break;
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	}
	log_set_verbose(options.verbose);
	if (check(&options) < 0)
		return EXIT_USAGE;
	if (identity_create(&identity, &(struct identity_options){
					       .name = options.name,
					       .uuid = options.uuid,
					       .machine_id = options.machine_id,
					       .hostname = options.hostname,
				       }) < 0)
		return EXIT_USAGE;
	outcome = run(&options, &identity);
	if (options.status_file && outcome_write(&outcome, &identity.uuid, options.status_file) < 0)
		return EXIT_HOST;
	return outcome_status(&outcome);
}
