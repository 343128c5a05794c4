/* base64.c: three bytes make four characters. */
#include "vmm/base64.h"

#include <stdint.h>

void base64_encode(const void *bytes, size_t len, char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *from = bytes;

	for (size_t i = 0; i < len; i += 3) {
		unsigned int left = len - i < 3 ? (unsigned int)(len - i) : 3;
		unsigned int group = (unsigned int)from[i] << 16;

		if (left > 1)
			group |= (unsigned int)from[i + 1] << 8;
		if (left > 2)
			group |= from[i + 2];
		*text++ = digits[group >> 18];
		*text++ = digits[group >> 12 & 63];
		*text++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*text++ = left > 2 ? digits[group & 63] : '=';
	}
	*text = '\0';
}
