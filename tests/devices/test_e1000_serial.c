/* Tests of devices/e1000_serial.c: EEPROM and PHY as a driver asks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fake/e1000_card.h"
#include "vmm/bytes.h"

static uint32_t eecd_bit(struct fake_e1000 *f, uint32_t in)
{
	uint32_t select = 1 << 6 | 1 << 1 | in << 2;

	fake_e1000_set(f, E1000_EECD, select);
	fake_e1000_set(f, E1000_EECD, select | 1);
	fake_e1000_set(f, E1000_EECD, select);
	return fake_e1000_get(f, E1000_EECD) >> 3 & 1;
}

static uint16_t eeprom_word(struct fake_e1000 *f, unsigned int address)
{
	uint16_t value = 0;

	fake_e1000_set(f, E1000_EECD, 1 << 6);
	assert_true(fake_e1000_get(f, E1000_EECD) & 1 << 7);
	for (int bit = 8; bit >= 0; bit--)
		eecd_bit(f, (6u << 6 | address) >> bit & 1);
	for (int bit = 0; bit < 16; bit++)
		value = (uint16_t)((uint32_t)value << 1 | eecd_bit(f, 0));
	fake_e1000_set(f, E1000_EECD, 0);
	return value;
}

static void the_eeprom_holds_the_mac_and_a_right_checksum(void **state)
{
	struct fake_e1000 f;
	uint16_t sum = 0;

	(void)state;
	fake_e1000_init(&f);
	for (unsigned int i = 0; i < 64; i++) {
		uint16_t word = eeprom_word(&f, i);

		sum = (uint16_t)(sum + word);
		if (i < 3)
			assert_int_equal(word, load_le16(fake_e1000_mac + 2 * i));
		fake_e1000_set(&f, E1000_EERD, i << 8 | 1);
		assert_int_equal(fake_e1000_get(&f, E1000_EERD) & 0x10, 0x10);
		assert_int_equal(fake_e1000_get(&f, E1000_EERD) >> 16, word);
	}
	assert_int_equal(sum, 0xbaba);
	assert_int_equal(fake_e1000_get(&f, E1000_RA), load_le32(fake_e1000_mac));
	assert_int_equal(fake_e1000_get(&f, E1000_RA + 4),
			 0x80000000u | load_le16(fake_e1000_mac + 4));
	fake_e1000_free(&f);
}

static uint32_t mdic(struct fake_e1000 *f, unsigned int phy, unsigned int number, uint32_t command)
{
	fake_e1000_set(f, E1000_MDIC, phy << 21 | number << 16 | command);
	assert_true(fake_e1000_get(f, E1000_MDIC) & 1 << 28);
	return fake_e1000_get(f, E1000_MDIC);
}

static void the_phy_says_who_it_is_and_how_the_link_is(void **state)
{
	const uint32_t read = 2 << 26, write = 1 << 26;
	struct fake_e1000 f;

	(void)state;
	fake_e1000_init(&f);
	assert_int_equal(mdic(&f, 1, 2, read) & 0xffff, 0x0141);
	assert_int_equal(mdic(&f, 1, 3, read) & 0xffff, 0x0c20);
	assert_true(mdic(&f, 1, 1, read) & 1 << 2);
	assert_true(fake_e1000_get(&f, E1000_STATUS) & STATUS_LU);
	assert_true(mdic(&f, 2, 2, read) & 1 << 30); /* no PHY there */
	assert_true(mdic(&f, 1, 2, 0) & 1 << 30);    /* no such operation */
	mdic(&f, 1, 2, write | 0xffff);		     /* read only */
	assert_int_equal(mdic(&f, 1, 2, read) & 0xffff, 0x0141);
	mdic(&f, 1, 4, write | 0x0001);
	assert_int_equal(mdic(&f, 1, 4, read) & 0xffff, 0x0001);
	mdic(&f, 1, 0, write | 0x8000);
	assert_int_equal(mdic(&f, 1, 4, read) & 0xffff, 0x0de1);
	nic_link_down(&f.nic.nic);
	assert_true(fake_e1000_get(&f, E1000_ICR) & ICR_LSC);
	assert_false(mdic(&f, 1, 1, read) & 1 << 2);
	assert_false(fake_e1000_get(&f, E1000_STATUS) & STATUS_LU);
	fake_e1000_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_eeprom_holds_the_mac_and_a_right_checksum),
		cmocka_unit_test(the_phy_says_who_it_is_and_how_the_link_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
