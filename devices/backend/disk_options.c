/* disk_options.c: see disk_options.h. */
#include "devices/backend/disk_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/backend/disk.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum { WORD_MAX_BYTES = 128 };

struct suboption {
	const char *name;
	bool has_value;
	int (*set)(struct disk_options *options, const char *value);
};

static int set_read_only(struct disk_options *options, const char *value)
{
	(void)value;
	options->read_only = true;
	return 0;
}

static int set_direct(struct disk_options *options, const char *value)
{
	(void)value;
	options->direct = true;
	return 0;
}

static int set_serial(struct disk_options *options, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len > DISK_SERIAL_MAX) {
		log_error(0, "disk '%s': a serial number has 1 to %d characters, '%s' has %zu",
			  options->path, DISK_SERIAL_MAX, value, len);
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if (value[i] <= ' ' || value[i] > '~') {
			log_error(0, "disk '%s': a serial number is printable ASCII without spaces",
				  options->path);
			return -EINVAL;
		}
	}
	memcpy(options->serial, value, len + 1);
	return 0;
}

static int set_model(struct disk_options *options, const char *value)
{
	if (strcmp(value, "virtio") == 0) {
		options->model = DISK_MODEL_VIRTIO;
		return 0;
	}
	if (strcmp(value, "nvme") == 0) {
		options->model = DISK_MODEL_NVME;
		return 0;
	}
	log_error(0, "disk '%s': unknown model '%s': virtio or nvme", options->path, value);
	return -EINVAL;
}

static int set_queues(struct disk_options *options, const char *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || n < 1 || n > DISK_MAX_QUEUES) {
		log_error(0, "disk '%s': queues=%s: a number from 1 to %d", options->path, value,
			  DISK_MAX_QUEUES);
		return -EINVAL;
	}
	options->queues = (unsigned int)n;
	return 0;
}

static int set_iothread(struct disk_options *options, const char *value)
{
	if (strcmp(value, "on") == 0) {
		options->iothread = true;
		return 0;
	}
	if (strcmp(value, "off") == 0) {
		options->iothread = false;
		return 0;
	}
	log_error(0, "disk '%s': iothread=%s: on or off", options->path, value);
	return -EINVAL;
}

static const struct suboption suboptions[] = {
	{"ro", false, set_read_only}, {"serial", true, set_serial},
	{"model", true, set_model},   {"direct", false, set_direct},
	{"queues", true, set_queues}, {"iothread", true, set_iothread},
};

static int unknown(const struct disk_options *options, const char *name)
{
	const char *words[ARRAY_SIZE(suboptions)];
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(suboptions); i++)
		words[i] = suboptions[i].name;
	nearest = nearest_word(name, strlen(name), words, ARRAY_SIZE(words));
	if (nearest)
		log_error(0, "disk '%s': unknown suboption '%s': did you mean '%s'?", options->path,
			  name, nearest);
	else
		log_error(0,
			  "disk '%s': unknown suboption '%s': ro, serial=, model=, direct, queues= "
			  "or iothread= (a comma in a file name is written ',,')",
			  options->path, name);
	return -EINVAL;
}

/* word: "name" or "name=value"; it is cut in two. */
static int set_suboption(struct disk_options *options, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(suboptions); i++) {
		const struct suboption *suboption = &suboptions[i];

		if (strcmp(word, suboption->name) != 0)
			continue;
		if (suboption->has_value != (value != NULL)) {
			log_error(0, "disk '%s': suboption '%s' %s", options->path, word,
				  suboption->has_value ? "needs a value" : "takes no value");
			return -EINVAL;
		}
		return suboption->set(options, value);
	}
	return unknown(options, word);
}

/* Copies the file's name, up to the first single comma. Returns what follows it, or NULL when the
 * name is empty or too long. */
static const char *take_path(const char *text, char path[PATH_MAX])
{
	size_t n = 0;

	while (*text && (*text != ',' || text[1] == ',')) {
		if (n == PATH_MAX - 1)
			return NULL;
		text += *text == ',';
		path[n++] = *text++;
	}
	path[n] = '\0';
	return n > 0 ? text : NULL;
}

int disk_options_parse(const char *text, struct disk_options *options)
{
	const char *rest;

	*options = (struct disk_options){.queues = 1};
	rest = take_path(text, options->path);
	if (!rest) {
		log_error(0, "--disk needs the name of a file or block device");
		return -EINVAL;
	}
	while (*rest == ',') {
		size_t len = strcspn(++rest, ",");
		char word[WORD_MAX_BYTES];
		int err;

		if (len >= sizeof(word)) {
			log_error(0, "disk '%s': suboption '%.20s...' is too long", options->path,
				  rest);
			return -EINVAL;
		}
		memcpy(word, rest, len);
		word[len] = '\0';
		rest += len;
		err = set_suboption(options, word);
		if (err < 0)
			return err;
	}
	return 0;
}
