/* util.h: the few helpers that the whole program shares. */
#ifndef VMM_UTIL_H
#define VMM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* From a pointer to an embedded interface back to the object that embeds it. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* Rounds up to a power of two; the caller has seen to it that the sum cannot wrap. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static inline bool is_power_of_two(uint64_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/*
 * The one of nwords words (NULL entries are passed over) that is spelled most like the len bytes at
 * word, for "did you mean"; NULL when none comes close. The result is borrowed from words.
 */
const char *nearest_word(const char *word, size_t len, const char *const *words, size_t nwords);

/* The value of a hexadecimal digit, or -1. */
int hex_digit(char c);

/* CLOCK_MONOTONIC. */
uint64_t monotonic_ns(void);
uint64_t monotonic_ms(void);

#endif
