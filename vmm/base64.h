/* base64.h: bytes as text (RFC 4648, section 4). */
#ifndef VMM_BASE64_H
#define VMM_BASE64_H

#include <stddef.h>

/* Bytes of the text, with its NUL, for len bytes. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Writes BASE64_SIZE(len) bytes to text. */
void base64_encode(const void *bytes, size_t len, char *text);

#endif
