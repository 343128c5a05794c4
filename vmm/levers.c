/* levers.c: see levers.h. */
#include "vmm/levers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmm/log.h"
#include "vmm/util.h"

static const char *const lever_names[] = {"smbios", "cmdline", "credentials", "initrd",
					  "cloud-init"};

static int refuse_lever(const char *word, size_t len)
{
	const char *nearest = nearest_word(word, len, lever_names, ARRAY_SIZE(lever_names));

	if (nearest)
		log_error(0, "--identity: no '%.*s'; did you mean '%s'?", (int)len, word, nearest);
	else
		log_error(0,
			  "--identity: no '%.*s': smbios, cmdline, credentials, initrd, "
			  "cloud-init, or none alone",
			  (int)len, word);
	return -EINVAL;
}

/* "smbios,cmdline" or "none". */
int levers_parse(const char *text, unsigned int *set)
{
	*set = 0;
	if (strcmp(text, "none") == 0)
		return 0;
	for (const char *word = text;; word++) {
		size_t len = strcspn(word, ","), i = 0;

		while (i < ARRAY_SIZE(lever_names) &&
		       (strlen(lever_names[i]) != len || memcmp(lever_names[i], word, len) != 0))
			i++;
		if (i == ARRAY_SIZE(lever_names))
			return refuse_lever(word, len);
		*set |= 1u << i;
		word += len;
		if (!*word)
			return 0;
	}
}

/* Has the command line an argument of that name? '-' and '_' are the same to systemd. */
static bool has_argument(const char *cmdline, const char *name)
{
	const char *at = cmdline;

	while (*at) {
		size_t i = 0;

		at += strspn(at, " \t\n\"");
		while (name[i] && (at[i] == name[i] || (at[i] == '-' && name[i] == '_')))
			i++;
		if (!name[i] && at[i] == '=')
			return true;
		at += strcspn(at, " \t\n");
	}
	return false;
}

void levers_cmdline(const struct identity *identity, const char *given,
		    char cmdline[LEVERS_CMDLINE_SIZE])
{
	size_t used = 0;

	_Static_assert(sizeof("systemd.machine_id= systemd.hostname= ") + IDENTITY_MACHINE_ID_SIZE +
				       IDENTITY_NAME_SIZE <=
			       LEVERS_CMDLINE_SIZE,
		       "it fits");
	cmdline[0] = '\0';
	if (!has_argument(given, "systemd.machine_id"))
		used += (size_t)snprintf(cmdline, LEVERS_CMDLINE_SIZE, "systemd.machine_id=%s ",
					 identity->machine_id);
	if (!has_argument(given, "systemd.hostname"))
		snprintf(cmdline + used, LEVERS_CMDLINE_SIZE - used, "systemd.hostname=%s ",
			 identity->hostname);
}

void levers_tell_shared(const char *cmdline)
{
	static const char *const names[] = {"systemd.machine_id", "systemd.hostname"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (has_argument(cmdline, names[i]))
			log_warning("--append: its %s= is the clone's, too; 'minivmm run --name "
				    "CLONE --append ... --save' changes that",
				    names[i]);
	}
}

/* All ones is "not present", DSP0134 7.2.1. */
void levers_hide(struct identity *shown)
{
	memset(shown->uuid.bytes, 0xff, UUID_SIZE);
	shown->system_serial[0] = '\0';
	shown->board_serial[0] = '\0';
	shown->chassis_serial[0] = '\0';
}
