/* test_iov.c: cursors over scattered buffers. */
#include "virtio/iov.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "hello, world" in pieces of 1, 4 and 7 bytes. */
struct pieces {
	char a[1], b[4], c[7];
	struct iovec iov[3];
	struct iov_cursor cursor;
};

static void cut(struct pieces *pieces)
{
	memcpy(pieces->a, "h", 1);
	memcpy(pieces->b, "ello", 4);
	memcpy(pieces->c, ", world", 7);
	pieces->iov[0] = (struct iovec){pieces->a, sizeof(pieces->a)};
	pieces->iov[1] = (struct iovec){pieces->b, sizeof(pieces->b)};
	pieces->iov[2] = (struct iovec){pieces->c, sizeof(pieces->c)};
	iov_cursor_init(&pieces->cursor, pieces->iov, 3);
}

static void take_does_not_see_where_a_buffer_is_cut(void **state)
{
	struct pieces pieces;
	char buf[12];

	(void)state;
	for (size_t first = 0; first <= sizeof(buf); first++) {
		cut(&pieces);
		assert_int_equal(pieces.cursor.left, 12);
		assert_int_equal(iov_take(&pieces.cursor, buf, first), first);
		assert_int_equal(pieces.cursor.left, 12 - first);
		assert_int_equal(iov_take(&pieces.cursor, buf + first, 100), 12 - first);
		assert_memory_equal(buf, "hello, world", 12);
		assert_int_equal(pieces.cursor.n, 0);
		assert_int_equal(pieces.cursor.left, 0);
	}
}

static void put_fills_every_piece_and_stops_at_the_end(void **state)
{
	struct pieces pieces;

	(void)state;
	cut(&pieces);
	assert_int_equal(iov_put(&pieces.cursor, "HE", 2), 2);
	assert_int_equal(iov_put(&pieces.cursor, "LLO; everybody", 14), 10);
	assert_memory_equal(pieces.a, "H", 1);
	assert_memory_equal(pieces.b, "ELLO", 4);
	assert_memory_equal(pieces.c, "; every", 7);
	assert_int_equal(iov_put(&pieces.cursor, "x", 1), 0);
}

static void what_is_left_is_an_array_for_readv(void **state)
{
	struct pieces pieces;

	(void)state;
	cut(&pieces);
	assert_int_equal(iov_skip(&pieces.cursor, 3), 3);
	assert_int_equal(pieces.cursor.n, 2);
	assert_ptr_equal(pieces.cursor.iov[0].iov_base, pieces.b + 2);
	assert_int_equal(pieces.cursor.iov[0].iov_len, 2);
	assert_int_equal(pieces.cursor.iov[1].iov_len, 7);
	assert_int_equal(iov_skip(&pieces.cursor, 100), 9);
}

static void the_last_byte_comes_off_until_nothing_is_left(void **state)
{
	struct pieces pieces;

	(void)state;
	cut(&pieces);
	for (const char *expected = "dlrow ,olleh"; *expected; expected++)
		assert_int_equal(*iov_take_last(&pieces.cursor), *expected);
	assert_int_equal(pieces.cursor.n, 0);
	assert_null(iov_take_last(&pieces.cursor));
}

static void truncate_drops_what_lies_behind(void **state)
{
	static const struct {
		size_t len, left;
		unsigned int n;
	} cases[] = {{100, 12, 3}, {12, 12, 3}, {11, 11, 3}, {6, 6, 3},
		     {5, 5, 2},	   {4, 4, 2},	{1, 1, 1},   {0, 0, 0}};
	struct pieces pieces;
	char buf[12];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cut(&pieces);
		iov_truncate(&pieces.cursor, cases[i].len);
		assert_int_equal(pieces.cursor.left, cases[i].left);
		assert_int_equal(pieces.cursor.n, cases[i].n);
		assert_int_equal(iov_take(&pieces.cursor, buf, sizeof(buf)), cases[i].left);
		assert_memory_equal(buf, "hello, world", cases[i].left);
	}
}

static void zeroes_are_written_and_counted(void **state)
{
	struct pieces pieces;

	(void)state;
	cut(&pieces);
	assert_int_equal(iov_put_zeroes(&pieces.cursor, 6), 6);
	assert_memory_equal(pieces.b, "\0\0\0\0", 4);
	assert_memory_equal(pieces.c, "\0 world", 7);
	assert_int_equal(iov_put_zeroes(&pieces.cursor, 100), 6);
}

static void an_empty_cursor_gives_and_takes_nothing(void **state)
{
	struct iov_cursor cursor;
	char byte = 'x';

	(void)state;
	iov_cursor_init(&cursor, NULL, 0);
	assert_int_equal(iov_take(&cursor, &byte, 1), 0);
	assert_int_equal(iov_put(&cursor, &byte, 1), 0);
	assert_int_equal(iov_put_zeroes(&cursor, 1), 0);
	assert_int_equal(iov_skip(&cursor, 1), 0);
	assert_null(iov_take_last(&cursor));
	iov_truncate(&cursor, 0);
	assert_int_equal(cursor.left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take_does_not_see_where_a_buffer_is_cut),
		cmocka_unit_test(put_fills_every_piece_and_stops_at_the_end),
		cmocka_unit_test(what_is_left_is_an_array_for_readv),
		cmocka_unit_test(the_last_byte_comes_off_until_nothing_is_left),
		cmocka_unit_test(truncate_drops_what_lies_behind),
		cmocka_unit_test(zeroes_are_written_and_counted),
		cmocka_unit_test(an_empty_cursor_gives_and_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
