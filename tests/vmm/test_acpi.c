/*
 * test_acpi.c: the tables as a kernel walks them: RSDP, XSDT, every checksum, every field it acts
 * on. With TEST_OUT set to a directory each table is left there too, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/fake/keep.h"
#include "vmm/arch/x86/acpi.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

static uint8_t buf[LAYOUT_ACPI_END - LAYOUT_ACPI + 4096];
static int used;

static const struct acpi_device devices[] = {
	{.name = "COM1",
	 .hid = "PNP0501",
	 .ports = {{PORT_COM1, 8}},
	 .irq = ACPI_IRQ_EDGE,
	 .gsi = GSI_COM1},
	{.name = "RTC_",
	 .hid = "PNP0B00",
	 .ports = {{PORT_RTC, 2}},
	 .irq = ACPI_IRQ_EDGE,
	 .gsi = GSI_RTC},
	{.name = "KBD_",
	 .hid = "PNP0303",
	 .ports = {{PORT_I8042, 1}, {PORT_I8042 + 4, 1}},
	 .irq = ACPI_IRQ_EDGE,
	 .gsi = 1},
	{.name = "PANC", .hid = "QEMU0001", .ports = {{PORT_PVPANIC, 1}}},
	{.name = "VIO0",
	 .hid = "LNRO0005",
	 .mmio_base = LAYOUT_VIRTIO_MMIO_BASE,
	 .mmio_size = LAYOUT_VIRTIO_MMIO_STRIDE,
	 .irq = ACPI_IRQ_LEVEL,
	 .gsi = GSI_PCI,
	 .dma = true},
	{.name = "VIO1",
	 .hid = "LNRO0005",
	 .uid = 1,
	 .mmio_base = LAYOUT_VIRTIO_MMIO_BASE + LAYOUT_VIRTIO_MMIO_STRIDE,
	 .mmio_size = LAYOUT_VIRTIO_MMIO_STRIDE,
	 .irq = ACPI_IRQ_LEVEL,
	 .gsi = GSI_PCI + 1,
	 .dma = true},
};

#define PCI_BUS                                                                 \
	{                                                                       \
		.present = true, .io = {PORT_PCI_WINDOW, PORT_PCI_WINDOW_SIZE}, \
		.mem32 = {LAYOUT_MMIO_BASE, LAYOUT_MMIO_SIZE},                  \
		.mem64 = {0x240000000, LAYOUT_HIGH_MMIO_SIZE},                  \
	}

static const struct acpi_config reduced = {
	.ncpus = 2,
	.legacy_devices = true,
	.generation = true,
	.pci = PCI_BUS,
	.devices = devices,
	.ndevices = ARRAY_SIZE(devices),
};

static const struct acpi_config classic = {
	.ncpus = 2,
	.classic = true,
	.legacy_devices = true,
	.pci = PCI_BUS,
	.devices = devices,
	.ndevices = 3,
};

static const struct acpi_config bare = {.ncpus = 1};

static void build(const struct acpi_config *config)
{
	used = acpi_build(config, buf, LAYOUT_ACPI_END - LAYOUT_ACPI);
	assert_true(used > 0);
}

static uint8_t sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	while (len-- > 0)
		total = (uint8_t)(total + *bytes++);
	return total;
}

/* What stands at a guest address, with at least len bytes behind it. */
static const uint8_t *at(uint64_t address, size_t len)
{
	assert_in_range(address, LAYOUT_ACPI, LAYOUT_ACPI + (unsigned int)used - len);
	return buf + (address - LAYOUT_ACPI);
}

static const uint8_t *check_table(uint64_t address, const char *signature)
{
	const uint8_t *table = at(address, 36);

	assert_memory_equal(table, signature, 4);
	assert_int_equal(sum(at(address, load_le32(table + 4)), load_le32(table + 4)), 0);
	assert_memory_equal(table + 10, "MINVMMMINIVMM ", 14);
	return table;
}

/* The XSDT's table with that signature, or NULL. */
static const uint8_t *find_table(const char *signature)
{
	const uint8_t *xsdt = check_table(load_le64(buf + 24), "XSDT");

	for (uint32_t i = 36; i < load_le32(xsdt + 4); i += 8) {
		const uint8_t *table = at(load_le64(xsdt + i), 36);

		if (memcmp(table, signature, 4) == 0)
			return check_table(load_le64(xsdt + i), signature);
	}
	return NULL;
}

static const uint8_t *find_dsdt(void)
{
	return check_table(load_le64(find_table("FACP") + 140), "DSDT");
}

static bool contains(const uint8_t *table, const void *bytes, size_t len)
{
	return memmem(table, load_le32(table + 4), bytes, len) != NULL;
}

static void keep_table(const char *variant, const uint8_t *table)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%.4s.aml", variant, (const char *)table);
	keep_file(name, 0, table, load_le32(table + 4));
}

static void keep_tables(const char *variant)
{
	uint32_t facs = load_le32(find_table("FACP") + 36);

	keep_table(variant, find_dsdt());
	keep_table(variant, find_table("FACP"));
	keep_table(variant, find_table("APIC"));
	keep_table(variant, check_table(load_le64(buf + 24), "XSDT"));
	if (find_table("MCFG"))
		keep_table(variant, find_table("MCFG"));
	if (facs)
		keep_table(variant, at(facs, 64));
}

static void every_table_is_found_from_the_rsdp(void **state)
{
	static const struct {
		const char *name;
		const struct acpi_config *config;
		bool facs, mcfg;
	} cases[] = {
		{"reduced", &reduced, false, true},
		{"classic", &classic, true, true},
		{"bare", &bare, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		build(cases[i].config);
		assert_memory_equal(buf, "RSD PTR ", 8);
		assert_int_equal(buf[15], 2);
		assert_int_equal(sum(buf, 20), 0);
		assert_int_equal(sum(buf, 36), 0);
		assert_non_null(find_table("APIC"));
		assert_non_null(find_dsdt());
		assert_int_equal(find_table("MCFG") != NULL, cases[i].mcfg);
		assert_int_equal(load_le32(find_table("FACP") + 36) != 0, cases[i].facs);
		assert_int_equal(load_le32(find_table("FACP") + 40),
				 load_le64(find_table("FACP") + 140));
		keep_tables(cases[i].name);
	}
}

static void assert_port(const uint8_t *gas, unsigned int bits, unsigned int port)
{
	assert_int_equal(gas[0], 1); /* I/O space */
	assert_int_equal(gas[1], bits);
	assert_int_equal(gas[2], 0);
	assert_int_equal(load_le64(gas + 4), port);
}

static void reduced_hardware_has_sleep_registers_and_no_fixed_ones(void **state)
{
	const uint8_t *fadt;

	(void)state;
	build(&reduced);
	fadt = find_table("FACP");
	assert_int_equal(fadt[8], 6);
	assert_int_equal(fadt[131], 3);
	assert_int_equal(load_le32(fadt + 112), 0x100575);
	assert_int_equal(load_le16(fadt + 109), 0x04); /* no VGA; the 8042 is not mentioned */
	assert_int_equal(fadt[108], 0x32);
	assert_port(fadt + 116, 8, PORT_RESET);
	assert_int_equal(fadt[128], 1);
	assert_port(fadt + 208, 32, PORT_PM_TIMER);
	assert_int_equal(fadt[91], 4);
	assert_port(fadt + 244, 8, PORT_SLEEP_CONTROL);
	assert_port(fadt + 256, 8, PORT_SLEEP_STATUS);
	assert_int_equal(load_le16(fadt + 46), 0);
	assert_int_equal(load_le32(fadt + 56), 0);
	assert_int_equal(fadt[88], 0);
}

static void classic_hardware_has_pm1_registers_facs_and_sci(void **state)
{
	const uint8_t *fadt, *facs;

	(void)state;
	build(&classic);
	fadt = find_table("FACP");
	assert_int_equal(load_le32(fadt + 112), 0x565); /* fixed power button, not reduced */
	assert_int_equal(load_le16(fadt + 109), 0x07);
	assert_int_equal(load_le16(fadt + 46), 9);
	assert_int_equal(load_le32(fadt + 48), 0); /* no SMI command: ACPI is on already */
	assert_int_equal(load_le32(fadt + 56), PORT_PM1A_EVENT);
	assert_int_equal(load_le32(fadt + 64), PORT_PM1A_CONTROL);
	assert_int_equal(load_le32(fadt + 76), PORT_PM_TIMER);
	assert_int_equal(fadt[88], 4);
	assert_int_equal(fadt[89], 2);
	assert_port(fadt + 148, 32, PORT_PM1A_EVENT);
	assert_port(fadt + 172, 16, PORT_PM1A_CONTROL);
	assert_port(fadt + 116, 8, PORT_RESET);
	assert_int_equal(load_le64(fadt + 248), 0);
	facs = at(load_le32(fadt + 36), 64);
	assert_memory_equal(facs, "FACS", 4);
	assert_int_equal(load_le32(facs + 4), 64);
	assert_int_equal((facs - buf) % 64, 0);
}

static void a_machine_without_clock_says_so(void **state)
{
	(void)state;
	build(&bare);
	assert_int_equal(load_le16(find_table("FACP") + 109), 0x24);
	assert_int_equal(find_table("FACP")[108], 0);
}

/* Counts MADT entries of a type; every entry's length is followed. */
static unsigned int count_entries(const uint8_t *madt, uint8_t type, const uint8_t **last)
{
	uint32_t end = load_le32(madt + 4), i = 44;
	unsigned int n = 0;

	while (i < end) {
		if (madt[i] == type) {
			*last = madt + i;
			n++;
		}
		assert_in_range(madt[i + 1], 2, end - i);
		i += madt[i + 1];
	}
	return n;
}

static void every_cpu_has_its_interrupt_controller(void **state)
{
	static const unsigned int counts[] = {1, 2, 64, 254, 255};
	const uint8_t *madt, *last;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct acpi_config config = reduced;

		config.ncpus = counts[i];
		build(&config);
		madt = find_table("APIC");
		assert_int_equal(count_entries(madt, 0, &last), counts[i]);
		assert_int_equal(last[3], counts[i] - 1);
		assert_int_equal(load_le32(last + 4), 1);
		assert_int_equal(count_entries(madt, 1, &last), 1);
		assert_int_equal(load_le32(last + 4), LAYOUT_IOAPIC);
		assert_int_equal(count_entries(madt, 4, &last), 1);
		assert_int_equal(last[2], 255);
		assert_int_equal(last[5], 1);
	}
}

static void interrupts_are_overridden_where_a_pic_is(void **state)
{
	const uint8_t *madt, *last;

	(void)state;
	build(&reduced);
	madt = find_table("APIC");
	assert_int_equal(load_le32(madt + 36), LAYOUT_LAPIC);
	assert_int_equal(load_le32(madt + 40), 0);
	assert_int_equal(count_entries(madt, 2, &last), 0);

	build(&classic);
	madt = find_table("APIC");
	assert_int_equal(load_le32(madt + 40), 1);
	assert_int_equal(count_entries(madt, 2, &last), 2);
	assert_int_equal(last[3], 9);
	assert_int_equal(load_le32(last + 4), 9);
	assert_int_equal(load_le16(last + 8), 0x0d);
	assert_memory_equal(last - 10, "\x02\x0a\x00\x00\x02\x00\x00\x00\x00\x00", 10);
}

static void configuration_space_is_told_and_reserved(void **state)
{
	static const uint8_t reserved[] = {0x86, 0x09, 0x00, 0x01, 0x00, 0x00,
					   0x00, 0xe8, 0x00, 0x00, 0x10, 0x00};
	const uint8_t *mcfg;

	(void)state;
	build(&reduced);
	mcfg = find_table("MCFG");
	assert_int_equal(load_le32(mcfg + 4), 60);
	assert_int_equal(load_le64(mcfg + 44), LAYOUT_ECAM_BASE);
	assert_memory_equal(mcfg + 52, "\0\0\0\0", 4); /* segment 0, bus 0 to 0 */
	assert_true(contains(find_dsdt(), reserved, sizeof(reserved)));
}

static void options_decide_what_the_dsdt_names(void **state)
{
	static const struct {
		const char *name;
		bool reduced, classic, bare;
	} cases[] = {
		{"_S5_", true, true, true},	  {"COM1", true, true, false},
		{"KBD_", true, true, false},	  {"LNRO0005", true, false, false},
		{"QEMU0001", true, false, false}, {"PCI0", true, true, false},
		{"_PRT", true, true, false},	  {"ACPI0013", true, false, true},
		{"PWRB", true, false, true},	  {"VMGENCTR", true, false, false},
		{"AMZNC10C", true, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = strlen(cases[i].name);

		build(&reduced);
		assert_int_equal(contains(find_dsdt(), cases[i].name, len), cases[i].reduced);
		build(&classic);
		assert_int_equal(contains(find_dsdt(), cases[i].name, len), cases[i].classic);
		build(&bare);
		assert_int_equal(contains(find_dsdt(), cases[i].name, len), cases[i].bare);
	}
}

static void the_generation_id_is_where_the_layout_puts_it(void **state)
{
	static const uint8_t want[] = {'A',  'D',  'D',	 'R',  0x12, 0x08, 0x02,
				       0x0c, 0x00, 0x10, 0x0d, 0x00, 0x00};

	(void)state;
	build(&reduced);
	assert_true(contains(find_dsdt(), want, sizeof(want)));
}

static void too_small_a_buffer_is_refused_and_never_left(void **state)
{
	static const uint8_t guard[64] = {[0 ... 63] = 0xa5};
	int need;

	(void)state;
	build(&reduced);
	need = used;
	for (int size = 0; size < need; size++) {
		memset(buf + size, 0xa5, sizeof(guard));
		assert_int_equal(acpi_build(&reduced, buf, (size_t)size), -ENOSPC);
		assert_memory_equal(buf + size, guard, sizeof(guard));
	}
	assert_int_equal(acpi_build(&reduced, buf, (size_t)need), need);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_is_found_from_the_rsdp),
		cmocka_unit_test(reduced_hardware_has_sleep_registers_and_no_fixed_ones),
		cmocka_unit_test(classic_hardware_has_pm1_registers_facs_and_sci),
		cmocka_unit_test(a_machine_without_clock_says_so),
		cmocka_unit_test(every_cpu_has_its_interrupt_controller),
		cmocka_unit_test(interrupts_are_overridden_where_a_pic_is),
		cmocka_unit_test(configuration_space_is_told_and_reserved),
		cmocka_unit_test(options_decide_what_the_dsdt_names),
		cmocka_unit_test(the_generation_id_is_where_the_layout_puts_it),
		cmocka_unit_test(too_small_a_buffer_is_refused_and_never_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
