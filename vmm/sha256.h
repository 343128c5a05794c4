/* sha256.h: SHA-256 as FIPS 180-4 specifies it; ids are derived with it. */
#ifndef VMM_SHA256_H
#define VMM_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_BLOCK_SIZE = 64 };

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes taken so far */
	uint8_t block[SHA256_BLOCK_SIZE];
};

void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *data, size_t len);
void sha256_final(struct sha256 *sha, uint8_t digest[SHA256_SIZE]); /* sha is used up */

#endif
