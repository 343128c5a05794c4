/* cmd_identity.c: "minivmm identity": every id of a machine, for people and for programs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/host_keys.h"
#include "vmm/json.h"
#include "vmm/log.h"
#include "vmm/machine_config.h"
#include "vmm/record.h"

enum { UNKNOWN_MACHINES_PARTS = 4 }; /* cards and disks shown of one that is only a UUID */

struct identity_command {
	const char *uuid;
	bool json;
};

static const struct option options[] = {
	{.name = "uuid",
	 .value = "UUID",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(struct identity_command, uuid),
	 .help = "of a machine that is not known: what follows from its UUID"},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct identity_command, json),
	 .help = "print one JSON object"},
	{0},
};

static const struct command command = {
	.name = "identity",
	.summary = "Prints who a machine is: the ids that its guest is shown.",
	.options = options,
	.operands = "NAME",
};

/* Who it is, and how many cards and disks of it to show. */
struct shown {
	struct identity identity;
	unsigned int nnics, ndisks;
	bool known; /* it has a record */
	struct host_keys keys;
};

/* Those that were made for it, or that it was given; none before its first run. */
static int read_keys(struct shown *shown, const struct run_options *given, const char *folder)
{
	if (given->ssh_host_keys && strcmp(given->ssh_host_keys, "none") == 0)
		return 0;
	if (given->ssh_host_keys && strcmp(given->ssh_host_keys, "auto") != 0)
		folder = given->ssh_host_keys;
	else if (!host_keys_are_in(folder))
		return 0;
	return host_keys_read(&shown->keys, folder);
}

static int find_known(const char *name, struct shown *shown)
{
	struct machine_config config = {.options = run_options_default()};
	struct record record;
	int err = record_open(&record, name);

	if (err)
		return err == -EINVAL ? EXIT_USAGE : EXIT_HOST;
	err = options_apply(&record.options, &config.options);
	config.options.name = record.name;
	if (!err)
		err = machine_config_init(&config);
	if (!err) {
		record_complete_identity(&record, &config.identity);
		*shown = (struct shown){.identity = config.identity,
					.nnics = config.nnics,
					.ndisks = config.ndisks,
					.known = true};
		err = read_keys(shown, &config.options, record.folder.path);
	}
	machine_config_destroy(&config);
	record_close(&record);
	return err ? EXIT_HOST : EXIT_SUCCESS;
}

static int find_by_uuid(const char *uuid, struct shown *shown)
{
	shown->nnics = shown->ndisks = UNKNOWN_MACHINES_PARTS;
	if (identity_create(&shown->identity, &(struct identity_options){.uuid = uuid}) < 0)
		return EXIT_USAGE;
	return EXIT_SUCCESS;
}

static void print_line(const char *what, const char *value)
{
	printf("%-15s %s\n", what, value);
}

static void print_text(const struct shown *shown)
{
	const struct identity *identity = &shown->identity;
	char text[UUID_TEXT_SIZE], what[24];

	if (shown->known)
		print_line("name", identity->name);
	print_line("hostname", identity->hostname);
	uuid_format(&identity->uuid, text);
	print_line("UUID", text);
	print_line("machine-id", identity->machine_id);
	print_line("system serial", identity->system_serial);
	print_line("board serial", identity->board_serial);
	print_line("chassis serial", identity->chassis_serial);
	snprintf(text, sizeof(text), "%u", identity->vsock_cid);
	print_line("vsock CID", text);
	for (unsigned int i = 0; i < shown->nnics; i++) {
		snprintf(what, sizeof(what), "MAC %u", i);
		identity_format_mac(identity->macs[i], text);
		print_line(what, text);
	}
	for (unsigned int i = 0; i < shown->ndisks; i++) {
		snprintf(what, sizeof(what), "disk serial %u", i);
		print_line(what, identity->disk_serials[i]);
	}
	for (unsigned int i = 0; i < shown->keys.n; i++)
		print_line("SSH host key", shown->keys.keys[i].public_line);
	if (!shown->known)
		return;
	uuid_format(&identity->generation_id, text);
	print_line("generation id", text);
	snprintf(text, sizeof(text), "%u", identity->epoch);
	print_line("epoch", text);
	if (identity->parent[0])
		print_line("parent", identity->parent);
}

static int print_json(const struct shown *shown)
{
	const struct identity *identity = &shown->identity;
	char text[UUID_TEXT_SIZE];
	struct json json;

	json_init(&json, stdout);
	json_object(&json, NULL);
	json_string(&json, "name", shown->known ? identity->name : NULL);
	json_string(&json, "hostname", identity->hostname);
	uuid_format(&identity->uuid, text);
	json_string(&json, "uuid", text);
	json_string(&json, "machine_id", identity->machine_id);
	json_string(&json, "system_serial", identity->system_serial);
	json_string(&json, "board_serial", identity->board_serial);
	json_string(&json, "chassis_serial", identity->chassis_serial);
	json_unsigned(&json, "vsock_cid", identity->vsock_cid);
	json_array(&json, "macs");
	for (unsigned int i = 0; i < shown->nnics; i++) {
		identity_format_mac(identity->macs[i], text);
		json_string(&json, NULL, text);
	}
	json_end(&json);
	json_array(&json, "disk_serials");
	for (unsigned int i = 0; i < shown->ndisks; i++)
		json_string(&json, NULL, identity->disk_serials[i]);
	json_end(&json);
	json_array(&json, "ssh_host_keys");
	for (unsigned int i = 0; i < shown->keys.n; i++)
		json_string(&json, NULL, shown->keys.keys[i].public_line);
	json_end(&json);
	uuid_format(&identity->generation_id, text);
	json_string(&json, "generation_id", shown->known ? text : NULL);
	json_unsigned(&json, "epoch", identity->epoch);
	json_string(&json, "parent", identity->parent[0] ? identity->parent : NULL);
	json_end(&json);
	return json_finish(&json);
}

int cmd_identity(int argc, char **argv)
{
	struct identity_command asked = {.uuid = NULL};
	struct shown shown = {.known = false};
	int noperands, status;

	status = cmd_parse(&command, argc, argv, &asked, &noperands);
	if (status != CMD_GO_ON)
		return status;
	if (noperands + (asked.uuid != NULL) != 1) {
		log_error(0, "identity: want one machine's name, or --uuid");
		return EXIT_USAGE;
	}
	status = asked.uuid ? find_by_uuid(asked.uuid, &shown) : find_known(argv[0], &shown);
	if (status == EXIT_SUCCESS && asked.json) {
		status = print_json(&shown) < 0 ? EXIT_HOST : EXIT_SUCCESS;
	} else if (status == EXIT_SUCCESS) {
		print_text(&shown);
		status = fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_HOST;
	}
	host_keys_free(&shown.keys);
	return status;
}
