/* test_stats.c: counters are summed and told, the largest first. */
#include "vmm/stats.h"

#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct exit_stats one, sum;
static struct io_region uart = {.name = "serial", .size = 8}, rtc = {.name = "rtc", .size = 2};
static struct bus ports, mmio;

static int two_regions(void **state)
{
	(void)state;
	one = sum = (struct exit_stats){0};
	bus_init(&ports, NULL);
	bus_init(&mmio, NULL);
	assert_int_equal(bus_add(&ports, &rtc, 0x70), 0);
	assert_int_equal(bus_add(&ports, &uart, 0x3f8), 0);
	for (int i = 0; i < 3; i++)
		stats_count(&one.ports[uart.index].writes);
	stats_count(&one.ports[rtc.index].reads);
	one.exits[KVM_EXIT_IO] = 4;
	one.exits[KVM_EXIT_HLT] = 1;
	return 0;
}

static int release(void **state)
{
	(void)state;
	bus_destroy(&ports);
	bus_destroy(&mmio);
	return 0;
}

static void sums_are_over_all_cpus(void **state)
{
	(void)state;
	stats_add(&sum, &one);
	stats_add(&sum, &one);
	assert_int_equal(stats_total(&sum), 10);
	assert_int_equal(sum.ports[uart.index].writes, 6);
	assert_int_equal(sum.ports[rtc.index].reads, 2);
}

static void the_table_names_what_was_accessed_the_busiest_first(void **state)
{
	char *text = NULL, *serial, *clock;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	stats_print(&one, &ports, &mmio, out);
	fclose(out);
	serial = strstr(text, "serial");
	clock = strstr(text, "rtc");
	assert_non_null(strstr(text, "exits to user space: 5\n"));
	assert_true(serial && clock && serial < clock);
	assert_non_null(strstr(serial, "0 reads          3 writes"));
	assert_null(strstr(text, "mmio"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sums_are_over_all_cpus, two_regions, release),
		cmocka_unit_test_setup_teardown(the_table_names_what_was_accessed_the_busiest_first,
						two_regions, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
