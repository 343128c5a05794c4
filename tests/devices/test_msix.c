/* test_msix.c: vectors are masked and opened, signalled meanwhile, and their table is abused. */
#include "devices/msix.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/pci.h"
#include "tests/fake/msi.h"
#include "vmm/util.h"

#define ECAM 0xe8000000u
#define MEM32 0xc0000000u

enum { VECTORS = 40, PENDING = MSIX_BAR_SIZE / 2, ENABLE = 0x8000, MASK_ALL = 0x4000 };

struct fixture {
	struct bus ports, mmio;
	struct pci_bus pci;
	struct pci_device device;
	struct fake_msi msi;
	struct msix msix;
};

static void init_device(struct pci_device *device)
{
	static const struct pci_device_ops ops = {.reset = NULL};
	static const struct pci_identity identity = {.vendor = 1, .device = 2, .class = 0x010802};

	pci_device_init(device, "card", &ops, &identity);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct pci_bus_config config = {
		.ports = &f->ports,
		.mmio = &f->mmio,
		.ecam_base = ECAM,
		.address_port = 0xcf8,
		.mem32 = {MEM32, 0x100000},
	};

	bus_init(&f->ports, NULL);
	bus_init(&f->mmio, NULL);
	fake_msi_init(&f->msi);
	assert_int_equal(pci_bus_init(&f->pci, &config), 0);
	init_device(&f->device);
	assert_int_equal(msix_init(&f->msix, &f->device, &f->msi.backend, 1, VECTORS), 0);
	assert_int_equal(pci_add(&f->pci, &f->device), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	msix_destroy(&f->msix);
	assert_int_equal(f->msi.used, 0);
	pci_bus_destroy(&f->pci);
	bus_destroy(&f->ports);
	bus_destroy(&f->mmio);
	free(f);
	return 0;
}

static uint64_t get(struct fixture *f, uint64_t address, unsigned int size)
{
	uint64_t value = 0;

	bus_read(&f->mmio, address, &value, size);
	return value;
}

static void put(struct fixture *f, uint64_t address, uint64_t value, unsigned int size)
{
	bus_write(&f->mmio, address, &value, size);
}

static uint64_t capability(const struct fixture *f)
{
	return ECAM + 0x8000 + f->msix.capability;
}

static void control(struct fixture *f, uint16_t value)
{
	put(f, capability(f) + 2, value, 2);
}

static uint64_t row(unsigned int vector)
{
	return MEM32 + 16ull * vector;
}

static void mask(struct fixture *f, unsigned int vector, bool masked)
{
	put(f, row(vector) + 12, masked, 4);
}

/* As a driver does it: written while masked, then opened. */
static void set_up(struct fixture *f, unsigned int vector)
{
	put(f, row(vector), 0xfee01000, 4);
	put(f, row(vector) + 4, 0, 4);
	put(f, row(vector) + 8, 0x4000 + vector, 4);
	mask(f, vector, false);
}

static struct fake_msi_vector *kvm(struct fixture *f, unsigned int vector)
{
	return fake_msi_vector(&f->msi, &f->msix.irqfds[vector]);
}

static uint64_t sent(struct fixture *f, unsigned int vector)
{
	return fake_msi_sent(&f->msi, &f->msix.irqfds[vector]);
}

static bool is_pending(struct fixture *f, unsigned int vector)
{
	return get(f, MEM32 + PENDING + vector / 32 * 4, 4) >> vector % 32 & 1;
}

static void the_capability_tells_table_and_pending_bits(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, capability(f), 1), PCI_CAP_ID_MSIX);
	assert_int_equal(get(f, capability(f) + 2, 2), VECTORS - 1);
	assert_int_equal(get(f, capability(f) + 4, 4), 1);
	assert_int_equal(get(f, capability(f) + 8, 4), PENDING | 1);
	put(f, capability(f), UINT64_MAX, 8);
	put(f, capability(f) + 8, UINT64_MAX, 4);
	assert_int_equal(get(f, capability(f) + 2, 2), ENABLE | MASK_ALL | (VECTORS - 1));
	assert_int_equal(get(f, capability(f) + 4, 4), 1);
	assert_int_equal(get(f, capability(f) + 8, 4), PENDING | 1);
}

static void everything_is_masked_at_first(void **state)
{
	struct fixture *f = *state;

	assert_false(msix_is_enabled(&f->msix));
	for (unsigned int vector = 0; vector < VECTORS; vector++) {
		assert_int_equal(get(f, row(vector) + 12, 4), 1);
		assert_false(kvm(f, vector)->routed);
	}
	control(f, ENABLE);
	assert_true(msix_is_enabled(&f->msix));
	assert_false(kvm(f, 0)->routed);
}

static void an_open_vector_sends_its_message(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	set_up(f, 3);
	assert_true(kvm(f, 3)->routed);
	assert_int_equal(kvm(f, 3)->address, 0xfee01000);
	assert_int_equal(kvm(f, 3)->data, 0x4003);
	msix_signal(&f->msix, 3);
	assert_false(is_pending(f, 3));
	assert_int_equal(sent(f, 3), 1);
	assert_false(kvm(f, 2)->routed);
}

static void a_masked_vector_waits_and_is_sent_when_opened(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	set_up(f, 33);
	mask(f, 33, true);
	msix_signal(&f->msix, 33);
	assert_int_equal(sent(f, 33), 0);
	assert_true(is_pending(f, 33));
	assert_int_equal(get(f, MEM32 + PENDING, 8), 1ull << 33);
	mask(f, 33, false);
	assert_false(is_pending(f, 33));
	assert_int_equal(sent(f, 33), 1);
}

static void the_function_mask_covers_all(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	set_up(f, 0);
	set_up(f, 39);
	control(f, ENABLE | MASK_ALL);
	msix_signal(&f->msix, 0);
	msix_signal(&f->msix, 39);
	assert_int_equal(get(f, MEM32 + PENDING, 8), 1ull << 39 | 1);
	assert_false(kvm(f, 0)->routed);
	control(f, ENABLE);
	assert_int_equal(sent(f, 0), 1);
	assert_int_equal(sent(f, 39), 1);
	assert_int_equal(get(f, MEM32 + PENDING, 8), 0);
}

static void switched_off_it_sends_nothing(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	set_up(f, 1);
	control(f, 0);
	assert_false(msix_is_enabled(&f->msix));
	assert_false(kvm(f, 1)->routed);
	control(f, ENABLE);
	assert_true(kvm(f, 1)->routed);
}

static void an_open_vector_follows_its_row(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	set_up(f, 5);
	put(f, row(5), 0x00000001fee02000, 8);
	put(f, row(5) + 8, 0x99, 4);
	assert_int_equal(kvm(f, 5)->address, 0x1fee02000);
	assert_int_equal(kvm(f, 5)->data, 0x99);
	/* Data and mask at once. */
	put(f, row(5) + 8, 1ull << 32 | 0x98, 8);
	assert_false(kvm(f, 5)->routed);
	assert_int_equal(get(f, row(5) + 8, 8), 1ull << 32 | 0x98);
}

static void reads_of_any_shape_see_the_same_bytes(void **state)
{
	struct fixture *f = *state;

	put(f, row(0), 0x8877665544332211, 8);
	put(f, row(0) + 8, 0x1234, 4);
	assert_true(get(f, row(0), 8) == 0x8877665544332211);
	assert_int_equal(get(f, row(0) + 3, 1), 0x44);
	assert_int_equal(get(f, row(0) + 3, 2), 0x5544);
	assert_int_equal(get(f, row(0) + 4, 8), 0x123488776655);
	assert_int_equal(get(f, row(0) + 7, 4), 0x00123488);
}

static void writes_of_other_shapes_change_nothing(void **state)
{
	struct fixture *f = *state;

	put(f, row(0), 0x8877665544332211, 8);
	for (unsigned int offset = 0; offset < 16; offset++) {
		put(f, row(0) + offset, UINT64_MAX, 1);
		put(f, row(0) + offset, UINT64_MAX, 2);
		if (offset % 4)
			put(f, row(0) + offset, UINT64_MAX, 4);
		if (offset % 8)
			put(f, row(0) + offset, UINT64_MAX, 8);
	}
	assert_true(get(f, row(0), 8) == 0x8877665544332211);
	assert_int_equal(get(f, row(0) + 8, 4), 0);
	assert_int_equal(get(f, row(0) + 12, 4), 1);
}

static void rows_and_bits_that_are_not_there_stay_zero(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	/* Every access behind the last row, over the pending bits and over the BAR's end. */
	for (unsigned int size = 1; size <= 8; size++) {
		for (unsigned int offset = VECTORS * 16; offset < MSIX_BAR_SIZE; offset++) {
			put(f, MEM32 + offset, 0, size);
			if (offset + size <= MSIX_BAR_SIZE)
				assert_int_equal(get(f, MEM32 + offset, size), 0);
			else
				get(f, MEM32 + offset, size);
		}
	}
	msix_signal(&f->msix, 7);
	put(f, MEM32 + PENDING, 0, 8); /* pending bits are read-only */
	assert_true(is_pending(f, 7));
	for (unsigned int vector = 0; vector < VECTORS; vector++)
		assert_false(kvm(f, vector)->routed);
}

static void vectors_out_of_range_are_dropped(void **state)
{
	static const unsigned int vectors[] = {VECTORS,		 VECTORS + 1, MSIX_MAX_VECTORS - 1,
					       MSIX_MAX_VECTORS, 0xffff,      UINT32_MAX};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		msix_signal(&f->msix, vectors[i]);
		assert_int_equal(msix_vector_fd(&f->msix, vectors[i]), -1);
	}
	assert_true(msix_vector_fd(&f->msix, VECTORS - 1) >= 0);
}

static void a_message_that_kvm_refuses_leaves_the_vector_silent(void **state)
{
	struct fixture *f = *state;

	f->msi.refuses = true;
	control(f, ENABLE);
	for (unsigned int i = 0; i < 1000; i++)
		set_up(f, 2);
	msix_signal(&f->msix, 2);
	assert_int_equal(sent(f, 2), 0);
	f->msi.refuses = false;
	set_up(f, 2);
	assert_int_equal(sent(f, 2), 1);
}

static void reset_masks_and_forgets(void **state)
{
	struct fixture *f = *state;

	control(f, ENABLE);
	set_up(f, 4);
	mask(f, 4, true);
	msix_signal(&f->msix, 4);
	set_up(f, 5);
	pci_bus_reset(&f->pci);
	assert_false(msix_is_enabled(&f->msix));
	assert_false(kvm(f, 5)->routed);
	assert_false(is_pending(f, 4));
	assert_int_equal(get(f, row(5), 8), 0);
	assert_int_equal(get(f, row(5) + 12, 4), 1);
	assert_int_equal(get(f, capability(f) + 2, 2), VECTORS - 1);
	control(f, ENABLE);
	set_up(f, 4);
	assert_int_equal(sent(f, 4), 0);
}

static void without_vectors_left_nothing_stays_behind(void **state)
{
	static struct msix other;
	static struct pci_device device;
	struct fixture *f = *state;

	init_device(&device);
	f->msi.limit = VECTORS + 3;
	assert_int_equal(msix_init(&other, &device, &f->msi.backend, 1, 4), -ENOSPC);
	assert_int_equal(f->msi.used, VECTORS);
	assert_null(device.msix);
	assert_int_equal(msix_init(&other, &device, &f->msi.backend, 1, 3), 0);
	msix_destroy(&other);
	assert_int_equal(f->msi.used, VECTORS);
}

static void *signal_often(void *arg)
{
	struct fixture *f = arg;

	for (unsigned int i = 0; i < 10000; i++) {
		if (msix_is_enabled(&f->msix))
			msix_signal(&f->msix, i % 2);
	}
	return NULL;
}

static void a_storm_of_masks_loses_no_signal(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	set_up(f, 0);
	set_up(f, 1);
	control(f, ENABLE);
	assert_int_equal(pthread_create(&thread, NULL, signal_often, f), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		mask(f, i % 2, i & 2);
		get(f, MEM32 + PENDING, 8);
	}
	pthread_join(thread, NULL);
	mask(f, 0, false);
	mask(f, 1, false);
	assert_int_equal(sent(f, 0), 5000);
	assert_int_equal(sent(f, 1), 5000);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(the_capability_tells_table_and_pending_bits),
		test(everything_is_masked_at_first),
		test(an_open_vector_sends_its_message),
		test(a_masked_vector_waits_and_is_sent_when_opened),
		test(the_function_mask_covers_all),
		test(switched_off_it_sends_nothing),
		test(an_open_vector_follows_its_row),
		test(reads_of_any_shape_see_the_same_bytes),
		test(writes_of_other_shapes_change_nothing),
		test(rows_and_bits_that_are_not_there_stay_zero),
		test(vectors_out_of_range_are_dropped),
		test(a_message_that_kvm_refuses_leaves_the_vector_silent),
		test(reset_masks_and_forgets),
		test(without_vectors_left_nothing_stays_behind),
		test(a_storm_of_masks_loses_no_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
