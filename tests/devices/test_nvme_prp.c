/* test_nvme_prp.c: where commands say that their data is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "devices/nvme_controller.h"
#include "tests/fake/driver.h"
#include "vmm/util.h"

enum { PAGE = NVME_PAGE_SIZE };

static struct fake_memory memory;
static struct iovec iov[NVME_MAX_PIECES];
static unsigned int n;

static int setup(void **state)
{
	(void)state;
	fake_memory_init(&memory);
	memory.next = 16 * PAGE;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_memory_free(&memory);
	return 0;
}

static uint16_t map(gpa_t prp1, gpa_t prp2, uint64_t len)
{
	struct nvme_command command = {.prp1 = htole64(prp1), .prp2 = htole64(prp2)};

	return nvme_prp_map(&memory.mem, &command, len, MEMORY_WRITE, iov, &n);
}

static uint64_t mapped(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static void put_entry(gpa_t list, unsigned int i, gpa_t entry)
{
	*(uint64_t *)fake_memory_at(&memory, list + 8 * i, 8) = htole64(entry);
}

static void one_page_needs_one_address(void **state)
{
	(void)state;
	assert_int_equal(map(4 * PAGE + 512, 0xdead, 3584), NVME_SUCCESS);
	assert_int_equal(n, 1);
	assert_ptr_equal(iov[0].iov_base, fake_memory_at(&memory, 4 * PAGE + 512, 3584));
	assert_int_equal(iov[0].iov_len, 3584);
}

static void two_pages_need_two_addresses(void **state)
{
	(void)state;
	assert_int_equal(map(4 * PAGE + 512, 9 * PAGE, 4096), NVME_SUCCESS);
	assert_int_equal(n, 2);
	assert_int_equal(iov[0].iov_len, 3584);
	assert_ptr_equal(iov[1].iov_base, fake_memory_at(&memory, 9 * PAGE, 512));
	assert_int_equal(iov[1].iov_len, 512);
}

static void neighbours_become_one_piece(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 15; i++)
		put_entry(2 * PAGE, i, (gpa_t)(17 + i) * PAGE);
	assert_int_equal(map(16 * PAGE, 2 * PAGE, 16 * PAGE), NVME_SUCCESS);
	assert_int_equal(n, 1);
	assert_int_equal(iov[0].iov_len, 16 * PAGE);
}

static void a_list_may_begin_inside_of_a_page_and_go_on_in_another(void **state)
{
	gpa_t list = 3 * PAGE - 16; /* two entries: one page, and where the next list is */

	(void)state;
	put_entry(list, 0, 20 * PAGE);
	put_entry(list, 1, 5 * PAGE);
	put_entry(5 * PAGE, 0, 30 * PAGE);
	put_entry(5 * PAGE, 1, 40 * PAGE);
	assert_int_equal(map(16 * PAGE, list, 4 * PAGE), NVME_SUCCESS);
	assert_int_equal(n, 4);
	assert_ptr_equal(iov[3].iov_base, fake_memory_at(&memory, 40 * PAGE, PAGE));
}

static void the_last_entry_of_a_page_is_data_when_nothing_follows(void **state)
{
	gpa_t list = 3 * PAGE - 16;

	(void)state;
	put_entry(list, 0, 20 * PAGE);
	put_entry(list, 1, 30 * PAGE);
	assert_int_equal(map(16 * PAGE, list, 3 * PAGE), NVME_SUCCESS);
	assert_ptr_equal(iov[2].iov_base, fake_memory_at(&memory, 30 * PAGE, PAGE));
}

static void the_largest_transfer_fits_the_pieces(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 256; i++)
		put_entry(2 * PAGE, i, (gpa_t)(20 + 2 * (i % 100)) * PAGE);
	assert_int_equal(map(16 * PAGE + 4092, 2 * PAGE, NVME_MAX_TRANSFER), NVME_SUCCESS);
	assert_int_equal(n, NVME_MAX_PIECES);
	assert_int_equal(mapped(), NVME_MAX_TRANSFER);
}

static void a_list_that_leads_to_itself_ends(void **state)
{
	(void)state;
	/* One entry in the first page, which is the way to the next list. */
	put_entry(3 * PAGE - 8, 0, 2 * PAGE);
	for (unsigned int i = 0; i < 511; i++)
		put_entry(2 * PAGE, i, 20 * PAGE);
	put_entry(2 * PAGE, 511, 2 * PAGE);
	assert_int_equal(map(16 * PAGE, 3 * PAGE - 8, 200 * PAGE), NVME_SUCCESS);
	assert_int_equal(mapped(), 200 * PAGE);
	put_entry(3 * PAGE - 8, 0, 3 * PAGE - 8);
	assert_int_equal(map(16 * PAGE, 3 * PAGE - 8, 200 * PAGE), NVME_INVALID_PRP_OFFSET);
}

static void wild_addresses_are_refused(void **state)
{
	static const struct {
		const char *what;
		gpa_t prp1, prp2;
		uint64_t len;
		uint16_t status;
	} rows[] = {
		{"nowhere", FAKE_HOLE, 0, 512, NVME_DATA_TRANSFER_ERROR},
		{"behind RAM", FAKE_LOW_SIZE, 0, 512, NVME_DATA_TRANSFER_ERROR},
		{"the last address", UINT64_MAX - 3, 0, 512, NVME_DATA_TRANSFER_ERROR},
		{"odd", 16 * PAGE + 1, 0, 512, NVME_INVALID_PRP_OFFSET},
		{"second inside of a page", 16 * PAGE, 17 * PAGE + 4, 2 * PAGE,
		 NVME_INVALID_PRP_OFFSET},
		{"second nowhere", 16 * PAGE, FAKE_HOLE, 2 * PAGE, NVME_DATA_TRANSFER_ERROR},
		{"second is zero and RAM", 16 * PAGE, 0, 2 * PAGE, NVME_SUCCESS},
		{"list not aligned", 16 * PAGE, 2 * PAGE + 4, 3 * PAGE, NVME_INVALID_PRP_OFFSET},
		{"list nowhere", 16 * PAGE, FAKE_HOLE, 3 * PAGE, NVME_DATA_TRANSFER_ERROR},
		{"list at the end", 16 * PAGE, UINT64_MAX - 7, 3 * PAGE, NVME_DATA_TRANSFER_ERROR},
		{"entry inside of a page", 16 * PAGE, 6 * PAGE, 3 * PAGE, NVME_INVALID_PRP_OFFSET},
		{"entry nowhere", 16 * PAGE, 7 * PAGE, 3 * PAGE, NVME_DATA_TRANSFER_ERROR},
		{"list goes on nowhere", 16 * PAGE, 9 * PAGE - 8, 3 * PAGE,
		 NVME_DATA_TRANSFER_ERROR},
	};

	(void)state;
	put_entry(6 * PAGE, 0, 20 * PAGE + 512);
	put_entry(7 * PAGE, 0, 20 * PAGE);
	put_entry(7 * PAGE, 1, FAKE_HOLE);
	put_entry(9 * PAGE - 8, 0, FAKE_HOLE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t status = map(rows[i].prp1, rows[i].prp2, rows[i].len);

		if (status != rows[i].status)
			fail_msg("%s: status 0x%x, not 0x%x", rows[i].what, status, rows[i].status);
	}
}

static void copies_gather_what_is_cut_up(void **state)
{
	char a[] = "abc", b[] = "def", out[8] = "";
	const struct iovec pieces[] = {{a, 3}, {b, 3}};

	(void)state;
	nvme_prp_copy(pieces, 1, out, 4);
	assert_string_equal(out, "bcde");
	memset(out, 0, sizeof(out));
	nvme_prp_copy(pieces, 3, out, 3);
	assert_string_equal(out, "def");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_page_needs_one_address, setup, teardown),
		cmocka_unit_test_setup_teardown(two_pages_need_two_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_become_one_piece, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_list_may_begin_inside_of_a_page_and_go_on_in_another, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_last_entry_of_a_page_is_data_when_nothing_follows, setup, teardown),
		cmocka_unit_test_setup_teardown(the_largest_transfer_fits_the_pieces, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_list_that_leads_to_itself_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(wild_addresses_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_gather_what_is_cut_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
