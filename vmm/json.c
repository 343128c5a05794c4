/* json.c: JSON out, RFC 8259. */
#include "vmm/json.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){.out = out};
}

int json_finish(struct json *json)
{
	assert(json->depth == 0);
	putc('\n', json->out);
	return fflush(json->out) != 0 || ferror(json->out) ? -EIO : 0;
}

/*
 * RFC 3629, 4: the length of the well-formed UTF-8 sequence at text, or 0. A sequence that is cut
 * short meets the NUL at its end, which is no continuation.
 */
static unsigned int utf8_length(const unsigned char *text)
{
	unsigned int len = 1, low = 0x80, high = 0xbf;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		len = 2;
	else if (text[0] >= 0xe0 && text[0] <= 0xef)
		len = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		len = 4;
	else
		return 0;
	/* Neither overlong forms, nor surrogates, nor beyond U+10FFFF. */
	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (unsigned int i = 2; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static void write_text(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	putc('"', out);
	while (*at) {
		unsigned int len = utf8_length(at);

		if (len == 0)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at == '\n')
			fputs("\\n", out);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", (unsigned int)*at);
		else
			fwrite(at, len, 1, out);
		at += len > 0 ? len : 1;
	}
	putc('"', out);
}

static void indent(const struct json *json)
{
	fprintf(json->out, "\n%*s", 2 * (int)json->depth, "");
}

/* What stands in front of a value: the comma, the line, the name. */
static void begin_value(struct json *json, const char *name)
{
	if (json->has_members[json->depth])
		putc(',', json->out);
	json->has_members[json->depth] = true;
	if (json->depth > 0)
		indent(json);
	if (name) {
		write_text(json->out, name);
		fputs(": ", json->out);
	}
}

static void open_value(struct json *json, const char *name, char opener, char closer)
{
	assert(json->depth < JSON_MAX_DEPTH);
	begin_value(json, name);
	putc(opener, json->out);
	json->closers[json->depth++] = closer;
	json->has_members[json->depth] = false;
}

void json_object(struct json *json, const char *name)
{
	open_value(json, name, '{', '}');
}

void json_array(struct json *json, const char *name)
{
	open_value(json, name, '[', ']');
}

void json_end(struct json *json)
{
	bool filled = json->has_members[json->depth];

	assert(json->depth > 0);
	json->depth--;
	if (filled)
		indent(json);
	putc(json->closers[json->depth], json->out);
}

void json_string(struct json *json, const char *name, const char *text)
{
	begin_value(json, name);
	if (text)
		write_text(json->out, text);
	else
		fputs("null", json->out);
}

void json_unsigned(struct json *json, const char *name, uint64_t value)
{
	begin_value(json, name);
	fprintf(json->out, "%llu", (unsigned long long)value);
}

void json_bool(struct json *json, const char *name, bool value)
{
	begin_value(json, name);
	fputs(value ? "true" : "false", json->out);
}
