/*
 * json.h: writes JSON (RFC 8259) to a stream, one member per line.
 *
 * Objects and arrays are opened and ended; name is the member's name inside an object and NULL
 * inside an array or at the top. Errors of the stream stay there until json_finish().
 */
#ifndef VMM_JSON_H
#define VMM_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_MAX_DEPTH = 16 };

struct json {
	FILE *out; /* borrowed */
	unsigned int depth;
	bool has_members[JSON_MAX_DEPTH + 1];
	char closers[JSON_MAX_DEPTH];
};

void json_init(struct json *json, FILE *out);
int json_finish(struct json *json); /* all is ended; 0 or -EIO */

void json_object(struct json *json, const char *name);
void json_array(struct json *json, const char *name);
void json_end(struct json *json); /* of the innermost object or array */

/* Bytes that are not UTF-8 become U+FFFD; text NULL is written as null. */
void json_string(struct json *json, const char *name, const char *text);
void json_unsigned(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);

#endif
