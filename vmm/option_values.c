/* option_values.c: options as text: put together from several places, and made to be kept. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/log.h"
#include "vmm/options.h"

int option_values_add(struct option_values *values, const struct option_value *value)
{
	if (values->n == OPTION_VALUES_MAX) {
		log_error(0, "--%s: more than %d options", value->option->name, OPTION_VALUES_MAX);
		return -E2BIG;
	}
	values->items[values->n++] = *value;
	return 0;
}

const struct option_value *option_values_get(const struct option_values *values, const char *name)
{
	for (unsigned int i = values->n; i > 0; i--) {
		if (strcmp(values->items[i - 1].option->name, name) == 0)
			return &values->items[i - 1];
	}
	return NULL;
}

int option_values_override(struct option_values *values, const struct option_values *over,
			   enum option_scope last)
{
	unsigned int kept = 0;
	int err = 0;

	for (unsigned int i = 0; i < values->n; i++) {
		const struct option *option = values->items[i].option;

		if (option->scope > last || !option_values_get(over, option->name))
			values->items[kept++] = values->items[i];
	}
	values->n = kept;
	for (unsigned int i = 0; i < over->n && !err; i++) {
		if (over->items[i].option->scope <= last)
			err = option_values_add(values, &over->items[i]);
	}
	return err;
}

/* Behind which of the prefixes does a name begin at word? NULL: it holds none. */
static const char *find_name(const char *word, bool first, const char *const *prefixes)
{
	for (; prefixes && *prefixes; prefixes++) {
		const char *prefix = *prefixes, *from = word;

		if (!first && (*prefix == '\0' || *prefix == '*'))
			continue;
		if (*prefix == '*') {
			prefix++;
			from += strcspn(from, "=");
		}
		if (strncmp(from, prefix, strlen(prefix)) == 0)
			return from + strlen(prefix);
	}
	return NULL;
}

/* The file name at the beginning of word, unless it is absolute or none. */
static const char *find_relative(const struct option *option, const char *word, bool first)
{
	const char *name = find_name(word, first, option->files);

	if (option->kind == OPTION_FILE) {
		name = first ? word : NULL;
		for (unsigned int i = 0; name && option->choices && option->choices[i]; i++) {
			if (strcmp(name, option->choices[i]) == 0)
				name = NULL;
		}
	}
	if (!name) {
		name = find_name(word, first, option->programs);
		if (name && !memchr(name, '/', strcspn(name, ",")))
			name = NULL;
	}
	return name && *name && *name != '/' ? name : NULL;
}

/* What follows the next comma that stands alone, or NULL. */
static const char *next_word(const char *word)
{
	for (; *word; word++) {
		if (*word == ',' && *++word != ',')
			return word;
	}
	return NULL;
}

/* Do commas part its value into words? A comma in a name is then written twice. */
static bool has_words(const struct option *option)
{
	return option->kind != OPTION_FILE && !(option->files && option->files[0][0] == '*');
}

char *option_value_absolute(const struct option_value *value, const char *folder)
{
	bool words = has_words(value->option);
	const char *word = value->value, *done = word;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (bool first = true; word; first = false) {
		const char *name = find_relative(value->option, word, first);

		if (name) {
			fwrite(done, 1, (size_t)(name - done), out);
			for (const char *c = folder; *c; c++)
				fputs(words && *c == ',' ? ",," : (const char[]){*c, '\0'}, out);
			if (folder[strlen(folder) - 1] != '/')
				fputc('/', out);
			done = name;
		}
		word = next_word(word);
	}
	fputs(done, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static bool is_id(const struct option *option, const char *word)
{
	for (const char *const *prefix = option->ids; prefix && *prefix; prefix++) {
		if (strncmp(word, *prefix, strlen(*prefix)) == 0)
			return true;
	}
	return false;
}

/* Its first word is the name of a file, whatever that begins with. */
static bool has_name(const struct option *option)
{
	return option->files && option->files[0][0] == '\0';
}

char *option_value_without_ids(const struct option_value *value, const char *first)
{
	const char *word = value->value, *next;
	char *text = NULL;
	const char *comma = "";
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (; word; word = next) {
		bool is_first = word == value->value;
		size_t len;

		next = next_word(word);
		len = next ? (size_t)(next - word) - 1 : strlen(word);
		if (is_first && first)
			fputs(first, out);
		else if (!is_id(value->option, word) || (is_first && has_name(value->option)))
			fprintf(out, "%s%.*s", comma, (int)len, word);
		else
			continue;
		comma = ",";
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
