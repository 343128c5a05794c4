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
	OPTION_FILE,   /* const char *: the name of a file, or one of choices where there are any */
	OPTION_CHOICE, /* const char *: one of choices */
	OPTION_COUNT,  /* unsigned int: min to max */
	OPTION_SIZE,   /* uint64_t: bytes, written with K, M or G; min to max */
	OPTION_LIST,   /* struct option_list: may be given again */
};

enum option_scope {
	OPTION_OF_MACHINE,  /* kept in the machine's record */
	OPTION_OF_IDENTITY, /* kept, but a clone gets its own */
	OPTION_OF_RUN,	    /* asked of one run only */
};

enum { OPTION_LIST_MAX = 32, OPTION_VALUES_MAX = 256 };

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
	enum option_scope scope;
	bool optional; /* the value: the next word is it unless that begins with '-' */
	/*
	 * Where the value of a list or text names files or programs: behind these, at its beginning
	 * or that of a word between single commas ("script="); "" is the first word, "*=@" all that
	 * stands behind any name, commas or not. A program without a slash is searched for and no
	 * file. Ended by NULL; NULL: nowhere.
	 */
	const char *const *files, *const *programs;
	/* Words in it that begin so, but for the name of a file as the first, are ids of one
	 * machine: a clone gets its own. */
	const char *const *ids;
};

/* An option and its value as text. */
struct option_value {
	const struct option *option;
	const char *value; /* borrowed; NULL for a flag */
	const char *file;  /* where it was read, for messages; NULL: argv */
	unsigned int line;
};

struct option_values {
	struct option_value items[OPTION_VALUES_MAX];
	unsigned int n;
};

struct command {
	const char *name;	      /* "run" */
	const char *summary;	      /* one line */
	const char *epilogue;	      /* printed after the options, or NULL */
	const struct option *options; /* ended by a NULL name */
	const char *operands;	      /* words besides options, as --help calls them; NULL: none */
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

/*
 * The two steps of options_parse(). options_split() finds the options and leaves their values
 * unread; options_apply() checks and sets them in order: 0, or -EINVAL with one line logged, which
 * names the file and line where the value has one.
 */
enum options_result options_split(const struct command *command, int argc, char **argv,
				  struct option_values *values, int *noperands);
int options_apply(const struct option_values *values, void *into);

/* NULL when the command has none of that name, which has len bytes. */
const struct option *options_find(const struct command *command, const char *name, size_t len);

/* Appends one. 0, or -E2BIG, logged. */
int option_values_add(struct option_values *values, const struct option_value *value);

/* The last value of that option; NULL when there is none. */
const struct option_value *option_values_get(const struct option_values *values, const char *name);

/*
 * values become what they were, with those of an option that over names taken from there instead,
 * a list as a whole. Options outside the scopes up to last are not taken. 0 or -E2BIG, logged.
 */
int option_values_override(struct option_values *values, const struct option_values *over,
			   enum option_scope last);

/*
 * The value with each file name in it absolute, for a program that will run in another folder;
 * allocated, NULL when there is no memory. folder is absolute.
 */
char *option_value_absolute(const struct option_value *value, const char *folder);

/* The value without ids, and with another first word unless first is NULL; allocated, or NULL. */
char *option_value_without_ids(const struct option_value *value, const char *first);

/* "512M" to bytes. 0 or -EINVAL, also when it does not fit; nothing is logged. */
int options_parse_size(const char *text, uint64_t *bytes);

#endif
