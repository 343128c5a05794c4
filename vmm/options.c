/* options.c: the parser and --help, both made from a command's table. */
#include "vmm/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/log.h"
#include "vmm/util.h"

enum { NAMES_MAX = 64, HELP_COLUMN = 28 };

int options_parse_size(const char *text, uint64_t *bytes)
{
	unsigned int shift = 0;
	uint64_t value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	switch (*end) {
	case 'K':
	case 'k':
		shift = 10;
		break;
	case 'M':
	case 'm':
		shift = 20;
		break;
	case 'G':
	case 'g':
		shift = 30;
		break;
	default:
		return -EINVAL;
	}
	if (end[1] != '\0' || value > UINT64_MAX >> shift)
		return -EINVAL;
	*bytes = value << shift;
	return 0;
}

static int parse_count(const char *text, uint64_t *count)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*count = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static void format_size(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMG";
	unsigned int unit = 0;

	while (unit < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, "%" PRIu64 "%c", bytes, units[unit]);
}

/* "--name 'value': what is wrong", with the file and line where it was read. */
__attribute__((format(printf, 2, 3))) static int refuse(const struct option_value *value,
							const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (value->file)
		log_error(0, "%s:%u: --%s '%s': %s", value->file, value->line, value->option->name,
			  value->value, message);
	else
		log_error(0, "--%s '%s': %s", value->option->name, value->value, message);
	return -EINVAL;
}

static int take_choice(const struct option_value *value, const char **field)
{
	const struct option *option = value->option;
	const char *nearest;
	unsigned int n;

	for (n = 0; option->choices[n]; n++) {
		if (strcmp(value->value, option->choices[n]) == 0) {
			*field = option->choices[n];
			return 0;
		}
	}
	nearest = nearest_word(value->value, strlen(value->value), option->choices, n);
	if (nearest)
		return refuse(value, "not one of %s; did you mean '%s'?", option->value, nearest);
	return refuse(value, "not one of %s", option->value);
}

static int take_number(const struct option_value *value, uint64_t *number)
{
	const struct option *option = value->option;
	bool size = option->kind == OPTION_SIZE;
	char min[24], max[24];

	if ((size ? options_parse_size(value->value, number) : parse_count(value->value, number)) <
	    0)
		return refuse(value, "not a %s",
			      size ? "size: want a number with K, M or G, such as 512M" : "number");
	if (*number >= option->min && *number <= option->max)
		return 0;
	if (size) {
		format_size(option->min, min, sizeof(min));
		format_size(option->max, max, sizeof(max));
	} else {
		snprintf(min, sizeof(min), "%" PRIu64, option->min);
		snprintf(max, sizeof(max), "%" PRIu64, option->max);
	}
	return refuse(value, "out of range, want %s to %s", min, max);
}

static int take(const struct option_value *value, void *into)
{
	const struct option *option = value->option;
	void *field = (char *)into + option->offset;
	struct option_list *list;
	uint64_t number;
	int err;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
	case OPTION_FILE:
		*(const char **)field = value->value;
		return 0;
	case OPTION_CHOICE:
		return take_choice(value, field);
	case OPTION_COUNT:
		err = take_number(value, &number);
		if (!err)
			*(unsigned int *)field = (unsigned int)number;
		return err;
	case OPTION_SIZE:
		err = take_number(value, &number);
		if (!err)
			*(uint64_t *)field = number;
		return err;
	case OPTION_LIST:
		list = field;
		if (list->n == OPTION_LIST_MAX)
			return refuse(value, "more than %d of them", OPTION_LIST_MAX);
		list->values[list->n++] = value->value;
		return 0;
	}
	return -EINVAL;
}

static void complain_unknown(const struct command *command, const char *word)
{
	const char *names[NAMES_MAX];
	const char *nearest;
	size_t n = 0;

	for (; command->options[n].name && n < NAMES_MAX; n++)
		names[n] = command->options[n].name;
	nearest = nearest_word(word + 2, strcspn(word + 2, "="), names, n);
	if (nearest)
		log_error(0, "unknown option '%s'; did you mean '--%s'?", word, nearest);
	else
		log_error(0, "unknown option '%s'; see 'minivmm %s --help'", word, command->name);
}

const struct option *options_find(const struct command *command, const char *name, size_t len)
{
	const struct option *option;

	for (option = command->options; option->name; option++) {
		if (strlen(option->name) == len && memcmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

/* One option at argv[0]; *used becomes the number of words it took. */
static int split_option(const struct command *command, int argc, char **argv,
			struct option_values *values, int *used)
{
	const char *word = argv[0];
	size_t len = strcspn(word + 2, "=");
	struct option_value found = {0};

	*used = 1;
	if (word[1] == '-')
		found.option = options_find(command, word + 2, len);
	if (!found.option) {
		complain_unknown(command, word);
		return -EINVAL;
	}
	if (word[2 + len] == '=')
		found.value = word + 2 + len + 1;
	if (found.option->kind == OPTION_FLAG && found.value) {
		log_error(0, "--%s: takes no value", found.option->name);
		return -EINVAL;
	}
	if (found.option->kind != OPTION_FLAG && !found.value) {
		if (found.option->optional && (argc < 2 || argv[1][0] == '-')) {
			found.value = "";
			return option_values_add(values, &found);
		}
		if (argc < 2) {
			log_error(0, "--%s: its %s is missing", found.option->name,
				  found.option->value);
			return -EINVAL;
		}
		found.value = argv[1];
		*used = 2;
	}
	return option_values_add(values, &found);
}

static void print_option(const char *name, const char *value, const char *help)
{
	char head[80];

	snprintf(head, sizeof(head), "  --%s%s%s", name, value ? " " : "", value ? value : "");
	if (strlen(head) < HELP_COLUMN)
		printf("%-*s", HELP_COLUMN, head);
	else
		printf("%s\n%*s", head, HELP_COLUMN, "");
	for (;;) {
		size_t len = strcspn(help, "\n");

		printf("%.*s\n", (int)len, help);
		if (help[len] == '\0')
			return;
		help += len + 1;
		printf("%*s", HELP_COLUMN, "");
	}
}

static void print_help(const struct command *command)
{
	printf("usage: minivmm %s [options]%s%s\n\n%s\n\noptions:\n", command->name,
	       command->operands ? " " : "", command->operands ? command->operands : "",
	       command->summary);
	for (const struct option *option = command->options; option->name; option++)
		print_option(option->name, option->value, option->help);
	print_option("help", NULL, "print this and end");
	print_option("version", NULL, "print the version and end");
	if (command->epilogue)
		printf("\n%s", command->epilogue);
}

enum options_result options_split(const struct command *command, int argc, char **argv,
				  struct option_values *values, int *noperands)
{
	int used;

	values->n = 0;
	*noperands = 0;
	for (int i = 0; i < argc; i += used) {
		used = 1;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(command);
			return OPTIONS_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("minivmm %s\n", MINIVMM_VERSION);
			return OPTIONS_DONE;
		}
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			if (split_option(command, argc - i, argv + i, values, &used) < 0)
				return OPTIONS_BAD;
		} else if (command->operands) {
			argv[(*noperands)++] = argv[i];
		} else {
			log_error(0, "'%s': not an option; see 'minivmm %s --help'", argv[i],
				  command->name);
			return OPTIONS_BAD;
		}
	}
	return OPTIONS_OK;
}

int options_apply(const struct option_values *values, void *into)
{
	int err = 0;

	for (unsigned int i = 0; i < values->n && !err; i++)
		err = take(&values->items[i], into);
	return err;
}

enum options_result options_parse(const struct command *command, int argc, char **argv, void *into,
				  int *noperands)
{
	struct option_values values;
	enum options_result result = options_split(command, argc, argv, &values, noperands);

	if (result == OPTIONS_OK && options_apply(&values, into) < 0)
		result = OPTIONS_BAD;
	return result;
}
