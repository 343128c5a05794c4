/* record_text.c: the record as text: "name=web1", "option.kernel=/boot/vmlinuz", "sha256=...". */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/log.h"
#include "vmm/record.h"
#include "vmm/run_options.h"
#include "vmm/sha256.h"
#include "vmm/util.h"

static const char first_line[] = "minivmm-record=1";
static const char option_prefix[] = "option.";
static const char sum_prefix[] = "sha256=";

enum { SUM_TEXT_SIZE = 2 * SHA256_SIZE + 1, FIELDS = 5 };

static void format_sum(const char *text, size_t len, char sum[SUM_TEXT_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, text, len);
	sha256_final(&sha, digest);
	for (unsigned int i = 0; i < SHA256_SIZE; i++)
		snprintf(sum + (size_t)2 * i, 3, "%02x", digest[i]);
}

/* A value is one line: "\n" stands for a line end in it, "\\" for a backslash. */
static void write_value(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '\\')
			fputs("\\\\", out);
		else
			fputc(*value, out);
	}
}

static void write_lines(FILE *out, const struct record *record)
{
	char generation_id[UUID_TEXT_SIZE];

	uuid_format(&record->generation_id, generation_id);
	fprintf(out, "%s\n", first_line);
	fprintf(out, "# Changed by 'minivmm run --name %s OPTIONS --save'.\n", record->name);
	fprintf(out, "name=%s\n", record->name);
	fprintf(out, "generation-id=%s\n", generation_id);
	fprintf(out, "epoch=%" PRIu32 "\n", record->epoch);
	fprintf(out, "adopted=%s\n", record->adopted ? "yes" : "no");
	fprintf(out, "parent=%s\n", record->parent);
	for (unsigned int i = 0; i < record->options.n; i++) {
		const struct option_value *value = &record->options.items[i];

		fprintf(out, "%s%s", option_prefix, value->option->name);
		if (value->value) {
			fputc('=', out);
			write_value(out, value->value);
		}
		fputc('\n', out);
	}
}

char *record_format(const struct record *record, size_t *len)
{
	char sum[SUM_TEXT_SIZE], *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	write_lines(out, record);
	if (fflush(out) == 0) {
		format_sum(text, *len, sum);
		fprintf(out, "%s%s\n", sum_prefix, sum);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Where the parser is. */
struct reader {
	struct record *record;
	const char *file;
	unsigned int line;
	unsigned int seen; /* bits: which fields */
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reader *reader,
							const char *format, ...)
{
	char message[256];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	log_error(0, "%s:%u: %s", reader->file, reader->line, message);
	return -EBADMSG;
}

static int set_name(struct record *record, const char *value)
{
	return strcmp(value, record->name) == 0 ? 0 : -EINVAL;
}

static int set_generation_id(struct record *record, const char *value)
{
	return uuid_parse(&record->generation_id, value);
}

static int set_epoch(struct record *record, const char *value)
{
	char normal[16];

	record->epoch = (uint32_t)strtoul(value, NULL, 10);
	snprintf(normal, sizeof(normal), "%" PRIu32, record->epoch);
	return strcmp(value, normal) == 0 ? 0 : -EINVAL;
}

static int set_adopted(struct record *record, const char *value)
{
	record->adopted = strcmp(value, "yes") == 0;
	return record->adopted || strcmp(value, "no") == 0 ? 0 : -EINVAL;
}

static int set_parent(struct record *record, const char *value)
{
	if (*value && !identity_hostname_valid(value))
		return -EINVAL;
	strcpy(record->parent, value);
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct record *record, const char *value);
	const char *want;
} fields[FIELDS] = {
	{"name", set_name, "the name of its folder (to copy a machine: minivmm clone)"},
	{"generation-id", set_generation_id, "a UUID"},
	{"epoch", set_epoch, "a number"},
	{"adopted", set_adopted, "yes or no"},
	{"parent", set_parent, "a machine's name or nothing"},
};

/* In place; false where it holds what write_value() never writes. */
static bool unescape(char *value)
{
	char *to = value;

	for (; *value; value++) {
		if (*value == '\\') {
			value++;
			if (*value != '\\' && *value != 'n')
				return false;
			*to++ = *value == 'n' ? '\n' : '\\';
		} else {
			*to++ = *value;
		}
	}
	*to = '\0';
	return true;
}

static int read_option(const struct reader *reader, const char *name, const char *value)
{
	const struct option *option = options_find(&run_command, name, strlen(name));
	struct record *record = reader->record;
	int err;

	if (!option || option->scope == OPTION_OF_RUN)
		return refuse(reader, "'%s' is no option to be kept", name);
	if ((option->kind == OPTION_FLAG) != (value == NULL))
		return refuse(reader, "option '%s' %s", name,
			      value ? "takes no value" : "needs a value");
	err = record_add(record, name, value);
	if (!err) {
		struct option_value *last = &record->options.items[record->options.n - 1];

		last->file = reader->file;
		last->line = reader->line;
	}
	return err;
}

static int read_field(struct reader *reader, const char *key, const char *value)
{
	for (unsigned int i = 0; i < FIELDS; i++) {
		if (strcmp(fields[i].key, key) != 0)
			continue;
		if (reader->seen & 1u << i)
			return refuse(reader, "a second '%s'", key);
		reader->seen |= 1u << i;
		if (!value || fields[i].set(reader->record, value) < 0)
			return refuse(reader, "%s: not %s", key, fields[i].want);
		return 0;
	}
	return refuse(reader, "unknown '%.40s'", key);
}

/* line: without its end; it is cut up. */
static int read_line(struct reader *reader, char *line)
{
	char *value = strchr(line, '=');

	if (reader->line == 1)
		return strcmp(line, first_line) == 0
			       ? 0
			       : refuse(reader, "not a record, or one of another version");
	if (*line == '#')
		return 0;
	if (value) {
		*value++ = '\0';
		if (!unescape(value))
			return refuse(reader, "a '\\' stands before neither '\\' nor 'n'");
	}
	if (strncmp(line, option_prefix, strlen(option_prefix)) == 0)
		return read_option(reader, line + strlen(option_prefix), value);
	return read_field(reader, line, value);
}

/* sum: the last line. Its 64 digits cover all before it. */
static int check_sum(const struct reader *reader, const char *text, const char *sum)
{
	char want[SUM_TEXT_SIZE];

	format_sum(text, (size_t)(sum - text), want);
	if (strncmp(sum, sum_prefix, strlen(sum_prefix)) == 0 &&
	    strcmp(sum + strlen(sum_prefix), want) == 0)
		return 0;
	return refuse(reader, "damaged, or edited by hand: its last line is not '%s%s'", sum_prefix,
		      want);
}

static int read_lines(struct reader *reader, char *text, char *sum)
{
	int err = 0;

	for (char *line = text; line < sum && !err; reader->line++) {
		char *end = strchr(line, '\n');

		*end = '\0';
		err = read_line(reader, line);
		line = end + 1;
	}
	for (unsigned int i = 0; i < FIELDS && !err; i++) {
		if (!(reader->seen & 1u << i))
			err = refuse(reader, "no '%s'", fields[i].key);
	}
	if (!err && !record_get(reader->record, "uuid"))
		err = refuse(reader, "no 'option.uuid'");
	return err;
}

/* The checksum first: a damaged record is called that, whatever the damage looks like. */
int record_parse(struct record *record, const char *file, const char *text, size_t len)
{
	struct reader reader = {.record = record, .file = file, .line = 1};
	char *copy, *sum;
	int err;

	if (len == 0 || text[len - 1] != '\n' || memchr(text, '\0', len))
		return refuse(&reader, "damaged: not lines of text");
	copy = strndup(text, len - 1);
	if (!copy)
		return -ENOMEM;
	sum = strrchr(copy, '\n');
	sum = sum ? sum + 1 : copy;
	for (const char *c = copy; c < sum; c++)
		reader.line += *c == '\n';
	err = check_sum(&reader, copy, sum);
	reader.line = 1;
	if (!err)
		err = read_lines(&reader, copy, sum);
	free(copy);
	return err;
}
