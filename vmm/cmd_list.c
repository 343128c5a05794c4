/* cmd_list.c: "minivmm list": the machines that are known to this user, and all that run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cmd.h"
#include "vmm/json.h"
#include "vmm/log.h"
#include "vmm/machine_claims.h"
#include "vmm/record.h"

struct list_command {
	bool json;
};

static const struct option options[] = {
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct list_command, json),
	 .help = "print a JSON array of objects"},
	{0},
};

static const struct command command = {
	.name = "list",
	.summary = "Prints the machines that you keep, and those that run on this host, whosever "
		   "they are.",
	.options = options,
};

struct entry {
	char name[IDENTITY_NAME_SIZE]; /* empty: it has none */
	char uuid[UUID_TEXT_SIZE];
	char parent[IDENTITY_NAME_SIZE];
	bool kept, running;
	pid_t pid; /* 0: not known */
};

struct list {
	struct entry *entries; /* owned */
	unsigned int n;
	int err;
};

/* NULL when there is no memory: list->err says so. */
static struct entry *append(struct list *list)
{
	struct entry *grown = realloc(list->entries, (list->n + 1) * sizeof(*grown));

	if (!grown) {
		list->err = -ENOMEM;
		return NULL;
	}
	list->entries = grown;
	grown[list->n] = (struct entry){.pid = 0};
	return &grown[list->n++];
}

static int add_kept(struct list *list)
{
	char **names = state_folder_names();
	int status = 0;

	if (!names)
		return -EIO;
	for (char **name = names; *name; name++) {
		struct record record;
		struct entry *entry;
		int err = record_open(&record, *name);

		if (err) {
			status = err; /* said already; the others are shown */
			continue;
		}
		entry = append(list);
		if (entry) {
			entry->kept = true;
			strcpy(entry->name, record.name);
			strcpy(entry->parent, record.parent);
			snprintf(entry->uuid, sizeof(entry->uuid), "%s",
				 record_get(&record, "uuid"));
		}
		record_close(&record);
	}
	state_folder_names_free(names);
	return status;
}

static void add_running(void *arg, const struct holder *holder)
{
	struct list *list = arg;
	struct entry *entry = NULL;

	for (unsigned int i = 0; i < list->n && !entry; i++) {
		if (strcasecmp(list->entries[i].uuid, holder->uuid) == 0)
			entry = &list->entries[i];
	}
	if (!entry)
		entry = append(list);
	if (!entry)
		return;
	entry->running = true;
	entry->pid = holder->pid;
	strcpy(entry->uuid, holder->uuid);
	if (!entry->kept)
		strcpy(entry->name, holder->name);
}

static int print_text(const struct list *list)
{
	int width = (int)strlen("NAME");
	char pid[16];

	for (unsigned int i = 0; i < list->n; i++) {
		int len = (int)strlen(list->entries[i].name);

		width = len > width ? len : width;
	}
	printf("%-*s  %-36s  %-7s  %-8s  %s\n", width, "NAME", "UUID", "STATE", "PROCESS",
	       "PARENT");
	for (unsigned int i = 0; i < list->n; i++) {
		const struct entry *entry = &list->entries[i];

		snprintf(pid, sizeof(pid), "%d", (int)entry->pid);
		printf("%-*s  %-36s  %-7s  %-8s  %s\n", width, entry->name[0] ? entry->name : "-",
		       entry->uuid, entry->running ? "running" : "off", entry->pid ? pid : "-",
		       entry->parent[0] ? entry->parent : "-");
	}
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int print_json(const struct list *list)
{
	struct json json;

	json_init(&json, stdout);
	json_array(&json, NULL);
	for (unsigned int i = 0; i < list->n; i++) {
		const struct entry *entry = &list->entries[i];

		json_object(&json, NULL);
		json_string(&json, "name", entry->name[0] ? entry->name : NULL);
		json_string(&json, "uuid", entry->uuid);
		json_bool(&json, "kept", entry->kept);
		json_bool(&json, "running", entry->running);
		if (entry->pid)
			json_unsigned(&json, "process", (uint64_t)entry->pid);
		json_string(&json, "parent", entry->parent[0] ? entry->parent : NULL);
		json_end(&json);
	}
	json_end(&json);
	return json_finish(&json);
}

int cmd_list(int argc, char **argv)
{
	struct list_command asked = {.json = false};
	struct list list = {.n = 0};
	int noperands, err, status;

	status = cmd_parse(&command, argc, argv, &asked, &noperands);
	if (status != CMD_GO_ON)
		return status;
	err = add_kept(&list);
	if (machine_claims_each(add_running, &list) < 0 || list.err)
		err = -EIO;
	if ((asked.json ? print_json(&list) : print_text(&list)) < 0)
		err = -EIO;
	free(list.entries);
	return err ? EXIT_HOST : EXIT_SUCCESS;
}
