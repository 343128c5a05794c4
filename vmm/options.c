/* options.c: the parser and --help, both made from a command's table. */
#include "vmm/options.h"

#include <errno.h>
#include <inttypes.h>
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

static int take_choice(const struct option *option, const char *value, const char **field)
{
	const char *nearest;
	unsigned int n;

	for (n = 0; option->choices[n]; n++) {
		if (strcmp(value, option->choices[n]) == 0) {
			*field = option->choices[n];
			return 0;
		}
	}
	nearest = nearest_word(value, strlen(value), option->choices, n);
	if (nearest)
		log_error(0, "--%s '%s': not one of %s; did you mean '%s'?", option->name, value,
			  option->value, nearest);
	else
		log_error(0, "--%s '%s': not one of %s", option->name, value, option->value);
	return -EINVAL;
}

static int take_number(const struct option *option, const char *value, uint64_t *number)
{
	bool size = option->kind == OPTION_SIZE;
	char min[24], max[24];

	if ((size ? options_parse_size(value, number) : parse_count(value, number)) < 0) {
		log_error(0, "--%s '%s': not a %s", option->name, value,
			  size ? "size: want a number with K, M or G, such as 512M" : "number");
		return -EINVAL;
	}
	if (*number >= option->min && *number <= option->max)
		return 0;
	if (size) {
		format_size(option->min, min, sizeof(min));
		format_size(option->max, max, sizeof(max));
	} else {
		snprintf(min, sizeof(min), "%" PRIu64, option->min);
		snprintf(max, sizeof(max), "%" PRIu64, option->max);
	}
	log_error(0, "--%s '%s': out of range, want %s to %s", option->name, value, min, max);
	return -EINVAL;
}

static int take(const struct option *option, const char *value, void *into)
{
	void *field = (char *)into + option->offset;
	struct option_list *list;
	uint64_t number;
	int err;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)field = value;
		return 0;
	case OPTION_CHOICE:
		return take_choice(option, value, field);
	case OPTION_COUNT:
		err = take_number(option, value, &number);
		if (!err)
			*(unsigned int *)field = (unsigned int)number;
		return err;
	case OPTION_SIZE:
		err = take_number(option, value, &number);
		if (!err)
			*(uint64_t *)field = number;
		return err;
	case OPTION_LIST:
		list = field;
		if (list->n == OPTION_LIST_MAX) {
			log_error(0, "--%s '%s': more than %d of them", option->name, value,
				  OPTION_LIST_MAX);
			return -EINVAL;
		}
		list->values[list->n++] = value;
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

static const struct option *find(const struct command *command, const char *name, size_t len)
{
	const struct option *option;

	for (option = command->options; option->name; option++) {
		if (strlen(option->name) == len && memcmp(option->name, name, len) == 0)
			return option;
	}
	return NULL;
}

/* One option at argv[0]; *used becomes the number of words it took. */
static int parse_option(const struct command *command, int argc, char **argv, void *into, int *used)
{
	const char *word = argv[0];
	size_t len = strcspn(word + 2, "=");
	const struct option *option = word[1] == '-' ? find(command, word + 2, len) : NULL;
	const char *value = word[2] && word[2 + len] == '=' ? word + 2 + len + 1 : NULL;

	*used = 1;
	if (!option) {
		complain_unknown(command, word);
		return -EINVAL;
	}
	if (option->kind == OPTION_FLAG) {
		if (value)
			log_error(0, "--%s: takes no value", option->name);
		return value ? -EINVAL : take(option, NULL, into);
	}
	if (!value) {
		if (argc < 2) {
			log_error(0, "--%s: its %s is missing", option->name, option->value);
			return -EINVAL;
		}
		value = argv[1];
		*used = 2;
	}
	return take(option, value, into);
}

enum options_result options_parse(const struct command *command, int argc, char **argv, void *into,
				  int *noperands)
{
	int used;

	*noperands = 0;
	for (int i = 0; i < argc; i += used) {
		used = 1;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			options_print_help(command);
			return OPTIONS_DONE;
		}
		if (strcmp(argv[i], "--version") == 0) {
			printf("minivmm %s\n", MINIVMM_VERSION);
			return OPTIONS_DONE;
		}
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			if (parse_option(command, argc - i, argv + i, into, &used) < 0)
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

void options_print_help(const struct command *command)
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
