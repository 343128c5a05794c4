/* test_bus.c: accesses find their region, whatever their size; regions move with their ioeventfds.
 */
#include "vmm/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/util.h"

struct probe {
	struct io_region region;
	uint64_t offset[8], value[8];
	unsigned int size[8], n;
};

static uint64_t probe_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct probe *probe = container_of(region, struct probe, region);

	probe->offset[probe->n] = offset;
	probe->size[probe->n++] = size;
	return 0x8877665544332211;
}

static void probe_write(struct io_region *region, uint64_t offset, uint64_t value,
			unsigned int size)
{
	struct probe *probe = container_of(region, struct probe, region);

	probe->offset[probe->n] = offset;
	probe->value[probe->n] = value;
	probe->size[probe->n++] = size;
}

static const struct io_region_ops probe_ops = {.read = probe_read, .write = probe_write};

static struct {
	uint64_t address;
	bool assigned;
	unsigned int calls;
} kvm;

static int fake_kvm(struct bus *bus, const struct ioeventfd *event, uint64_t address, bool assign)
{
	(void)bus;
	(void)event;
	kvm.address = address;
	kvm.assigned = assign;
	kvm.calls++;
	return 0;
}

static struct bus bus;
static struct guest_memory ram;
static struct probe a, b;

static int two_probes(void **state)
{
	(void)state;
	ram = (struct guest_memory){.nregions = 1, .regions = {{.base = 0, .size = 0x10000}}};
	a = (struct probe){.region = {.name = "probe", .size = 0x10, .ops = &probe_ops}};
	b = (struct probe){.region = {.name = "probe", .size = 0x10, .ops = &probe_ops}};
	kvm = (typeof(kvm)){0};
	bus_init(&bus, &ram);
	bus.ioeventfd = fake_kvm;
	assert_int_equal(bus_add(&bus, &a.region, 0x20000), 0);
	assert_int_equal(bus_add(&bus, &b.region, 0x20010), 0);
	return 0;
}

static int release(void **state)
{
	(void)state;
	bus_destroy(&bus);
	return 0;
}

/* The one that answers there, or NULL. */
static const struct io_region *region_at(uint64_t address)
{
	uint8_t byte;

	return bus_read(&bus, address, &byte, sizeof(byte));
}

static void an_access_reaches_its_region(void **state)
{
	uint32_t value = 0;

	(void)state;
	assert_true(bus_read(&bus, 0x20014, &value, 4));
	assert_int_equal(value, 0x44332211);
	assert_int_equal(b.offset[0], 4);
	assert_int_equal(b.size[0], 4);
	value = 0xabcd;
	assert_true(bus_write(&bus, 0x20000, &value, 2));
	assert_int_equal(a.value[0], 0xabcd);
	assert_ptr_equal(region_at(0x2001f), &b.region);
	assert_null(region_at(0x20020));
}

static void odd_sizes_are_cut_up(void **state)
{
	static const unsigned char bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	assert_true(bus_write(&bus, 0x20001, bytes, 7));
	assert_int_equal(a.n, 3);
	assert_int_equal(a.size[0], 4);
	assert_int_equal(a.size[1], 2);
	assert_int_equal(a.size[2], 1);
	assert_int_equal(a.value[1], 0x0605);
	assert_int_equal(a.offset[2], 7);
}

static void unclaimed_reads_are_all_ones(void **state)
{
	static const uint64_t nowhere[] = {0, 0x1ffff, 0x20020, UINT64_MAX, UINT64_MAX - 7};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		value = 0;
		assert_false(bus_read(&bus, nowhere[i], &value, 1));
		assert_int_equal(value, 0xff);
		assert_false(bus_write(&bus, nowhere[i], &value, 1));
	}
	/* An access that begins inside and ends outside of its region belongs to nobody. */
	value = 0;
	assert_false(bus_read(&bus, 0x2001e, &value, 8));
	assert_true(value == UINT64_MAX);
	assert_int_equal(a.n + b.n, 0);
}

static void a_region_without_operations_answers_all_the_same(void **state)
{
	static const struct io_region_ops nothing = {0};
	struct io_region region = {.name = "nothing", .size = 8, .ops = &nothing};
	uint32_t value = 0xdddddddd;

	(void)state;
	assert_int_equal(bus_add(&bus, &region, 0x30000), 0);
	assert_ptr_equal(bus_write(&bus, 0x30000, &value, 4), &region);
	assert_ptr_equal(bus_read(&bus, 0x30000, &value, 4), &region);
	assert_int_equal(value, 0);
}

static void regions_do_not_overlap_each_other_or_ram(void **state)
{
	struct probe c = {.region = {.name = "c", .size = 0x10, .ops = &probe_ops}};

	(void)state;
	assert_int_equal(bus_add(&bus, &c.region, 0x20018), -EEXIST);
	assert_int_equal(bus_add(&bus, &c.region, 0x1fff8), -EEXIST);
	assert_int_equal(bus_add(&bus, &c.region, 0xfff8), -EEXIST);
	assert_int_equal(bus_add(&bus, &c.region, UINT64_MAX - 4), -EEXIST);
	assert_int_equal(bus_move(&bus, &a.region, 0x20018), -EEXIST);
	assert_null(region_at(0x20000)); /* it answers nowhere, as a BAR without decoding */
	assert_ptr_equal(region_at(0x20018), &b.region);
	assert_int_equal(bus_move(&bus, &a.region, 0x8000), -EEXIST);
	assert_int_equal(bus_move(&bus, &a.region, 0x20000), 0);
	assert_ptr_equal(region_at(0x20000), &a.region);
}

static void ioeventfds_move_with_their_region(void **state)
{
	struct ioeventfd event = {.fd = 3, .offset = 8, .size = 4};

	(void)state;
	assert_int_equal(bus_ioeventfd_add(&bus, &a.region, &event), 0);
	assert_true(kvm.assigned);
	assert_int_equal(kvm.address, 0x20008);
	assert_int_equal(bus_move(&bus, &a.region, 0x30000), 0);
	assert_int_equal(kvm.calls, 3); /* away from the old place, to the new one */
	assert_int_equal(kvm.address, 0x30008);
	bus_move(&bus, &a.region, BUS_UNDECODED);
	assert_false(kvm.assigned);
	bus_move(&bus, &a.region, 0x20000);
	assert_true(kvm.assigned);
	kvm.calls = 0;
	assert_int_equal(bus_ioeventfd_rearm(&bus), 0); /* after the VM was made anew */
	assert_int_equal(kvm.calls, 1);
	bus_ioeventfd_remove(&bus, &event);
	assert_false(kvm.assigned);
	kvm.calls = 0;
	bus_ioeventfd_remove(&bus, &event);
	bus_move(&bus, &a.region, 0x30000);
	assert_int_equal(kvm.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_access_reaches_its_region, two_probes, release),
		cmocka_unit_test_setup_teardown(odd_sizes_are_cut_up, two_probes, release),
		cmocka_unit_test_setup_teardown(unclaimed_reads_are_all_ones, two_probes, release),
		cmocka_unit_test_setup_teardown(a_region_without_operations_answers_all_the_same,
						two_probes, release),
		cmocka_unit_test_setup_teardown(regions_do_not_overlap_each_other_or_ram,
						two_probes, release),
		cmocka_unit_test_setup_teardown(ioeventfds_move_with_their_region, two_probes,
						release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
