/*
 * test_smbios.c: the structures as a kernel scans them. With TEST_OUT set to a directory, the first
 * MiB of memory with tables in it is left there too, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "tests/fake/keep.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/arch/x86/smbios.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

#define EXAMPLE "00112233-4455-4677-8899-aabbccddeeff"
#define GIB (1ull << 30)

static uint8_t buf[LAYOUT_SMBIOS_END - LAYOUT_SMBIOS + 4096];
static int used;
static struct identity identity;

static const struct guest_memory small = {.nregions = 1, .regions = {{.size = 512 << 20}}};
static const struct guest_memory split = {
	.nregions = 2, .regions = {{.size = 3 * GIB}, {.base = 4 * GIB, .size = 5 * GIB}}};
static const struct guest_memory huge = {
	.nregions = 2, .regions = {{.size = 3 * GIB}, {.base = 4 * GIB, .size = 8189 * GIB}}};

static const char *const oem[] = {"io.systemd.credential:a=1", "second"};

static struct smbios_config example(void)
{
	return (struct smbios_config){
		.identity = &identity,
		.virtual_machine = true,
		.ncpus = 4,
		.cpu_signature = 0x000806f8,
		.cpu_features = 0xbfebfbff,
		.cpu_vendor = "GenuineIntel",
		.cpu_name = "A CPU",
		.mem = &small,
		.oem_strings = oem,
		.noem_strings = ARRAY_SIZE(oem),
	};
}

static int setup(void **state)
{
	(void)state;
	return identity_create(&identity, &(struct identity_options){.uuid = EXAMPLE});
}

static void build(const struct smbios_config *config)
{
	used = smbios_build(config, buf, LAYOUT_SMBIOS_END - LAYOUT_SMBIOS);
	assert_true(used > 0);
}

/* The structure's end: behind the NUL that closes its strings. */
static const uint8_t *next(const uint8_t *structure)
{
	const uint8_t *at = structure + structure[1];

	while (at[0] || at[1])
		at++;
	return at + 2;
}

/* The n-th structure of a type, or NULL. */
static const uint8_t *find(uint8_t type, unsigned int n)
{
	const uint8_t *at = buf + 24;

	while (at < buf + used) {
		if (at[0] == type && n-- == 0)
			return at;
		at = next(at);
	}
	assert_ptr_equal(at, buf + used);
	return NULL;
}

static const char *text(const uint8_t *structure, unsigned int offset)
{
	const char *at = (const char *)structure + structure[1];

	assert_int_not_equal(structure[offset], 0);
	for (unsigned int i = 1; i < structure[offset]; i++)
		at += strlen(at) + 1;
	return at;
}

/* With what a scan finds behind it, as in the first MiB of memory. */
static void keep_memory(const char *name)
{
	keep_file(name, LAYOUT_SMBIOS, buf, LAYOUT_HIGH_MEMORY - LAYOUT_SMBIOS);
}

static void the_entry_point_is_the_one_worked_out_by_hand(void **state)
{
	static const uint8_t want[] = {'_', 'S', 'M', '3', '_',	 0,    0x18, 3, 1, 0, 1, 0,
				       0,   0,	 0,   0,   0x18, 0x00, 0x0f, 0, 0, 0, 0, 0};
	struct smbios_config config = example();
	uint8_t sum = 0;

	(void)state;
	build(&config);
	for (unsigned int i = 0; i < 24; i++)
		sum = (uint8_t)(sum + buf[i]);
	assert_int_equal(sum, 0);
	assert_int_equal(load_le32(buf + 12), used - 24);
	buf[5] = 0;
	store_le32(buf + 12, 0);
	assert_memory_equal(buf, want, sizeof(want));
}

static void all_structures_are_there_once_and_end_with_127(void **state)
{
	static const uint8_t types[] = {0, 1, 2, 3, 4, 11, 16, 17, 19, 32, 127};
	struct smbios_config config = example();

	(void)state;
	build(&config);
	keep_memory("smbios-small.bin");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_non_null(find(types[i], 0));
		assert_null(find(types[i], 1));
	}
	assert_ptr_equal(next(find(127, 0)), buf + used);
}

static void handles_are_unique_and_references_resolve(void **state)
{
	struct smbios_config config = example();
	bool seen[1 << 16] = {false};

	(void)state;
	config.mem = &split;
	build(&config);
	for (const uint8_t *at = buf + 24; at < buf + used; at = next(at)) {
		assert_false(seen[load_le16(at + 2)]);
		seen[load_le16(at + 2)] = true;
	}
	assert_int_equal(load_le16(find(2, 0) + 0x0b), load_le16(find(3, 0) + 2));
	assert_int_equal(load_le16(find(17, 0) + 0x04), load_le16(find(16, 0) + 2));
	assert_int_equal(load_le16(find(19, 0) + 0x0c), load_le16(find(16, 0) + 2));
	assert_int_equal(load_le16(find(19, 1) + 0x0c), load_le16(find(16, 0) + 2));
}

static void the_system_is_the_identity(void **state)
{
	static const uint8_t uuid[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x46,
				       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct smbios_config config = example();

	(void)state;
	build(&config);
	assert_memory_equal(find(1, 0) + 8, uuid, sizeof(uuid));
	assert_string_equal(text(find(1, 0), 4), "minivmm");
	assert_string_equal(text(find(1, 0), 7), EXAMPLE);
	assert_string_equal(text(find(2, 0), 7), identity.board_serial);
	assert_string_equal(text(find(3, 0), 7), identity.chassis_serial);
}

static void a_machine_says_that_it_is_virtual_or_does_not(void **state)
{
	struct smbios_config config = example();

	(void)state;
	build(&config);
	assert_string_equal(text(find(1, 0), 5), "KVM minivmm");
	assert_int_equal(find(0, 0)[0x13], 0x14);
	config.virtual_machine = false;
	build(&config);
	keep_memory("smbios-unaware.bin");
	assert_string_equal(text(find(1, 0), 5), "PC");
	assert_int_equal(find(0, 0)[0x13], 0x04);
	assert_null(memmem(buf, (size_t)used, "KVM", 3));
}

static void processors_are_cores_of_one_socket(void **state)
{
	static const struct {
		unsigned int ncpus;
		uint8_t small;
	} cases[] = {{1, 1}, {4, 4}, {254, 254}, {255, 255}, {300, 255}};
	struct smbios_config config = example();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint8_t *cpu;

		config.ncpus = cases[i].ncpus;
		build(&config);
		cpu = find(4, 0);
		assert_int_equal(load_le32(cpu + 8), 0x000806f8);
		assert_int_equal(load_le32(cpu + 12), 0xbfebfbff);
		assert_int_equal(cpu[0x23], cases[i].small);
		assert_int_equal(cpu[0x25], cases[i].small);
		assert_int_equal(load_le16(cpu + 0x2a), cases[i].ncpus);
		assert_int_equal(load_le16(cpu + 0x2e), cases[i].ncpus);
	}
}

static void cpu_names_may_be_missing(void **state)
{
	struct smbios_config config = example();

	(void)state;
	config.cpu_vendor = NULL;
	config.cpu_name = "";
	config.noem_strings = 0;
	build(&config);
	keep_memory("smbios-bare.bin");
	assert_int_equal(find(4, 0)[0x07], 0);
	assert_int_equal(find(4, 0)[0x10], 0);
	assert_null(find(11, 0));
}

static void memory_is_told_at_each_width(void **state)
{
	struct smbios_config config = example();

	(void)state;
	build(&config);
	assert_int_equal(load_le32(find(16, 0) + 7), 512 << 10);
	assert_int_equal(load_le16(find(17, 0) + 0x0c), 512);
	assert_int_equal(load_le32(find(19, 0) + 8), (512 << 10) - 1);

	config.mem = &split;
	build(&config);
	keep_memory("smbios-split.bin");
	assert_int_equal(load_le32(find(16, 0) + 7), 8 << 20);
	assert_int_equal(load_le16(find(17, 0) + 0x0c), 8192);
	assert_int_equal(load_le32(find(19, 0) + 4), 0);
	assert_int_equal(load_le32(find(19, 0) + 8), (3 << 20) - 1);
	assert_int_equal(load_le32(find(19, 1) + 4), 4 << 20);
	assert_int_equal(load_le32(find(19, 1) + 8), (9 << 20) - 1);

	config.mem = &huge;
	build(&config);
	keep_memory("smbios-huge.bin");
	assert_int_equal(load_le32(find(16, 0) + 7), 0x80000000);
	assert_int_equal(load_le64(find(16, 0) + 0x0f), 8192 * GIB);
	assert_int_equal(load_le16(find(17, 0) + 0x0c), 0x7fff);
	assert_int_equal(load_le32(find(17, 0) + 0x1c), 8 << 20);
	assert_int_equal(load_le32(find(19, 1) + 4), UINT32_MAX);
	assert_int_equal(load_le64(find(19, 1) + 0x0f), 4 * GIB);
	assert_int_equal(load_le64(find(19, 1) + 0x17), 8193 * GIB - 1);
}

static void oem_strings_keep_their_order(void **state)
{
	struct smbios_config config = example();
	const char *strings;

	(void)state;
	build(&config);
	assert_int_equal(find(11, 0)[4], 2);
	strings = (const char *)find(11, 0) + 5;
	assert_string_equal(strings, oem[0]);
	assert_string_equal(strings + strlen(oem[0]) + 1, oem[1]);
}

/* stderr is closed around calls that log what the test provokes. */
static int build_quietly(const struct smbios_config *config)
{
	int saved = dup(STDERR_FILENO), result;

	close(STDERR_FILENO);
	result = smbios_build(config, buf, LAYOUT_SMBIOS_END - LAYOUT_SMBIOS);
	dup2(saved, STDERR_FILENO);
	close(saved);
	return result;
}

static void strings_beyond_what_a_kernel_survives_are_refused(void **state)
{
	static char long_string[SMBIOS_MAX_STRING_BYTES + 1];
	const char *strings[SMBIOS_MAX_OEM_STRINGS + 1];
	struct smbios_config config = example();
	size_t len = SMBIOS_MAX_STRING_BYTES;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		strings[i] = "x";
	config.oem_strings = strings;
	config.noem_strings = SMBIOS_MAX_OEM_STRINGS;
	build(&config);
	config.noem_strings = SMBIOS_MAX_OEM_STRINGS + 1;
	assert_int_equal(build_quietly(&config), -E2BIG);

	memset(long_string, 'x', len);
	strings[0] = long_string;
	config.noem_strings = 1;
	while (build_quietly(&config) == -E2BIG) /* the longest that the others leave room for */
		long_string[--len] = 0;
	assert_in_range(len, SMBIOS_MAX_STRING_BYTES - 512, SMBIOS_MAX_STRING_BYTES - 1);
	assert_true(build_quietly(&config) > 0);

	strings[0] = "";
	assert_int_equal(build_quietly(&config), -EINVAL);
}

static void too_small_a_buffer_is_refused_and_never_left(void **state)
{
	static const uint8_t guard[64] = {[0 ... 63] = 0xa5};
	struct smbios_config config = example();
	int need;

	(void)state;
	build(&config);
	need = used;
	for (int size = 0; size < need; size++) {
		memset(buf + size, 0xa5, sizeof(guard));
		assert_int_equal(smbios_build(&config, buf, (size_t)size), -ENOSPC);
		assert_memory_equal(buf + size, guard, sizeof(guard));
	}
	assert_int_equal(smbios_build(&config, buf, (size_t)need), need);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_entry_point_is_the_one_worked_out_by_hand),
		cmocka_unit_test(all_structures_are_there_once_and_end_with_127),
		cmocka_unit_test(handles_are_unique_and_references_resolve),
		cmocka_unit_test(the_system_is_the_identity),
		cmocka_unit_test(a_machine_says_that_it_is_virtual_or_does_not),
		cmocka_unit_test(processors_are_cores_of_one_socket),
		cmocka_unit_test(cpu_names_may_be_missing),
		cmocka_unit_test(memory_is_told_at_each_width),
		cmocka_unit_test(oem_strings_keep_their_order),
		cmocka_unit_test(strings_beyond_what_a_kernel_survives_are_refused),
		cmocka_unit_test(too_small_a_buffer_is_refused_and_never_left),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
