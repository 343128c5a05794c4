/* test_aml.c: the AML writer against bytes worked out by hand from ACPI 6.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "vmm/arch/x86/aml.h"
#include "vmm/util.h"

static uint8_t buf[1 << 21];
static struct aml aml;

static int setup(void **state)
{
	(void)state;
	aml_init(&aml, buf, sizeof(buf));
	return 0;
}

static void assert_written(const void *want, size_t len)
{
	assert_int_equal(aml_finish(&aml), len);
	assert_memory_equal(buf, want, len);
}

static void integers_take_the_shortest_form(void **state)
{
	static const uint8_t want[] = {0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff, 0x0b, 0x00,
				       0x01, 0x0b, 0xff, 0xff, 0x0c, 0x00, 0x00, 0x01,
				       0x00, 0x0c, 0xff, 0xff, 0xff, 0xff, 0x0e, 0x00,
				       0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00};

	(void)state;
	aml_integer(&aml, 0);
	aml_integer(&aml, 1);
	aml_integer(&aml, 2);
	aml_integer(&aml, 0xff);
	aml_integer(&aml, 0x100);
	aml_integer(&aml, 0xffff);
	aml_integer(&aml, 0x10000);
	aml_integer(&aml, 0xffffffff);
	aml_integer(&aml, 0x100000000);
	assert_written(want, sizeof(want));
}

/* Scope (\_SB) { Device (GED) with one edge interrupt whose method notifies a second device }. */
static void an_event_device_is_the_one_encoded_by_hand(void **state)
{
	static const uint8_t want[] = {
		0x10, 0x4c, 0x04, 0x5c, '_',  'S',  'B',  '_',	0x5b, 0x82, 0x43, 0x04, 'G',
		'E',  'D',  '_',  0x08, '_',  'H',  'I',  'D',	0x0d, 'A',  'C',  'P',	'I',
		'0',  '0',  '1',  '3',	0x00, 0x08, '_',  'C',	'R',  'S',  0x11, 0x0e, 0x0a,
		0x0b, 0x89, 0x06, 0x00, 0x03, 0x01, 0x0b, 0x00, 0x00, 0x00, 0x79, 0x00, 0x14,
		0x19, '_',  'E',  'V',	'T',  0x09, 0xa0, 0x12, 0x93, 0x68, 0x0a, 0x0b, 0x86,
		0x5c, 0x2e, '_',  'S',	'B',  '_',  'V',  'G',	'E',  'N',  0x0a, 0x80,
	};

	(void)state;
	aml_scope(&aml, "\\_SB_");
	aml_device(&aml, "GED_");
	aml_name_id(&aml, "_HID", "ACPI0013");
	aml_crs(&aml);
	aml_interrupt(&aml, 11, AML_IRQ_EDGE);
	aml_crs_end(&aml);
	aml_method(&aml, "_EVT", 1);
	aml_if_arg0_equals(&aml, 11);
	aml_notify(&aml, "\\_SB_.VGEN", 0x80);
	aml_end(&aml);
	aml_end(&aml);
	aml_end(&aml);
	aml_end(&aml);
	assert_written(want, sizeof(want));
}

static void ids_of_eisa_form_are_compressed_and_others_are_text(void **state)
{
	static const uint8_t want[] = {0x08, '_',  'H',	 'I', 'D', 0x0c, 0x41, 0xd0,
				       0x0a, 0x08, 0x08, '_', 'C', 'I',	 'D',  0x0d,
				       'V',  'M',  'C',	 'L', 'O', 'C',	 'K',  0x00};

	(void)state;
	aml_name_id(&aml, "_HID", "PNP0A08");
	aml_name_id(&aml, "_CID", "VMCLOCK"); /* seven characters, but no digits */
	assert_written(want, sizeof(want));
}

static void windows_are_as_wide_as_they_need(void **state)
{
	static const uint8_t want[] = {
		/* WordBusNumber 0-0 */
		0x88, 0x0d, 0x00, 0x02, 0x0c, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		/* WordIO 0x1000-0xffff */
		0x88, 0x0d, 0x00, 0x01, 0x0c, 0x03, 0, 0, 0x00, 0x10, 0xff, 0xff, 0, 0, 0x00, 0xf0,
		/* DWordMemory 0xc0000000-0xdfffffff */
		0x87, 0x17, 0x00, 0x00, 0x0c, 0x01, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff, 0xff,
		0xdf, 0, 0, 0, 0, 0, 0, 0, 0x20,
		/* QWordMemory 0x100000000-0x4ffffffff */
		0x8a, 0x2b, 0x00, 0x00, 0x0c, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0,
		0};

	(void)state;
	aml_window(&aml, AML_WINDOW_BUS, 0, 1);
	aml_window(&aml, AML_WINDOW_IO, 0x1000, 0xf000);
	aml_window(&aml, AML_WINDOW_MEMORY, 0xc0000000, 0x20000000);
	aml_window(&aml, AML_WINDOW_MEMORY, 0x100000000, 0x400000000);
	assert_written(want, sizeof(want));
}

/* 20.2.4: what a package length of len bytes in front of content says. */
static size_t decode_length(const uint8_t *at, unsigned int *bytes)
{
	size_t len = at[0] & 0xf;

	*bytes = 1 + (at[0] >> 6);
	if (*bytes == 1)
		return at[0];
	for (unsigned int i = 1; i < *bytes; i++)
		len |= (size_t)at[i] << (8 * i - 4);
	return len;
}

static void lengths_count_themselves_at_each_width(void **state)
{
	static const size_t texts[] = {0,	1,	 55,	  56,	   57,	    58,
				       59,	60,	 4000,	  4086,	   4087,    4088,
				       4089,	4090,	 65000,	  1048561, 1048562, 1048563,
				       1048564, 1048565, 1048566, 1500000};
	static char text[1500001];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		unsigned int width;

		setup(state);
		memset(text, 'x', texts[i]);
		text[texts[i]] = 0;
		aml_package(&aml, 1);
		aml_string(&aml, text);
		aml_end(&aml);
		assert_int_equal(aml_finish(&aml), 1 + decode_length(buf + 1, &width));
		assert_int_equal(aml_finish(&aml), 1 + width + 1 + 1 + texts[i] + 1);
		assert_int_equal(buf[1 + width], 1);
		assert_memory_equal(buf + 1 + width + 2, text, texts[i] + 1);
	}
}

static void too_small_a_buffer_is_told_at_the_end_and_never_left(void **state)
{
	static const uint8_t guard[64] = {[0 ... 63] = 0xa5};
	size_t need = 0;

	(void)state;
	for (size_t size = 0; size <= 80; size++) {
		int used;

		memset(buf, 0xa5, 256);
		aml_init(&aml, buf, size);
		aml_device(&aml, "DEV_");
		aml_name_id(&aml, "_HID", "PNP0501");
		aml_crs(&aml);
		aml_io(&aml, 0x3f8, 8);
		aml_memory32(&aml, 0xe9000000, 0x1000);
		aml_interrupt(&aml, 4, 0);
		aml_crs_end(&aml);
		aml_end(&aml);
		used = aml_finish(&aml);
		assert_memory_equal(buf + size, guard, sizeof(guard));
		if (used < 0) {
			assert_int_equal(used, -ENOSPC);
			assert_int_equal(need, 0);
		} else if (need == 0) {
			need = size;
			assert_int_equal(used, size);
		}
	}
	assert_int_not_equal(need, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(integers_take_the_shortest_form, setup),
		cmocka_unit_test_setup(an_event_device_is_the_one_encoded_by_hand, setup),
		cmocka_unit_test_setup(ids_of_eisa_form_are_compressed_and_others_are_text, setup),
		cmocka_unit_test_setup(windows_are_as_wide_as_they_need, setup),
		cmocka_unit_test_setup(lengths_count_themselves_at_each_width, setup),
		cmocka_unit_test_setup(too_small_a_buffer_is_told_at_the_end_and_never_left, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
