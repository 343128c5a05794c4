/*
 * test_cpuid.c: the lists that CPUs get, taken apart again by the rules of the manuals: Intel SDM
 * volume 3A, 10.9 (topology); AMD APM volume 3, appendix E.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/vmm/data/cpuid_lists.h"
#include "vmm/arch/x86/cpuid.h"
#include "vmm/util.h"

static const struct host {
	const char *name;
	const struct kvm_cpuid_entry2 *entries;
	size_t n;
} hosts[] = {
	{"Intel Emerald Rapids", intel_emerald_rapids, ARRAY_SIZE(intel_emerald_rapids)},
	{"AMD Turin", amd_turin, ARRAY_SIZE(amd_turin)},
	{"AMD, software KVM", amd_software_kvm, ARRAY_SIZE(amd_software_kvm)},
	{"AMD, emulated", amd_emulated, ARRAY_SIZE(amd_emulated)},
};

static const unsigned int cpu_counts[] = {1, 2, 3, 4, 63, 64, 65, 254, 255};

static const struct cpuid_config usual = {
	.cpus = 1, .hypervisor_visible = true, .tsc_deadline = true};

static struct cpuid_list supported, list;

static void take_host(const struct host *host)
{
	supported = (struct cpuid_list){.nent = (uint32_t)host->n};
	memcpy(supported.entries, host->entries, host->n * sizeof(host->entries[0]));
}

static void make(struct cpuid_config config, unsigned int cpus, unsigned int id)
{
	config.cpus = cpus;
	cpuid_make(&supported, &config, id, &list);
}

/* Zeroes where the list has nothing, as the processor answers. */
static struct kvm_cpuid_entry2 leaf(uint32_t function, uint32_t index)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_find(&list, function, index);

	return entry ? *entry : (struct kvm_cpuid_entry2){.function = function};
}

static struct kvm_cpuid_entry2 *supported_leaf(uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < supported.nent; i++) {
		if (supported.entries[i].function == function &&
		    supported.entries[i].index == index)
			return &supported.entries[i];
	}
	return NULL;
}

static uint32_t field(uint32_t value, unsigned int high, unsigned int low)
{
	return value >> low & (uint32_t)((1ull << (high - low + 1)) - 1);
}

/* Bits that a reader reserves for count values: the nearest power of two not below it. */
static unsigned int order(uint32_t count)
{
	unsigned int bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

struct place {
	uint32_t package, core, thread;
};

/* Goes through a level leaf as a guest does; false where the leaf is not there. */
static bool decode_levels(uint32_t function, unsigned int cpus, unsigned int id,
			  struct place *place)
{
	uint32_t core_shift = 0, package_shift = 0, last_type = 0, n;

	for (n = 0;; n++) {
		struct kvm_cpuid_entry2 level = leaf(function, n);
		uint32_t type = field(level.ecx, 15, 8);

		if (n == 0 && !level.ebx)
			return false;
		assert_int_equal(level.edx, id);
		assert_int_equal(field(level.ecx, 7, 0), n);
		if (!type)
			break;
		assert_true(type > last_type);
		assert_true(field(level.eax, 4, 0) >= package_shift);
		assert_int_equal(field(level.ebx, 15, 0), n ? cpus : 1);
		/* Every processor of the level has an id of its own below the shift. */
		assert_true(1u << field(level.eax, 4, 0) >= field(level.ebx, 15, 0));
		last_type = type;
		package_shift = field(level.eax, 4, 0);
		core_shift = n ? core_shift : package_shift;
	}
	assert_true(n >= 2);
	place->package = id >> package_shift;
	place->core = (id & ((1u << package_shift) - 1)) >> core_shift;
	place->thread = id & ((1u << core_shift) - 1);
	return true;
}

/* The caches of function 4 or 0x8000001d: the third level is everybody's, the others each CPU's. */
static void check_caches(uint32_t function, unsigned int cpus)
{
	for (uint32_t i = 0;; i++) {
		struct kvm_cpuid_entry2 cache = leaf(function, i);
		uint32_t level = field(cache.eax, 7, 5);
		unsigned int shift = order(field(cache.eax, 25, 14) + 1);

		if (!field(cache.eax, 4, 0))
			break;
		assert_in_range(level, 1, 3);
		assert_int_equal(shift, level == 3 ? order(cpus) : 0);
		if (function == 4)
			assert_int_equal(field(cache.eax, 31, 26) + 1, cpus < 64 ? cpus : 64);
		else
			assert_int_equal(field(cache.eax, 31, 26), 0);
	}
}

static void check_leaf_1(unsigned int cpus, unsigned int id)
{
	struct kvm_cpuid_entry2 one = leaf(1, 0);

	assert_int_equal(field(one.ebx, 31, 24), id);
	assert_int_equal(field(one.ebx, 23, 16), cpus);
	assert_int_equal(field(one.edx, 28, 28), cpus > 1);
	assert_int_equal(id >> order(field(one.ebx, 23, 16)), 0);
	/* Without a level leaf a reader takes threads per core from the two counts. */
	if (leaf(4, 0).eax && cpus <= 64)
		assert_int_equal(order(cpus), order(field(leaf(4, 0).eax, 31, 26) + 1));
}

static void check_amd(unsigned int cpus, unsigned int id)
{
	struct kvm_cpuid_entry2 sizes = leaf(0x80000008, 0);
	struct kvm_cpuid_entry2 ids = leaf(0x8000001e, 0);
	bool extensions = field(leaf(0x80000001, 0).ecx, 22, 22);

	assert_int_equal(field(sizes.ecx, 7, 0) + 1, cpus);
	assert_int_equal(field(sizes.ecx, 15, 12), order(cpus));
	assert_int_equal(field(leaf(0x80000001, 0).ecx, 1, 1), cpus > 1);
	if (!extensions)
		return;
	assert_int_equal(ids.eax, id);
	assert_int_equal(field(ids.ebx, 7, 0), id);	/* a core of its own */
	assert_int_equal(field(ids.ebx, 15, 8) + 1, 1); /* with one thread */
	assert_int_equal(field(ids.ecx, 7, 0), 0);	/* in node 0 */
	assert_int_equal(field(ids.ecx, 10, 8) + 1, 1); /* of one */
	assert_true(field(leaf(0x8000001d, 0).eax, 4, 0) != 0);
}

static void check_cpu(unsigned int cpus, unsigned int id)
{
	static const uint32_t level_leaves[] = {0xb, 0x1f, 0x80000026};
	struct place place;

	make(usual, cpus, id);
	check_leaf_1(cpus, id);
	check_caches(4, cpus);
	check_caches(0x8000001d, cpus);
	assert_true(decode_levels(0xb, cpus, id, &place));
	for (size_t i = 0; i < ARRAY_SIZE(level_leaves); i++) {
		if (!decode_levels(level_leaves[i], cpus, id, &place))
			continue;
		/* With ids from 0 up and core equal to the id, every CPU has a core of its own. */
		assert_int_equal(place.package, 0);
		assert_int_equal(place.core, id);
		assert_int_equal(place.thread, 0);
	}
	if (cpuid_is_amd(&list))
		check_amd(cpus, id);
}

static void every_cpu_is_a_core_of_its_own_in_one_package(void **state)
{
	(void)state;
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		take_host(&hosts[h]);
		for (size_t i = 0; i < ARRAY_SIZE(cpu_counts); i++) {
			for (unsigned int id = 0; id < cpu_counts[i]; id++)
				check_cpu(cpu_counts[i], id);
		}
	}
}

static void the_recorded_lists_cover_the_leaves_of_levels(void **state)
{
	struct place place;

	(void)state;
	take_host(&hosts[0]);
	make(usual, 3, 2);
	assert_true(decode_levels(0x1f, 3, 2, &place));
	assert_false(decode_levels(0x80000026, 3, 2, &place));
	take_host(&hosts[1]);
	make(usual, 3, 2);
	assert_true(decode_levels(0x80000026, 3, 2, &place));
	assert_false(decode_levels(0x1f, 3, 2, &place));
}

static bool names_the_cpu(uint32_t function)
{
	return function == 1 || function == 0xb || function == 0x1f || function == 0x8000001e ||
	       function == 0x80000026;
}

static void lists_of_two_cpus_differ_in_ids_only(void **state)
{
	static struct cpuid_list first;

	(void)state;
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		take_host(&hosts[h]);
		make(usual, 64, 0);
		first = list;
		make(usual, 64, 63);
		assert_int_equal(first.nent, list.nent);
		for (uint32_t i = 0; i < list.nent; i++) {
			if (names_the_cpu(list.entries[i].function))
				continue;
			assert_memory_equal(&first.entries[i], &list.entries[i],
					    sizeof(list.entries[i]));
		}
	}
}

static void the_hypervisor_shows_itself_when_asked_to(void **state)
{
	struct cpuid_config hidden = usual;

	(void)state;
	hidden.hypervisor_visible = false;
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		take_host(&hosts[h]);
		make(usual, 2, 0);
		assert_int_equal(field(leaf(1, 0).ecx, 31, 31), 1);
		assert_int_equal(leaf(0x40000000, 0).ebx, 0x4b4d564b);
		assert_true(field(leaf(0x40000001, 0).eax, 24, 24) == 1); /* a stable kvm-clock */
		make(hidden, 2, 0);
		assert_int_equal(field(leaf(1, 0).ecx, 31, 31), 0);
		assert_null(cpuid_find(&list, 0x40000000, 0));
		assert_null(cpuid_find(&list, 0x40000001, 0));
	}
}

static void no_leaf_of_a_hidden_hypervisor_is_left(void **state)
{
	struct cpuid_config hidden = usual;

	(void)state;
	hidden.hypervisor_visible = false;
	take_host(&hosts[0]);
	supported.entries[supported.nent++] =
		(struct kvm_cpuid_entry2){.function = 0x40000100, .eax = 1};
	supported.entries[supported.nent++] =
		(struct kvm_cpuid_entry2){.function = 0x4000ffff, .eax = 1};
	make(hidden, 1, 0);
	for (uint32_t i = 0; i < list.nent; i++)
		assert_int_not_equal(list.entries[i].function >> 16, 0x4000);
}

static void intel_tells_its_clocks_where_whole_megahertz_fit(void **state)
{
	static const struct {
		unsigned int khz;
		bool told;
	} cases[] = {
		{0, false},	  {2100000, true}, {2100050, true},  {2100400, false},
		{2995200, false}, {4294000, true}, {4400000, false},
	};
	struct cpuid_config config = usual;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		config.tsc_khz = cases[i].khz;
		take_host(&hosts[0]);
		make(config, 1, 0);
		assert_int_equal(cpuid_find(&list, 0x15, 0) != NULL, cases[i].told);
		if (cases[i].told)
			assert_int_equal(leaf(0x15, 0).ecx / 1000 * leaf(0x15, 0).ebx /
						 leaf(0x15, 0).eax,
					 (cases[i].khz + 500) / 1000 * 1000);
		take_host(&hosts[1]); /* AMD's have no such leaf */
		make(config, 1, 0);
		assert_null(cpuid_find(&list, 0x15, 0));
	}
}

static void timers_and_x2apic_are_as_kvm_has_them(void **state)
{
	struct cpuid_config without = usual;

	(void)state;
	without.tsc_deadline = false;
	take_host(&hosts[0]);
	supported_leaf(1, 0)->ecx &= ~(1u << 21);
	make(usual, 1, 0);
	assert_int_equal(field(leaf(1, 0).ecx, 24, 24), 1);
	assert_int_equal(field(leaf(1, 0).ecx, 21, 21), 1);
	make(without, 1, 0);
	assert_int_equal(field(leaf(1, 0).ecx, 24, 24), 0);
}

static void there_is_no_nested_virtualization(void **state)
{
	(void)state;
	take_host(&hosts[0]);
	make(usual, 1, 0);
	assert_int_equal(field(leaf(1, 0).ecx, 5, 5), 0);
	take_host(&hosts[1]);
	make(usual, 1, 0);
	assert_int_equal(field(leaf(0x80000001, 0).ecx, 2, 2), 0);
	assert_null(cpuid_find(&list, 0x8000000a, 0));
}

static void what_only_the_host_has_is_hidden(void **state)
{
	static const uint32_t absent[] = {5, 0x12, 0x15, 0x16, 0x1d, 0x1e, 0x8000001f};

	(void)state;
	for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
		take_host(&hosts[h]);
		supported_leaf(1, 0)->ecx |= 1 << 3;
		supported_leaf(7, 0)->ebx |= 1 << 2;
		if (supported_leaf(6, 0))
			supported_leaf(6, 0)->ecx |= 1 << 0;
		make(usual, 4, 1);
		for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
			assert_null(cpuid_find(&list, absent[i], 0));
		assert_int_equal(field(leaf(1, 0).ecx, 3, 3), 0); /* MONITOR */
		assert_int_equal(field(leaf(7, 0).ebx, 2, 2), 0); /* SGX */
		assert_int_equal(field(leaf(6, 0).ecx, 0, 0), 0); /* APERF and MPERF */
	}
}

static void amx_is_there_with_its_state_or_not_at_all(void **state)
{
	(void)state;
	take_host(&hosts[0]);
	assert_int_equal(field(supported_leaf(7, 0)->edx, 24, 24), 1);
	make(usual, 1, 0);
	assert_int_equal(field(leaf(7, 0).edx, 24, 24), 0);
	supported_leaf(0xd, 0)->eax |= 3 << 17;
	make(usual, 1, 0);
	assert_int_equal(field(leaf(7, 0).edx, 24, 24), 1);
	assert_non_null(cpuid_find(&list, 0x1d, 1));
}

static void an_old_kvm_without_cache_leaves_promises_no_topology_extensions(void **state)
{
	(void)state;
	take_host(&hosts[1]);
	make(usual, 4, 0);
	assert_int_equal(field(leaf(0x80000001, 0).ecx, 22, 22), 1);
	supported_leaf(0x8000001d, 0)->eax = 0;
	make(usual, 4, 0);
	assert_int_equal(field(leaf(0x80000001, 0).ecx, 22, 22), 0);
}

static void a_processor_that_ends_below_leaf_0xb_gets_none(void **state)
{
	(void)state;
	take_host(&hosts[0]);
	for (uint32_t i = 0; i < supported.nent; i++) {
		uint32_t function = supported.entries[i].function;

		if (function > 0xa && function < 0x40000000)
			supported.entries[i].function = 0x80000030; /* nobody asks for it */
	}
	supported_leaf(0, 0)->eax = 0xa;
	make(usual, 4, 3);
	assert_null(cpuid_find(&list, 0xb, 0));
	check_leaf_1(4, 3);
	check_caches(4, 4);
}

static void topology_of_an_old_kvm_is_replaced(void **state)
{
	struct place place;

	(void)state;
	take_host(&hosts[0]);
	/* Before Linux 5.x the host's own levels came along. */
	supported_leaf(0xb, 0)->eax = 1;
	supported_leaf(0xb, 0)->ebx = 2;
	supported_leaf(0xb, 0)->ecx = 1 << 8;
	supported.entries[supported.nent++] = (struct kvm_cpuid_entry2){
		.function = 0xb, .index = 5, .flags = 1, .eax = 7, .ebx = 56, .ecx = 2 << 8 | 5};
	make(usual, 3, 2);
	assert_true(decode_levels(0xb, 3, 2, &place));
	assert_null(cpuid_find(&list, 0xb, 5));
}

static void the_longest_list_has_room_for_the_topology(void **state)
{
	(void)state;
	take_host(&hosts[1]);
	for (uint32_t i = 0; supported.nent < CPUID_MAX_SUPPORTED; i++)
		supported.entries[supported.nent++] =
			(struct kvm_cpuid_entry2){.function = 0x80000100 + i};
	make(usual, 255, 254);
	assert_true(list.nent <= CPUID_MAX_ENTRIES);
	assert_int_equal(leaf(0xb, 1).ebx, 255);
	assert_int_equal(leaf(0x80000026, 3).ebx, 255);
}

static void an_empty_list_stays_empty(void **state)
{
	(void)state;
	supported = (struct cpuid_list){.nent = 0};
	make(usual, 2, 1);
	assert_int_equal(list.nent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cpu_is_a_core_of_its_own_in_one_package),
		cmocka_unit_test(the_recorded_lists_cover_the_leaves_of_levels),
		cmocka_unit_test(lists_of_two_cpus_differ_in_ids_only),
		cmocka_unit_test(the_hypervisor_shows_itself_when_asked_to),
		cmocka_unit_test(no_leaf_of_a_hidden_hypervisor_is_left),
		cmocka_unit_test(intel_tells_its_clocks_where_whole_megahertz_fit),
		cmocka_unit_test(timers_and_x2apic_are_as_kvm_has_them),
		cmocka_unit_test(there_is_no_nested_virtualization),
		cmocka_unit_test(what_only_the_host_has_is_hidden),
		cmocka_unit_test(amx_is_there_with_its_state_or_not_at_all),
		cmocka_unit_test(an_old_kvm_without_cache_leaves_promises_no_topology_extensions),
		cmocka_unit_test(a_processor_that_ends_below_leaf_0xb_gets_none),
		cmocka_unit_test(topology_of_an_old_kvm_is_replaced),
		cmocka_unit_test(the_longest_list_has_room_for_the_topology),
		cmocka_unit_test(an_empty_list_stays_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
