/* test_platform.c: which interrupts the machine's devices share, and which they must not. */
#include "vmm/arch/x86/platform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "vmm/arch.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/machine.h"

/* How many virtio-mmio devices there is a place for; ACPI says of each what it is connected to. */
static unsigned int places(struct machine *machine, uint32_t *gsis)
{
	unsigned int n = 0;
	struct irq_line irq;
	uint64_t base;

	*gsis = 0;
	while (arch_mmio_slot(machine, n, &base, &irq) == 0) {
		assert_int_equal(platform_mmio_description(machine, n).gsi, irq.pin);
		assert_int_equal(platform_mmio_description(machine, n).mmio_base, base);
		assert_false(*gsis >> irq.pin & 1);
		*gsis |= 1u << irq.pin;
		n++;
	}
	assert_int_equal(arch_mmio_slot(machine, n, &base, &irq), -ENOSPC);
	return n;
}

static void each_virtio_mmio_device_has_an_interrupt_of_its_own(void **state)
{
	static struct machine machine;
	uint32_t gsis;

	(void)state;
	assert_int_equal(places(&machine, &gsis), LAYOUT_VIRTIO_MMIO_SLOTS);
}

static void beside_a_pci_bus_none_has_one_of_its_interrupts(void **state)
{
	static struct machine machine = {.has_pci = true};
	uint32_t gsis;

	(void)state;
	assert_int_equal(places(&machine, &gsis), LAYOUT_VIRTIO_MMIO_SLOTS - GSI_PCI_COUNT);
	assert_int_equal(gsis & ((1u << GSI_PCI_COUNT) - 1) << GSI_PCI, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_virtio_mmio_device_has_an_interrupt_of_its_own),
		cmocka_unit_test(beside_a_pci_bus_none_has_one_of_its_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
