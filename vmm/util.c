/* util.c: which word did the user mean; digits; the clock. */
#include "vmm/util.h"

#include <string.h>
#include <time.h>

enum { LONGEST = 40 }; /* words beyond it are never offered */

/*
 * Edits (a byte added, dropped or exchanged) that turn one word into the other, by Wagner and
 * Fischer's rows: row[j] is the distance of what has been seen of a from the first j bytes of b.
 */
static size_t edits(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t row[LONGEST + 1];

	for (size_t j = 0; j <= blen; j++)
		row[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			size_t exchange = diagonal + (a[i - 1] != b[j - 1]);
			size_t drop_or_add = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = exchange < drop_or_add ? exchange : drop_or_add;
		}
	}
	return row[blen];
}

const char *nearest_word(const char *word, size_t len, const char *const *words, size_t nwords)
{
	const char *best = NULL;
	size_t best_edits = len / 2 + 1; /* more than half of it wrong is no typing error */

	if (len > LONGEST)
		return NULL;
	for (size_t i = 0; i < nwords; i++) {
		size_t distance;

		if (!words[i] || strlen(words[i]) > LONGEST)
			continue;
		distance = edits(word, len, words[i], strlen(words[i]));
		if (distance <= best_edits && (!best || distance < best_edits)) {
			best = words[i];
			best_edits = distance;
		}
	}
	return best;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_ms(void)
{
	return monotonic_ns() / 1000000;
}
