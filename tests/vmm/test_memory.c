/* test_memory.c: memory_range() is the one address check. */
#include "vmm/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util.h"

static int two_regions(void **state)
{
	static struct guest_memory mem;

	mem = (struct guest_memory){0};
	assert_int_equal(memory_add(&mem, 0x100000000, 0x200000), 0);
	assert_int_equal(memory_add(&mem, 0, 0x100000), 0);
	*state = &mem;
	return 0;
}

static int release(void **state)
{
	memory_free(*state);
	return 0;
}

static void ranges_inside_ram_are_given(void **state)
{
	struct guest_memory *mem = *state;
	uint8_t *low = memory_range(mem, 0, 0x100000, MEMORY_WRITE);
	uint8_t *high = memory_range(mem, 0x100000000, 0x200000, MEMORY_WRITE);

	assert_non_null(low);
	assert_non_null(high);
	assert_ptr_equal(memory_range(mem, 0xfffff, 1, MEMORY_READ), low + 0xfffff);
	assert_ptr_equal(memory_range(mem, 0x100000010, 16, MEMORY_READ), high + 16);
	assert_int_equal(memory_total(mem), 0x300000);
}

static void ranges_not_wholly_inside_one_region_are_refused(void **state)
{
	static const struct {
		gpa_t gpa;
		uint64_t len;
	} bad[] = {
		{0, 0},			   /* empty */
		{0, 0x100001},		   /* one byte too long */
		{0xfffff, 2},		   /* the last byte outside */
		{0x100000, 1},		   /* right behind */
		{0xffffffff, 1},	   /* right before */
		{0xffffffff, 2},	   /* across the start */
		{0, 0x100000001},	   /* from one region into the other */
		{0x1001fffff, 2},	   /* across the end */
		{0, UINT64_MAX},	   /* the length alone wraps */
		{1, UINT64_MAX},	   /* the sum wraps to 0 */
		{0x100000000, UINT64_MAX}, /* and from high memory */
		{UINT64_MAX, 1},	   /* the last address there is */
		{UINT64_MAX, UINT64_MAX},  /* both */
	};
	uint8_t byte;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(memory_range(*state, bad[i].gpa, bad[i].len, MEMORY_READ));
	assert_int_equal(memory_read(*state, 0x100000, &byte, 1), -EFAULT);
	assert_int_equal(memory_write(*state, 0x100000, &byte, 1), -EFAULT);
}

static void reads_see_what_was_written(void **state)
{
	uint32_t value = 0x12345678;

	assert_int_equal(memory_write(*state, 0xffffc, &value, sizeof(value)), 0);
	value = 0;
	assert_int_equal(memory_read(*state, 0xffffc, &value, sizeof(value)), 0);
	assert_int_equal(value, 0x12345678);
}

static void zeroed_memory_reads_as_zeroes_to_the_byte(void **state)
{
	static const struct {
		gpa_t gpa;
		uint64_t len;
	} cases[] = {{0x1000, 0x2000}, {0x1001, 0x10},	{0x1fff, 2}, {0x1001, 0x3000},
		     {0x1000, 1},      {0x2001, 0xfff}, {0xfffff, 1}};
	struct guest_memory *mem = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *ram = memory_range(mem, 0, 0x100000, MEMORY_WRITE);

		memset(ram, 0xa5, 0x100000);
		assert_int_equal(memory_zero(mem, cases[i].gpa, cases[i].len), 0);
		for (uint64_t at = 0; at < 0x100000; at++)
			assert_int_equal(ram[at], at - cases[i].gpa < cases[i].len ? 0 : 0xa5);
	}
	assert_int_equal(memory_zero(mem, 0xfffff, 2), -EFAULT);
	assert_int_equal(memory_zero(mem, 0, 0), -EFAULT);
}

static void regions_that_make_no_sense_are_refused(void **state)
{
	struct guest_memory *mem = *state;

	assert_int_equal(memory_add(mem, 0x200000, 0), -EINVAL);
	assert_int_equal(memory_add(mem, 0x200001, 0x1000), -EINVAL);
	assert_int_equal(memory_add(mem, 0x200000, 0x1001), -EINVAL);
	assert_int_equal(memory_add(mem, UINT64_MAX - 0xfff, 0x2000), -EINVAL);
	assert_int_equal(memory_add(mem, 0xff000, 0x2000), -EEXIST);
	assert_int_equal(memory_add(mem, 0x200000, UINT64_MAX - 0x200fff), -EEXIST);
	assert_int_equal(mem->nregions, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ranges_inside_ram_are_given, two_regions, release),
		cmocka_unit_test_setup_teardown(ranges_not_wholly_inside_one_region_are_refused,
						two_regions, release),
		cmocka_unit_test_setup_teardown(reads_see_what_was_written, two_regions, release),
		cmocka_unit_test_setup_teardown(zeroed_memory_reads_as_zeroes_to_the_byte,
						two_regions, release),
		cmocka_unit_test_setup_teardown(regions_that_make_no_sense_are_refused, two_regions,
						release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
