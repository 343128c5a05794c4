/* cmd_run.c: "minivmm run". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/machine_claims.h"
#include "vmm/machine_levers.h"
#include "vmm/record.h"

/* One run, from its options to its end. */
struct run {
	struct option_values given, all; /* on the command line; with those of the record */
	struct record record;		 /* of a machine that has a name */
	bool named;
	struct machine_config config;
	struct machine_levers levers;
	struct machine_claims claims;
	bool guise;	  /* ids were given for this run alone, other than those that are kept */
	bool was_adopted; /* by a guest, before this run */
};

static bool has_ids(const struct option_values *given)
{
	for (unsigned int i = 0; i < given->n; i++) {
		if (given->items[i].option->scope == OPTION_OF_IDENTITY)
			return true;
	}
	return false;
}

/* The first run of a name begins its record; the other options are kept when asked for. */
static int update_record(struct run *run)
{
	struct record *record = &run->record;
	int err = record->stored ? 0 : record_mint(record);

	if (err)
		return err;
	/* What a guest was given before is not what it is to be given now. */
	if (record->stored && has_ids(&run->given)) {
		run->guise = !run->config.options.save;
		run->was_adopted = record->adopted;
		record->epoch += !run->guise;
		record->adopted = false;
	}
	if (record->stored && !run->config.options.save)
		return 0;
	return record_keep(record, &run->given);
}

/* Does it say what to run, or only whom? */
static bool has_machine(const struct option_values *given)
{
	for (unsigned int i = 0; i < given->n; i++) {
		if (given->items[i].option->scope != OPTION_OF_RUN)
			return true;
	}
	return false;
}

/* What was given makes no sense, or the host has refused something. */
static int status_of(int err)
{
	return err == -EINVAL ? EXIT_USAGE : EXIT_HOST;
}

/* The options of a machine that has a name: the record's, then those given. */
static int merge_record(struct run *run)
{
	struct machine_config *config = &run->config;
	int err = record_take(&run->record, config->options.name);

	if (err)
		return status_of(err);
	run->named = true;
	if (!run->record.stored && !has_machine(&run->given)) {
		record_missing(run->record.name);
		return EXIT_HOST;
	}
	if (update_record(run) < 0)
		return EXIT_HOST;
	run->all = run->record.options;
	config->options = run_options_default();
	if (option_values_override(&run->all, &run->given, OPTION_OF_RUN) < 0 ||
	    options_apply(&run->all, &config->options) < 0)
		return EXIT_HOST;
	return EXIT_SUCCESS;
}

static int plan_levers(struct run *run)
{
	const char *folder = run->named ? run->record.folder.path : NULL;
	int err = machine_levers_init(&run->levers, &run->config, folder);

	run->config.levers = &run->levers;
	return err ? status_of(err) : EXIT_SUCCESS;
}

/* What the run is to be. Minivmm's exit status, or EXIT_SUCCESS and *run filled. */
static int plan(struct run *run)
{
	struct machine_config *config = &run->config;
	int status = EXIT_SUCCESS, err;

	config->options = run_options_default();
	if (options_apply(&run->given, &config->options) < 0)
		return EXIT_USAGE;
	log_set_verbose(config->options.verbose);
	if (config->options.save && !config->options.name) {
		log_error(0, "--save: only a machine with a --name is kept");
		return EXIT_USAGE;
	}
	if (config->options.name)
		status = merge_record(run);
	if (status != EXIT_SUCCESS)
		return status;
	err = machine_config_init(config);
	if (err)
		return status_of(err);
	if (run->named)
		record_complete_identity(&run->record, &config->identity);
	return plan_levers(run);
}

/* Before the machine is made: no other one on this host may have any of it. */
static int claim(struct run *run)
{
	const struct machine_config *config = &run->config;
	int err = machine_claims_init(&run->claims, &config->identity);

	for (unsigned int i = 0; i < config->nnics && !err; i++)
		err = machine_claims_mac(&run->claims, config->identity.macs[i]);
	for (unsigned int i = 0; i < config->ndisks && !err; i++)
		err = machine_claims_disk(&run->claims, config->disks[i].path,
					  config->disks[i].read_only);
	return err;
}

/* Only a machine that could be made is kept. */
static int keep(struct run *run)
{
	bool changed = run->config.options.save || (run->guise && run->was_adopted);

	if (!run->named || (run->record.stored && !changed))
		return 0;
	return record_save(&run->record);
}

/* The guest has kept the ids of this epoch: the next run need not change its files again. */
static void note_adoption(struct run *run)
{
	if (!run->named || run->guise || run->record.adopted || run->levers.once)
		return;
	run->record.adopted = true;
	record_save(&run->record);
}

static struct outcome run_machine(struct run *run)
{
	struct outcome outcome = {.kind = OUTCOME_HOST};
	struct machine *machine;
	char uuid[UUID_TEXT_SIZE];

	if (claim(run) < 0 || machine_create(&run->config, &machine) < 0)
		return outcome;
	if (keep(run) == 0) {
		uuid_format(&run->config.identity.uuid, uuid);
		log_notice("uuid %s", uuid);
		machine_levers_tell(&run->levers);
		outcome = machine_run(machine);
		note_adoption(run);
	}
	machine_free(machine);
	return outcome;
}

static int run_planned(struct run *run)
{
	const struct outcome outcome = run_machine(run);
	const char *status_file = run->config.options.status_file;
	int status = outcome_status(&outcome);

	if (status_file && outcome_write(&outcome, &run->config.identity.uuid, status_file) < 0)
		status = EXIT_HOST;
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct run run = {.record = {.folder.fd = -1}, .claims.folder = -1};
	int noperands, status;

	switch (options_split(&run_command, argc, argv, &run.given, &noperands)) {
	case OPTIONS_OK:
		break;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		return EXIT_USAGE;
	}
	status = plan(&run);
	if (status == EXIT_SUCCESS)
		status = run_planned(&run);
	machine_claims_release(&run.claims);
	machine_config_destroy(&run.config);
	machine_levers_destroy(&run.levers);
	if (run.named && !run.record.stored)
		state_folder_clear(&run.record.folder); /* keys of a machine that never was */
	record_close(&run.record);
	return status;
}
