/* test_uuid.c: UUIDs read, written and reordered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "vmm/util.h"
#include "vmm/uuid.h"

static const char example[] = "00112233-4455-6677-8899-aabbccddeeff";

static void text_becomes_bytes_and_text_again(void **state)
{
	static const uint8_t want[UUID_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
						0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	char text[UUID_TEXT_SIZE];
	struct uuid uuid;

	(void)state;
	assert_int_equal(uuid_parse(&uuid, "00112233-4455-6677-8899-AABBccddEEFF"), 0);
	assert_memory_equal(uuid.bytes, want, sizeof(want));
	uuid_format(&uuid, text);
	assert_string_equal(text, example);
}

static void firmware_order_swaps_the_first_three_fields(void **state)
{
	static const uint8_t want[UUID_SIZE] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
						0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	uint8_t mixed[UUID_SIZE];
	struct uuid uuid, back;

	(void)state;
	assert_int_equal(uuid_parse(&uuid, example), 0);
	uuid_to_mixed_endian(&uuid, mixed);
	assert_memory_equal(mixed, want, sizeof(want));
	uuid_from_mixed_endian(&back, mixed);
	assert_true(uuid_equal(&back, &uuid));
}

static void what_is_no_uuid_is_refused_and_nothing_changed(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"-",
		"00112233",
		"00112233-",
		"00112233445566778899aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"00112233-4455-6677-8899-aabbccddeeff ",
		" 00112233-4455-6677-8899-aabbccddeeff",
		"{00112233-4455-6677-8899-aabbccddeeff}",
		"0011223-34455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899_aabbccddeeff",
		"g0112233-4455-6677-8899-aabbccddeeff",
		"0x112233-4455-6677-8899-aabbccddeeff",
		"+0112233-4455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddee\xff\xff",
	};
	struct uuid uuid, before;

	(void)state;
	assert_int_equal(uuid_parse(&before, example), 0);
	uuid = before;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(uuid_parse(&uuid, texts[i]), -EINVAL);
		assert_true(uuid_equal(&uuid, &before));
	}
}

static void random_ones_are_version_4_and_differ(void **state)
{
	struct uuid a, b;

	(void)state;
	assert_int_equal(uuid_random(&a), 0);
	assert_int_equal(uuid_random(&b), 0);
	assert_int_equal(uuid_version(&a), 4);
	assert_int_equal(uuid_version(&b), 4);
	assert_false(uuid_equal(&a, &b));
}

static void nil_and_max_are_told_from_their_neighbours(void **state)
{
	static const struct {
		const char *text;
		bool nobodys;
	} cases[] = {
		{"00000000-0000-0000-0000-000000000000", true},
		{"ffffffff-ffff-ffff-ffff-ffffffffffff", true},
		{"00000000-0000-0000-0000-000000000001", false},
		{"ffffffff-ffff-ffff-ffff-fffffffffffe", false},
		{"11111111-1111-1111-1111-111111111111", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct uuid uuid;

		assert_int_equal(uuid_parse(&uuid, cases[i].text), 0);
		assert_int_equal(uuid_is_nil_or_max(&uuid), cases[i].nobodys);
	}
}

static void versions_count_in_their_variant_only(void **state)
{
	static const struct {
		const char *text;
		unsigned int version;
	} cases[] = {
		{"00112233-4455-4677-8899-aabbccddeeff", 4},
		{"00112233-4455-1677-b899-aabbccddeeff", 1},
		{"00112233-4455-4677-0899-aabbccddeeff", 0},
		{"00112233-4455-4677-c899-aabbccddeeff", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct uuid uuid;

		assert_int_equal(uuid_parse(&uuid, cases[i].text), 0);
		assert_int_equal(uuid_version(&uuid), cases[i].version);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_bytes_and_text_again),
		cmocka_unit_test(firmware_order_swaps_the_first_three_fields),
		cmocka_unit_test(what_is_no_uuid_is_refused_and_nothing_changed),
		cmocka_unit_test(random_ones_are_version_4_and_differ),
		cmocka_unit_test(nil_and_max_are_told_from_their_neighbours),
		cmocka_unit_test(versions_count_in_their_variant_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
