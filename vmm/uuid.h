/* uuid.h: UUIDs (RFC 9562): made, read, written, and in the byte order that firmware tables use. */
#ifndef VMM_UUID_H
#define VMM_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UUID_SIZE = 16,
	UUID_TEXT_SIZE = 37, /* 8-4-4-4-12 hexadecimal digits and a NUL */
};

struct uuid {
	uint8_t bytes[UUID_SIZE]; /* in the order of the text, RFC 9562, 4 */
};

int uuid_random(struct uuid *uuid); /* version 4; 0, or getrandom's -errno */

/* Takes exactly xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx in either case. 0 or -EINVAL, uuid untouched
 * then. */
int uuid_parse(struct uuid *uuid, const char *text);
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE]); /* lower case */

/* The order of SMBIOS 2.6 and later and of ACPI: the first three fields little-endian. */
void uuid_to_mixed_endian(const struct uuid *uuid, uint8_t bytes[UUID_SIZE]);
void uuid_from_mixed_endian(struct uuid *uuid, const uint8_t bytes[UUID_SIZE]);

bool uuid_is_nil_or_max(const struct uuid *uuid); /* all zeroes or all ones: nobody's, 5.9, 5.10 */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
unsigned int uuid_version(const struct uuid *uuid); /* 0 where the variant is not RFC 9562's */

#endif
