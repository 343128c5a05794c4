/* test_kvm_stats.c: a file of counters such as KVM gives, and files that are none. */
#include "vmm/kvm_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"

enum { NAME_SIZE = 48, DESCRIPTORS = 64, DATA = 16384 };

struct counter {
	const char *name;
	uint32_t flags;
	uint16_t size;
	uint32_t offset;
};

static const struct counter usual[] = {
	{"exits", KVM_STATS_TYPE_CUMULATIVE, 1, 0},
	{"guest_mode", KVM_STATS_TYPE_INSTANT, 1, 8},
	{"halt_wait_hist", KVM_STATS_TYPE_LOG_HIST, 32, 16},
	{"io_exits", KVM_STATS_TYPE_CUMULATIVE, 1, 272},
	{"pages_most", KVM_STATS_TYPE_PEAK, 1, 280},
};

static void put(int fd, const void *data, size_t len, off_t offset)
{
	assert_int_equal(pwrite(fd, data, len, offset), len);
}

static int make(const struct counter *counters, unsigned int n, uint32_t name_size)
{
	const struct kvm_stats_header header = {
		.name_size = name_size,
		.num_desc = n,
		.id_offset = sizeof(header),
		.desc_offset = DESCRIPTORS,
		.data_offset = DATA,
	};
	int fd = memfd_create("stats", MFD_CLOEXEC);

	put(fd, &header, sizeof(header), 0);
	for (unsigned int i = 0; i < n; i++) {
		const struct kvm_stats_desc desc = {
			.flags = counters[i].flags,
			.size = counters[i].size,
			.offset = counters[i].offset,
		};
		const off_t at = DESCRIPTORS + (off_t)(i * (sizeof(desc) + NAME_SIZE));
		char name[NAME_SIZE] = "";

		memcpy(name, counters[i].name, strlen(counters[i].name));
		put(fd, &desc, sizeof(desc), at);
		put(fd, name, sizeof(name), at + (off_t)sizeof(desc));
	}
	return fd;
}

static void set(int fd, uint32_t offset, uint64_t value)
{
	put(fd, &value, sizeof(value), DATA + offset);
}

static void only_what_counts_up_is_taken_and_added(void **state)
{
	int fd = make(usual, ARRAY_SIZE(usual), NAME_SIZE);
	uint64_t sums[KVM_STATS_MAX] = {0};
	struct kvm_stats stats;

	(void)state;
	set(fd, 0, 7);
	set(fd, 272, UINT64_C(1) << 40);
	assert_int_equal(kvm_stats_init(&stats, fd), 0);
	assert_int_equal(stats.n, 2);
	assert_string_equal(stats.counters[0].name, "exits");
	assert_string_equal(stats.counters[1].name, "io_exits");
	assert_int_equal(kvm_stats_add(&stats, sums), 0);
	set(fd, 0, 8);
	assert_int_equal(kvm_stats_add(&stats, sums), 0);
	assert_int_equal(sums[0], 15);
	assert_int_equal(sums[1], UINT64_C(1) << 41);
	kvm_stats_close(&stats);
	assert_int_equal(stats.fd, -1);
}

static void one_counter_is_found_by_its_name(void **state)
{
	int fd = make(usual, ARRAY_SIZE(usual), NAME_SIZE);
	struct kvm_stats stats;

	(void)state;
	set(fd, 0, 7);
	set(fd, 272, 9);
	assert_int_equal(kvm_stats_init(&stats, fd), 0);
	assert_int_equal(kvm_stats_value(&stats, "exits"), 7);
	assert_int_equal(kvm_stats_value(&stats, "io_exits"), 9);
	assert_int_equal(kvm_stats_value(&stats, "io"), 0);
	kvm_stats_close(&stats);
	assert_int_equal(kvm_stats_look_up(-1, "exits"), 0);
}

static void more_counters_than_there_is_room_for_are_left_out(void **state)
{
	struct counter many[KVM_STATS_MAX + 20];
	uint64_t sums[KVM_STATS_MAX] = {0};
	struct kvm_stats stats;
	int fd;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct counter){"one", KVM_STATS_TYPE_CUMULATIVE, 1, 8 * i};
	fd = make(many, ARRAY_SIZE(many), NAME_SIZE);
	set(fd, 8 * (ARRAY_SIZE(many) - 1), 1);
	assert_int_equal(kvm_stats_init(&stats, fd), 0);
	assert_int_equal(stats.n, KVM_STATS_MAX);
	assert_int_equal(kvm_stats_add(&stats, sums), 0);
	kvm_stats_close(&stats);
}

static void a_file_that_is_none_is_refused_and_closed(void **state)
{
	static const struct counter far[] = {{"far", KVM_STATS_TYPE_CUMULATIVE, 1, UINT32_MAX - 4}};
	const int bad[] = {
		memfd_create("empty", MFD_CLOEXEC),
		make(usual, 1, 0),
		make(usual, 1, UINT32_MAX),
		make(usual, ARRAY_SIZE(usual), 200), /* descriptors behind the end */
		make(far, 1, NAME_SIZE),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kvm_stats stats;

		assert_int_equal(kvm_stats_init(&stats, bad[i]), -EPROTO);
		assert_int_equal(stats.fd, -1);
		assert_int_equal(fcntl(bad[i], F_GETFD), -1);
	}
}

static void data_that_ends_early_is_an_error(void **state)
{
	uint64_t sums[KVM_STATS_MAX] = {0};
	struct kvm_stats stats;

	(void)state;
	assert_int_equal(kvm_stats_init(&stats, make(usual, ARRAY_SIZE(usual), NAME_SIZE)), 0);
	assert_int_equal(kvm_stats_add(&stats, sums), -EPROTO);
	kvm_stats_close(&stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_counts_up_is_taken_and_added),
		cmocka_unit_test(one_counter_is_found_by_its_name),
		cmocka_unit_test(more_counters_than_there_is_room_for_are_left_out),
		cmocka_unit_test(a_file_that_is_none_is_refused_and_closed),
		cmocka_unit_test(data_that_ends_early_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
