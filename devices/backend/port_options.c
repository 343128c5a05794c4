/* port_options.c: the parser of --port, and what each kind opens. */
#include "devices/backend/port_options.h"

#include <errno.h>
#include <string.h>

#include "devices/backend/stream_file.h"
#include "devices/backend/stream_unix.h"
#include "vmm/log.h"
#include "vmm/util.h"

static const struct {
	const char *prefix;
	int (*open)(const char *path, const char *name, struct loop *loop, struct stream **stream);
} kinds[] = {
	[PORT_UNIX] = {"unix:", stream_unix_open},
	[PORT_FILE] = {"file:", stream_file_open},
};

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static int parse_target(const char *text, const char *target, struct port_options *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(target, kinds[i].prefix, len) != 0)
			continue;
		target += len;
		if (!*target || strlen(target) >= sizeof(options->path)) {
			log_error(0, "--port '%s': %s", text,
				  *target ? "the path is too long" : "a path is missing");
			return -EINVAL;
		}
		options->kind = (enum port_kind)i;
		strcpy(options->path, target);
		return 0;
	}
	log_error(0, "--port '%s': neither unix:PATH nor file:PATH behind the name", text);
	return -EINVAL;
}

int port_options_parse(const char *text, struct port_options *options)
{
	size_t len = strcspn(text, "=");

	*options = (struct port_options){0};
	if (len == 0 || text[len] != '=' || len > PORT_NAME_MAX ||
	    strspn(text, name_characters) != len) {
		log_error(0,
			  "--port '%s': not NAME=unix:PATH or NAME=file:PATH with a name of at "
			  "most %d "
			  "letters, digits, '.', '_' and '-'",
			  text, PORT_NAME_MAX);
		return -EINVAL;
	}
	memcpy(options->name, text, len);
	return parse_target(text, text + len + 1, options);
}

int port_open(const struct port_options *options, struct loop *loop, struct stream **stream)
{
	return kinds[options->kind].open(options->path, options->name, loop, stream);
}
