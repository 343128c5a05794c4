/* test_vm_generation.c: what a guest reads of its generation, and when it is told to look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "devices/vm_generation.h"
#include "vmm/bytes.h"

enum { RAM_SIZE = 1 << 20, ID = 0x1000, CLOCK = 0x2000 };

static struct guest_memory mem;
static struct vm_generation generation;
static unsigned int edges[2]; /* of the two lines */
static struct uuid first, second;

static void count_edge(void *owner, unsigned int pin, bool on)
{
	(void)owner;
	edges[pin] += on;
}

static struct vm_generation_config config_of(gpa_t id, gpa_t clock)
{
	return (struct vm_generation_config){
		.mem = &mem,
		.id = id,
		.clock = clock,
		.id_irq = {.set = count_edge, .pin = 0},
		.clock_irq = {.set = count_edge, .pin = 1},
	};
}

static int setup(void **state)
{
	struct vm_generation_config config = config_of(ID, CLOCK);

	(void)state;
	mem = (struct guest_memory){0};
	memset(edges, 0, sizeof(edges));
	uuid_parse(&first, "00112233-4455-4677-8899-aabbccddeeff");
	uuid_parse(&second, "01112233-4455-4677-8899-aabbccddeeff");
	vm_generation_init(&generation, &config, &first);
	return memory_add(&mem, 0, RAM_SIZE);
}

static int teardown(void **state)
{
	(void)state;
	memory_free(&mem);
	return 0;
}

static const uint8_t *ram(gpa_t at)
{
	return mem.regions[0].host + at;
}

static void the_id_is_written_in_firmware_order(void **state)
{
	static const uint8_t want[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x46,
				       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

	(void)state;
	assert_int_equal(vm_generation_write(&generation), 0);
	assert_memory_equal(ram(ID), want, sizeof(want));
	assert_int_equal(edges[0] + edges[1], 0);
}

static void the_clock_page_is_the_one_worked_out_by_hand(void **state)
{
	static const uint8_t head[40] = {'V', 'C', 'L', 'K', 0, 0x10, 0, 0, 1, 0, 0xff, 0,
					 0,   0,   0,	0,   0, 0,    0, 0, 0, 0, 0,	0,
					 0,   3,   0,	0,   0, 0,    0, 0, 0, 0, 0,	0};
	static const uint8_t zeroes[VM_GENERATION_CLOCK_SIZE];

	(void)state;
	memset(mem.regions[0].host, 0xa5, RAM_SIZE); /* RAM after a reset is anything */
	assert_int_equal(vm_generation_write(&generation), 0);
	assert_memory_equal(ram(CLOCK), head, sizeof(head));
	assert_memory_equal(ram(CLOCK) + 40, zeroes, 104 - 40);
	assert_int_not_equal(load_le64(ram(CLOCK) + 104), 0);
	assert_memory_equal(ram(CLOCK) + 112, zeroes, VM_GENERATION_CLOCK_SIZE - 112);
}

static void a_change_bumps_everything_and_notifies_once(void **state)
{
	uint64_t counter;

	(void)state;
	assert_int_equal(vm_generation_write(&generation), 0);
	counter = load_le64(ram(CLOCK) + 104);
	assert_int_equal(vm_generation_change(&generation, &second), 0);
	assert_int_equal(ram(ID)[3], 0x01);
	assert_int_equal(load_le32(ram(CLOCK) + 12), 2);
	assert_int_equal(load_le64(ram(CLOCK) + 16), 1);
	assert_int_not_equal(load_le64(ram(CLOCK) + 104), counter);
	assert_int_equal(edges[0], 1);
	assert_int_equal(edges[1], 1);
}

static void a_reset_shows_the_same_generation_again(void **state)
{
	uint8_t id[UUID_SIZE], clock[VM_GENERATION_CLOCK_SIZE];

	(void)state;
	assert_int_equal(vm_generation_write(&generation), 0);
	assert_int_equal(vm_generation_change(&generation, &second), 0);
	memcpy(id, ram(ID), sizeof(id));
	memcpy(clock, ram(CLOCK), sizeof(clock));
	memset(mem.regions[0].host, 0xff, RAM_SIZE);
	assert_int_equal(vm_generation_write(&generation), 0);
	assert_memory_equal(ram(ID), id, sizeof(id));
	assert_memory_equal(ram(CLOCK), clock, sizeof(clock));
	assert_int_equal(edges[0], 1);
}

static void what_the_guest_wrote_there_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(vm_generation_write(&generation), 0);
	memset(mem.regions[0].host, 0xff, RAM_SIZE);
	assert_int_equal(vm_generation_change(&generation, &second), 0);
	assert_int_equal(load_le32(ram(CLOCK) + 12), 2);
	assert_int_equal(load_le64(ram(CLOCK) + 16), 1);
	assert_int_equal(ram(ID)[3], 0x01);
}

static void either_may_be_missing(void **state)
{
	static const uint8_t zeroes[RAM_SIZE];
	struct vm_generation_config config = config_of(0, 0);

	(void)state;
	vm_generation_init(&generation, &config, &first);
	assert_int_equal(vm_generation_write(&generation), 0);
	assert_int_equal(vm_generation_change(&generation, &second), 0);
	assert_memory_equal(ram(0), zeroes, RAM_SIZE);
	assert_int_equal(edges[0] + edges[1], 0);

	config = config_of(ID, 0);
	vm_generation_init(&generation, &config, &first);
	assert_int_equal(vm_generation_change(&generation, &second), 0);
	assert_int_equal(edges[0], 1);
	assert_int_equal(edges[1], 0);
	assert_memory_equal(ram(CLOCK), zeroes, VM_GENERATION_CLOCK_SIZE);
}

static void places_outside_ram_are_refused(void **state)
{
	struct vm_generation_config config = config_of(RAM_SIZE - 8, 0);

	(void)state;
	vm_generation_init(&generation, &config, &first);
	assert_int_equal(vm_generation_write(&generation), -EFAULT);
	config = config_of(0, RAM_SIZE - 2048);
	vm_generation_init(&generation, &config, &first);
	assert_int_equal(vm_generation_write(&generation), -EFAULT);
	assert_int_equal(vm_generation_change(&generation, &second), -EFAULT);
	assert_int_equal(edges[0] + edges[1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_id_is_written_in_firmware_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_clock_page_is_the_one_worked_out_by_hand, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_change_bumps_everything_and_notifies_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_reset_shows_the_same_generation_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_the_guest_wrote_there_changes_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(either_may_be_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(places_outside_ram_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
