/* record.c: a record read from its folder, changed and written back. */
#include "vmm/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/run_options.h"
#include "vmm/util.h"

enum { RECORD_MAX_BYTES = 1 << 20 };

struct record_text {
	struct record_text *next;
	char text[];
};

int record_init(struct record *record, const char *name)
{
	int err;

	*record = (struct record){.folder = {.fd = -1, .claim.fd = -1}};
	if (!identity_hostname_valid(name)) {
		log_error(0,
			  "'%s': not a machine's name (want letters, digits and inner hyphens, "
			  "1 to 63 characters)",
			  name);
		return -EINVAL;
	}
	strcpy(record->name, name);
	err = uuid_random(&record->generation_id);
	if (err)
		log_error(err, "no random numbers for a generation id");
	return err;
}

/* Copies text for as long as the record lives; NULL when there is no memory. */
static const char *keep_text(struct record *record, const char *text)
{
	struct record_text *kept = malloc(sizeof(*kept) + strlen(text) + 1);

	if (!kept)
		return NULL;
	strcpy(kept->text, text);
	kept->next = record->texts;
	record->texts = kept;
	return kept->text;
}

/* The file's text, allocated. -ENOENT in silence, else logged. */
static int read_file(const struct record *record, const char *path, char **text, size_t *len)
{
	int fd = openat(record->folder.fd, STATE_RECORD,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;
	int err = 0;

	*text = NULL;
	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd >= 0)
		*text = malloc(RECORD_MAX_BYTES);
	while (*text && *len < RECORD_MAX_BYTES &&
	       (n = read(fd, *text + *len, RECORD_MAX_BYTES - *len)) > 0)
		*len += (size_t)n;
	if (n < 0)
		err = -errno;
	else if (*len == RECORD_MAX_BYTES)
		err = -EFBIG;
	if (err)
		log_error(err, "'%s': cannot read", path);
	if (fd >= 0)
		close(fd);
	return err;
}

/* From the folder, which is open. -ENOENT in silence, else logged. */
static int load(struct record *record)
{
	char *path, *text = NULL;
	const char *kept = NULL;
	size_t len;
	int err;

	if (asprintf(&path, "%s/%s", record->folder.path, STATE_RECORD) < 0)
		return -ENOMEM;
	kept = keep_text(record, path);
	free(path);
	if (!kept)
		return -ENOMEM;
	err = read_file(record, kept, &text, &len);
	if (!err)
		err = record_parse(record, kept, text, len);
	free(text);
	record->stored = !err;
	return err;
}

int record_missing(const char *name)
{
	char **names = state_folder_names();
	const char *nearest = NULL;
	size_t n = 0;

	while (names && names[n])
		n++;
	if (n > 0)
		nearest = nearest_word(name, strlen(name), (const char *const *)names, n);
	if (nearest && strcmp(nearest, name) != 0)
		log_error(0, "no machine '%s'; did you mean '%s'?", name, nearest);
	else
		log_error(0, "no machine '%s'; see 'minivmm list'", name);
	state_folder_names_free(names);
	return -ENOENT;
}

static int read_by(int (*get_folder)(struct state_folder *folder, const char *name),
		   struct record *record, const char *name)
{
	int err = record_init(record, name);

	if (!err)
		err = get_folder(&record->folder, name);
	if (!err)
		err = load(record);
	if (err == -ENOENT)
		record_missing(name);
	if (err)
		record_close(record);
	return err;
}

int record_open(struct record *record, const char *name)
{
	return read_by(state_folder_open, record, name);
}

int record_share(struct record *record, const char *name)
{
	return read_by(state_folder_share, record, name);
}

int record_take(struct record *record, const char *name)
{
	int err = record_init(record, name);

	if (!err)
		err = state_folder_take(&record->folder, name);
	if (!err) {
		err = load(record);
		if (err == -ENOENT)
			err = state_folder_clear(&record->folder);
	}
	if (err)
		record_close(record);
	return err;
}

int record_save(struct record *record)
{
	size_t len;
	char *text = record_format(record, &len);
	int err;

	if (!text)
		return -ENOMEM;
	err = state_folder_write(&record->folder, STATE_RECORD, text, len);
	if (!err)
		record->stored = true;
	free(text);
	return err;
}

void record_close(struct record *record)
{
	state_folder_close(&record->folder);
	while (record->texts) {
		struct record_text *text = record->texts;

		record->texts = text->next;
		free(text);
	}
	record->options.n = 0;
}

/* value: kept by the record, or NULL for a flag. */
static int add_kept(struct option_values *values, const struct option *option, const char *value)
{
	return option_values_add(values, &(struct option_value){.option = option, .value = value});
}

int record_keep(struct record *record, const struct option_values *options)
{
	struct option_values absolute = {.n = 0};
	char *folder = getcwd(NULL, 0);
	int err = 0;

	if (!folder) {
		err = -errno;
		log_error(err, "cannot tell the current folder");
		return err;
	}
	for (unsigned int i = 0; i < options->n && !err; i++) {
		const struct option_value *value = &options->items[i];
		char *text = value->value ? option_value_absolute(value, folder) : NULL;
		const char *kept = text ? keep_text(record, text) : NULL;

		err = value->value && !kept ? -ENOMEM : add_kept(&absolute, value->option, kept);
		free(text);
	}
	free(folder);
	return err ? err : option_values_override(&record->options, &absolute, OPTION_OF_IDENTITY);
}

int record_add(struct record *record, const char *name, const char *value)
{
	const struct option *option = options_find(&run_command, name, strlen(name));
	const char *kept = value ? keep_text(record, value) : NULL;

	if (value && !kept)
		return -ENOMEM;
	return add_kept(&record->options, option, kept);
}

int record_set(struct record *record, const char *name, const char *value)
{
	const struct option *option = options_find(&run_command, name, strlen(name));
	struct option_values one = {.n = 0};
	const char *kept = keep_text(record, value);

	if (!kept)
		return -ENOMEM;
	add_kept(&one, option, kept);
	return option_values_override(&record->options, &one, OPTION_OF_IDENTITY);
}

const char *record_get(const struct record *record, const char *name)
{
	const struct option_value *value = option_values_get(&record->options, name);

	return value ? value->value : NULL;
}

int record_mint(struct record *record)
{
	char text[UUID_TEXT_SIZE];
	struct uuid uuid;
	int err = uuid_random(&uuid);

	if (err) {
		log_error(err, "no random numbers for a UUID");
		return err;
	}
	uuid_format(&uuid, text);
	return record_set(record, "uuid", text);
}

void record_complete_identity(const struct record *record, struct identity *identity)
{
	identity->generation_id = record->generation_id;
	identity->epoch = record->epoch;
	identity->adopted = record->adopted;
	strcpy(identity->parent, record->parent);
}
