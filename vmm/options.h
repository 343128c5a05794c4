/*
 * options.h: from argv to values. One table per sub-command makes the parser and --help; the check
 * of the man page reads the same table through --help.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,   /* bool: no value */
	OPTION_TEXT,   /* const char *: anything */
	OPTION_CHOICE, /* const char *: one of choices */
	OPTION_COUNT,  /* unsigned int: min to max */
	OPTION_SIZE,   /* uint64_t: bytes, written with K, M or G; min to max */
	OPTION_LIST,   /* struct option_list: may be given again */
};

enum { OPTION_LIST_MAX = 32 };

struct option_list {
	const char *values[OPTION_LIST_MAX]; /* borrowed from argv */
	unsigned int n;
};

struct option {
	const char *name;	    /* without dashes */
	const char *value;	    /* what --help calls it; NULL for a flag */
	const char *help;	    /* lines parted by \n */
	const char *const *choices; /* ended by NULL */
	uint64_t min, max;
	size_t offset; /* of the field in the struct that the parser fills */
	enum option_kind kind;
};

struct command {
	const char *name;	      /* "run" */
	const char *summary;	      /* one line */
	const char *epilogue;	      /* printed after the options, or NULL */
	const struct option *options; /* ended by a NULL name */
	const char
		*operands; /* what --help calls the words besides options; NULL: there are none */
};

enum options_result {
	OPTIONS_OK,
	OPTIONS_DONE, /* --help or --version was printed */
	OPTIONS_BAD,  /* logged in one line */
};

/*
 * Parses argv[0..argc), which begins behind the sub-command's name, into the struct at into, whose
 * fields keep their values where no option names them. "--name value" and "--name=value" are the
 * same. Operands are moved to the front of argv and counted in *noperands.
 */
enum options_result options_parse(const struct command *command, int argc, char **argv, void *into,
				  int *noperands);

void options_print_help(const struct command *command);

/* "512M" to bytes. 0 or -EINVAL, also when it does not fit; nothing is logged. */
int options_parse_size(const char *text, uint64_t *bytes);

#endif
