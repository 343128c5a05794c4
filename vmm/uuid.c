/* uuid.c: UUIDs, RFC 9562. */
#include "vmm/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/util.h"

/* Where byte i of the mixed-endian form stands in the text's order; its own inverse. */
static const uint8_t mixed_order[UUID_SIZE] = {3, 2, 1,	 0,  5,	 4,  7,	 6,
					       8, 9, 10, 11, 12, 13, 14, 15};

int uuid_random(struct uuid *uuid)
{
	struct uuid random;

	/* So few bytes come whole or not at all, getrandom(2). */
	if (getrandom(random.bytes, sizeof(random.bytes), 0) != (ssize_t)sizeof(random.bytes))
		return -errno;
	random.bytes[6] = (random.bytes[6] & 0x0f) | 0x40;
	random.bytes[8] = (random.bytes[8] & 0x3f) | 0x80;
	*uuid = random;
	return 0;
}

int uuid_parse(struct uuid *uuid, const char *text)
{
	struct uuid parsed;

	for (unsigned int i = 0; i < UUID_SIZE; i++) {
		int high, low;

		if (i == 4 || i == 6 || i == 8 || i == 10) {
			if (*text++ != '-')
				return -EINVAL;
		}
		high = hex_digit(text[0]);
		if (high < 0) /* perhaps the end: text[1] may not be looked at */
			return -EINVAL;
		low = hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return -EINVAL;
	*uuid = parsed;
	return 0;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE])
{
	const uint8_t *b = uuid->bytes;

	snprintf(text, UUID_TEXT_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
}

void uuid_to_mixed_endian(const struct uuid *uuid, uint8_t bytes[UUID_SIZE])
{
	for (unsigned int i = 0; i < UUID_SIZE; i++)
		bytes[i] = uuid->bytes[mixed_order[i]];
}

void uuid_from_mixed_endian(struct uuid *uuid, const uint8_t bytes[UUID_SIZE])
{
	for (unsigned int i = 0; i < UUID_SIZE; i++)
		uuid->bytes[mixed_order[i]] = bytes[i];
}

bool uuid_is_nil_or_max(const struct uuid *uuid)
{
	uint8_t first = uuid->bytes[0];

	if (first != 0 && first != 0xff)
		return false;
	for (unsigned int i = 1; i < UUID_SIZE; i++) {
		if (uuid->bytes[i] != first)
			return false;
	}
	return true;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_SIZE) == 0;
}

unsigned int uuid_version(const struct uuid *uuid)
{
	return (uuid->bytes[8] & 0xc0) == 0x80 ? uuid->bytes[6] >> 4 : 0;
}
