/* iov.c: cursors over scattered buffers. */
#include "virtio/iov.h"

#include <string.h>

void iov_cursor_init(struct iov_cursor *cursor, struct iovec *iov, unsigned int n)
{
	*cursor = (struct iov_cursor){.iov = iov, .n = n};
	for (unsigned int i = 0; i < n; i++)
		cursor->left += iov[i].iov_len;
}

/* How much of len lies in the first segment. */
static size_t first_piece(const struct iov_cursor *cursor, size_t len)
{
	return len < cursor->iov->iov_len ? len : cursor->iov->iov_len;
}

/* Moves on by len bytes, no more than the first segment has. */
static void advance(struct iov_cursor *cursor, size_t len)
{
	cursor->left -= len;
	if (len == cursor->iov->iov_len) {
		cursor->iov++;
		cursor->n--;
		return;
	}
	cursor->iov->iov_base = (uint8_t *)cursor->iov->iov_base + len;
	cursor->iov->iov_len -= len;
}

size_t iov_take(struct iov_cursor *cursor, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len && cursor->n) {
		size_t piece = first_piece(cursor, len - done);

		memcpy((uint8_t *)buf + done, cursor->iov->iov_base, piece);
		advance(cursor, piece);
		done += piece;
	}
	return done;
}

size_t iov_put(struct iov_cursor *cursor, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len && cursor->n) {
		size_t piece = first_piece(cursor, len - done);

		memcpy(cursor->iov->iov_base, (const uint8_t *)buf + done, piece);
		advance(cursor, piece);
		done += piece;
	}
	return done;
}

size_t iov_put_zeroes(struct iov_cursor *cursor, size_t len)
{
	size_t done = 0;

	while (done < len && cursor->n) {
		size_t piece = first_piece(cursor, len - done);

		memset(cursor->iov->iov_base, 0, piece);
		advance(cursor, piece);
		done += piece;
	}
	return done;
}

size_t iov_skip(struct iov_cursor *cursor, size_t len)
{
	size_t done = 0;

	while (done < len && cursor->n) {
		size_t piece = first_piece(cursor, len - done);

		advance(cursor, piece);
		done += piece;
	}
	return done;
}

uint8_t *iov_take_last(struct iov_cursor *cursor)
{
	struct iovec *last;

	if (cursor->n == 0)
		return NULL;
	last = &cursor->iov[cursor->n - 1];
	last->iov_len--;
	cursor->left--;
	if (last->iov_len == 0)
		cursor->n--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

void iov_truncate(struct iov_cursor *cursor, size_t len)
{
	while (cursor->left > len) {
		struct iovec *last = &cursor->iov[cursor->n - 1];
		size_t surplus = cursor->left - len;

		if (surplus < last->iov_len) {
			last->iov_len -= surplus;
			cursor->left = len;
			return;
		}
		cursor->left -= last->iov_len;
		cursor->n--;
	}
}
