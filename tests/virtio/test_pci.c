/* test_pci.c: virtio-pci as a driver finds it: capabilities, registers, vectors, doorbells. */
#include "virtio/pci.h"

#include <errno.h>
#include <linux/virtio_pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/driver.h"
#include "tests/fake/msi.h"
#include "tests/fake/wires.h"
#include "vmm/util.h"

#define ECAM 0xe8000000u
#define MEM32 0xc0000000u
#define MEM32_SIZE 0x100000u
#define MEM64 0x200000000ull
#define MEM64_SIZE 0x40000000ull

enum { QUEUES = 2, SLOT = 1 };

/* A device that returns each request at once. */
struct echo_device {
	struct virtio_device dev;
	bool tells_at_stop;
	unsigned int starts;
	bool lend;
	int call_fd;
};

static int echo_start(struct virtio_device *dev)
{
	struct echo_device *echo = container_of(dev, struct echo_device, dev);

	echo->starts++;
	if (echo->lend)
		echo->call_fd = virtio_lend_call_fd(dev, 0);
	return 0;
}

/* What was in flight ends, and the driver hears of it. */
static void echo_stop(struct virtio_device *dev)
{
	if (container_of(dev, struct echo_device, dev)->tells_at_stop)
		virtio_interrupt(dev, 0);
}

static void echo_kick(struct virtio_device *dev, unsigned int queue)
{
	struct iovec iov[4];
	struct virtq_chain chain = {.iov = iov, .cap = ARRAY_SIZE(iov)};

	while (virtio_pop(dev, queue, &chain))
		virtqueue_push(virtio_queue(dev, queue), &chain, 0);
	virtio_flush(dev, queue);
}

static const struct virtio_device_ops echo_ops = {
	.start = echo_start,
	.stop = echo_stop,
	.kick = echo_kick,
};

struct bench {
	struct loop loop;
	struct fake_memory memory;
	struct bus ports, mmio;
	struct pci_bus bus;
	struct fake_msi msi;
	struct fake_irq irq; /* all INTx lines are this one */
	struct echo_device echo;
	struct virtio_pci pci;
	struct fake_ring rings[QUEUES];
	/* Doorbells that KVM would know, and where. */
	unsigned int armed;
	uint64_t doorbell;
};

static int count_ioeventfd(struct bus *mmio, const struct ioeventfd *event, uint64_t address,
			   bool assign)
{
	struct bench *bench = container_of(mmio, struct bench, mmio);

	assert_int_equal(event->size, 0);
	assert_false(event->match_data);
	bench->armed += assign ? 1u : -1u;
	if (assign && event->fd == virtio_kick_fd(&bench->echo.dev, 1))
		bench->doorbell = address;
	return 0;
}

static int make_bench(void **state)
{
	static struct bench bench;
	struct virtio_device *dev = &bench.echo.dev;
	struct pci_bus_config config = {
		.ports = &bench.ports,
		.mmio = &bench.mmio,
		.ecam_base = ECAM,
		.address_port = 0xcf8,
		.io = {0x1000, 0x1000},
		.mem32 = {MEM32, MEM32_SIZE},
		.mem64 = {MEM64, MEM64_SIZE},
		.intx_gsi = 16,
		.msi = &bench.msi.backend,
	};

	bench = (struct bench){.echo.dev = {.name = "echo0",
					    .id = VIRTIO_ID_BLOCK,
					    .ops = &echo_ops,
					    .features = 1,
					    .nqueues = QUEUES,
					    .queue_size = 8,
					    .config_size = 6}};
	memcpy(dev->state.config, "config", 6);
	assert_int_equal(loop_init(&bench.loop), 0);
	fake_memory_init(&bench.memory);
	bus_init(&bench.ports, NULL);
	bus_init(&bench.mmio, &bench.memory.mem);
	bench.mmio.ioeventfd = count_ioeventfd;
	fake_msi_init(&bench.msi);
	for (unsigned int i = 0; i < PCI_INTX_LINES; i++)
		config.intx[i] = fake_irq_line(&bench.irq);
	assert_int_equal(pci_bus_init(&bench.bus, &config), 0);
	assert_int_equal(virtio_device_init(dev, &bench.loop, &bench.memory.mem), 0);
	assert_int_equal(virtio_pci_init(&bench.pci, dev, &bench.bus), 0);
	*state = &bench;
	return 0;
}

static int drop_bench(void **state)
{
	struct bench *bench = *state;

	virtio_pci_destroy(&bench->pci);
	assert_int_equal(bench->armed, 0);
	assert_int_equal(bench->msi.used, 0);
	virtio_device_destroy(&bench->echo.dev);
	pci_bus_destroy(&bench->bus);
	bus_destroy(&bench->mmio);
	bus_destroy(&bench->ports);
	fake_memory_free(&bench->memory);
	loop_destroy(&bench->loop);
	return 0;
}

/*
 * A driver's accesses.
 */

static uint32_t config_get(struct bench *bench, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	assert_true(bus_read(&bench->mmio, ECAM + (SLOT << 15) + offset, &value, size));
	return value;
}

static void config_set(struct bench *bench, unsigned int offset, uint32_t value, unsigned int size)
{
	assert_true(bus_write(&bench->mmio, ECAM + (SLOT << 15) + offset, &value, size));
}

static uint64_t bar_base(struct bench *bench)
{
	return (uint64_t)config_get(bench, PCI_BASE_ADDRESS_1, 4) << 32 |
	       (config_get(bench, PCI_BASE_ADDRESS_0, 4) & ~15u);
}

static uint64_t get(struct bench *bench, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	assert_true(bus_read(&bench->mmio, bar_base(bench) + offset, &value, size));
	return value;
}

static void set(struct bench *bench, uint64_t offset, uint64_t value, unsigned int size)
{
	assert_true(bus_write(&bench->mmio, bar_base(bench) + offset, &value, size));
}

/* The n-th capability of a type (PCI's, and virtio's own if it is a vendor's), or 0. */
static unsigned int find_capability(struct bench *bench, uint32_t id, uint32_t type)
{
	unsigned int at = config_get(bench, PCI_CAPABILITY_LIST, 1);

	while (at) {
		if (config_get(bench, at, 1) == id &&
		    (id != PCI_CAP_ID_VNDR ||
		     config_get(bench, at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == type))
			return at;
		at = config_get(bench, at + PCI_CAP_LIST_NEXT, 1);
	}
	return 0;
}

static void enable_msix(struct bench *bench, bool on)
{
	unsigned int at = find_capability(bench, PCI_CAP_ID_MSIX, 0);

	config_set(bench, at + PCI_MSIX_FLAGS, on ? PCI_MSIX_FLAGS_ENABLE : 0, 2);
}

static void unmask_vector(struct bench *bench, unsigned int vector)
{
	uint64_t table = config_get(bench, PCI_BASE_ADDRESS_2, 4) & ~15u;
	uint32_t row[4] = {0xfee00000, 0, 0x40 + vector, 0};

	for (unsigned int i = 0; i < 4; i++)
		assert_true(bus_write(&bench->mmio, table + 16 * vector + 4 * i, &row[i], 4));
}

static void give_ring(struct bench *bench, unsigned int queue)
{
	struct fake_ring *ring = &bench->rings[queue];

	fake_ring_init(ring, &bench->memory, 8);
	set(bench, VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_NOFF, 2), queue);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	set(bench, VIRTIO_PCI_COMMON_Q_SIZE, 8, 2);
	set(bench, VIRTIO_PCI_COMMON_Q_DESCLO, ring->config.desc, 4);
	set(bench, VIRTIO_PCI_COMMON_Q_DESCHI, 0, 4);
	set(bench, VIRTIO_PCI_COMMON_Q_AVAILLO, ring->config.avail, 4);
	set(bench, VIRTIO_PCI_COMMON_Q_AVAILHI, 0, 4);
	set(bench, VIRTIO_PCI_COMMON_Q_USEDLO, ring->config.used, 4);
	set(bench, VIRTIO_PCI_COMMON_Q_USEDHI, 0, 4);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_USEDLO, 4), ring->config.used);
	set(bench, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

/* 3.1.1, as Linux does it. */
static void come_up(struct bench *bench)
{
	set(bench, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	set(bench, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	set(bench, VIRTIO_PCI_COMMON_STATUS, 3, 1);
	set(bench, VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	assert_true(get(bench, VIRTIO_PCI_COMMON_DF, 4) & 1);
	set(bench, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	set(bench, VIRTIO_PCI_COMMON_GF, 1 | 1u << (VIRTIO_F_RING_RESET - 32), 4);
	set(bench, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	set(bench, VIRTIO_PCI_COMMON_GF, 1, 4);
	set(bench, VIRTIO_PCI_COMMON_STATUS, 11, 1);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_STATUS, 1), 11);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
	for (unsigned int i = 0; i < QUEUES; i++)
		give_ring(bench, i);
	set(bench, VIRTIO_PCI_COMMON_STATUS, 15, 1);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_STATUS, 1), 15);
}

static void set_queue_vector(struct bench *bench, unsigned int queue, unsigned int vector)
{
	set(bench, VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
	set(bench, VIRTIO_PCI_COMMON_Q_MSIX, vector, 2);
}

static void request(struct bench *bench, unsigned int queue)
{
	gpa_t buffer = fake_memory_alloc(&bench->memory, 16);
	struct fake_segment segment = {.gpa = buffer, .len = 16};
	struct fake_ring *ring = &bench->rings[queue];

	fake_ring_offer(ring, fake_ring_chain(ring, &segment, 1));
	set(bench, VIRTIO_PCI_NOTIFY + queue * VIRTIO_PCI_NOTIFY_MULTIPLIER, queue, 2);
	loop_stop(&bench->loop);
	assert_int_equal(loop_run(&bench->loop), 0);
	assert_true(fake_ring_used(ring, NULL, NULL));
}

static unsigned int sent(struct bench *bench, unsigned int vector)
{
	return (unsigned int)fake_msi_sent(&bench->msi, &bench->pci.msix.irqfds[vector]);
}

/*
 * Discovery.
 */

static void it_says_who_it_is(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(config_get(bench, PCI_VENDOR_ID, 2), 0x1af4);
	assert_int_equal(config_get(bench, PCI_DEVICE_ID, 2), 0x1042);
	assert_int_equal(config_get(bench, PCI_REVISION_ID, 1), 1);
	assert_true(config_get(bench, PCI_SUBSYSTEM_ID, 2) >= 0x40);
	assert_int_equal(config_get(bench, PCI_CLASS_PROG, 4) & 0xffffff, 0x018000);
	assert_int_equal(config_get(bench, PCI_INTERRUPT_PIN, 1), 1);
}

static void each_capability_points_into_the_bar(void **state)
{
	struct bench *bench = *state;
	static const struct {
		uint32_t type, offset, length;
	} structures[] = {
		{VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_COMMON, VIRTIO_PCI_COMMON_SIZE},
		{VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_PCI_NOTIFY, 8},
		{VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_ISR_STATUS, VIRTIO_PCI_ISR_SIZE},
		{VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_DEVICE, 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(structures); i++) {
		unsigned int at = find_capability(bench, PCI_CAP_ID_VNDR, structures[i].type);

		assert_true(at >= 0x40 && at % 4 == 0);
		assert_int_equal(config_get(bench, at + VIRTIO_PCI_CAP_BAR, 1), 0);
		assert_int_equal(config_get(bench, at + VIRTIO_PCI_CAP_OFFSET, 4),
				 structures[i].offset);
		assert_int_equal(config_get(bench, at + VIRTIO_PCI_CAP_LENGTH, 4),
				 structures[i].length);
	}
	assert_int_equal(
		config_get(bench,
			   find_capability(bench, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_NOTIFY_CFG) +
				   VIRTIO_PCI_NOTIFY_CAP_MULT,
			   4),
		4);
	assert_int_equal(
		config_get(bench, find_capability(bench, PCI_CAP_ID_MSIX, 0) + PCI_MSIX_FLAGS, 2),
		QUEUES); /* one more than that */
}

/*
 * Interrupts.
 */

static void each_queue_has_its_vector(void **state)
{
	struct bench *bench = *state;

	enable_msix(bench, true);
	come_up(bench);
	for (unsigned int i = 0; i <= QUEUES; i++)
		unmask_vector(bench, i);
	set(bench, VIRTIO_PCI_COMMON_MSIX, 0, 2);
	set_queue_vector(bench, 0, 1);
	set_queue_vector(bench, 1, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_MSIX, 2), 0);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_MSIX, 2), 2);

	request(bench, 1);
	assert_int_equal(sent(bench, 1), 0);
	assert_int_equal(sent(bench, 2), 1);
	request(bench, 0);
	assert_int_equal(sent(bench, 1), 1);
	assert_int_equal(sent(bench, 0), 0);
	virtio_config_changed(&bench->echo.dev, 0, "C", 1);
	assert_int_equal(sent(bench, 0), 1);
	assert_int_equal(bench->irq.rises, 0);
	/* 4.1.4.5.1: the ISR says so even now, and a queue's interrupt leaves no trace there. */
	assert_int_equal(get(bench, VIRTIO_PCI_ISR_STATUS, 1), 2);
}

static void a_masked_vector_waits(void **state)
{
	struct bench *bench = *state;

	enable_msix(bench, true);
	come_up(bench);
	set_queue_vector(bench, 0, 1);
	for (unsigned int i = 0; i < 100; i++)
		request(bench, 0);
	assert_int_equal(sent(bench, 1), 0);
	unmask_vector(bench, 1);
	assert_true(sent(bench, 1) > 0);
}

/* Hostile case 22. */
static void a_vector_that_is_not_there_becomes_no_vector(void **state)
{
	struct bench *bench = *state;
	static const unsigned int vectors[] = {QUEUES + 1, 2048, 0x8000, 0xfffe, 0xffff};

	enable_msix(bench, true);
	come_up(bench);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		set(bench, VIRTIO_PCI_COMMON_MSIX, vectors[i], 2);
		assert_int_equal(get(bench, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
		set_queue_vector(bench, 0, vectors[i]);
		assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
		request(bench, 0);
		virtio_config_changed(&bench->echo.dev, 0, "C", 1);
	}
	for (unsigned int i = 0; i <= QUEUES; i++) {
		unmask_vector(bench, i);
		assert_int_equal(sent(bench, i), 0);
	}
}

static void without_msix_the_pin_is_used_until_the_isr_is_read(void **state)
{
	struct bench *bench = *state;

	come_up(bench);
	request(bench, 0);
	assert_true(bench->irq.high);
	request(bench, 1);
	virtio_config_changed(&bench->echo.dev, 0, "C", 1);
	assert_int_equal(bench->irq.rises, 1);
	assert_int_equal(get(bench, VIRTIO_PCI_ISR_STATUS, 1), 3);
	assert_false(bench->irq.high);
	assert_int_equal(get(bench, VIRTIO_PCI_ISR_STATUS, 1), 0);

	/* Turning MSI-X on takes the pin away, and off gives it back. */
	request(bench, 0);
	enable_msix(bench, true);
	assert_false(bench->irq.high);
	enable_msix(bench, false);
	assert_true(bench->irq.high);
}

static void a_reset_takes_vectors_and_pin_away(void **state)
{
	struct bench *bench = *state;

	come_up(bench);
	set_queue_vector(bench, 1, 1);
	set(bench, VIRTIO_PCI_COMMON_MSIX, 0, 2);
	request(bench, 0);
	assert_true(bench->irq.high);
	set(bench, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	assert_false(bench->irq.high);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);

	come_up(bench);
	request(bench, 0);
	pci_bus_reset(&bench->bus);
	assert_false(bench->irq.high);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
}

static void vhost_gets_the_vectors_own_eventfd(void **state)
{
	struct bench *bench = *state;

	bench->echo.lend = true;
	come_up(bench);
	assert_int_equal(bench->echo.call_fd, -1); /* the pin needs us */
	enable_msix(bench, true);
	set_queue_vector(bench, 0, 1);
	assert_int_equal(bench->echo.starts, 2);
	assert_int_equal(bench->echo.call_fd, bench->pci.msix.irqfds[1].fd);
	set_queue_vector(bench, 0, VIRTIO_MSI_NO_VECTOR);
	assert_int_equal(bench->echo.call_fd, -1);
	set_queue_vector(bench, 1, 1); /* not lent */
	assert_int_equal(bench->echo.starts, 3);
}

/*
 * Doorbells.
 */

static void doorbells_move_with_the_bar(void **state)
{
	struct bench *bench = *state;
	uint64_t base = bar_base(bench);

	assert_int_equal(bench->armed, QUEUES);
	assert_int_equal(bench->doorbell, base + VIRTIO_PCI_NOTIFY + 4);
	config_set(bench, PCI_BASE_ADDRESS_0, (uint32_t)MEM64 + 0x10000, 4);
	config_set(bench, PCI_BASE_ADDRESS_1, MEM64 >> 32, 4);
	assert_int_equal(bench->armed, QUEUES);
	assert_int_equal(bench->doorbell, MEM64 + 0x10000 + VIRTIO_PCI_NOTIFY + 4);
	come_up(bench);
	request(bench, 1);
	/* Where nothing may answer no doorbell does. */
	config_set(bench, PCI_BASE_ADDRESS_1, UINT32_MAX, 4);
	assert_int_equal(bench->armed, 0);
}

/* Hostile case 23. */
static void a_doorbell_that_is_not_there_rings_nowhere(void **state)
{
	struct bench *bench = *state;

	come_up(bench);
	for (uint64_t offset = VIRTIO_PCI_NOTIFY + 4 * QUEUES; offset < VIRTIO_PCI_BAR_SIZE;
	     offset += 4)
		set(bench, offset, 0, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_NOTIFY, 4), 0);
	request(bench, 0);
}

/*
 * Registers.
 */

static void a_queue_is_reset_and_comes_back(void **state)
{
	struct bench *bench = *state;

	come_up(bench);
	set(bench, VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	set(bench, VIRTIO_PCI_COMMON_Q_RESET, 1, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	give_ring(bench, 1);
	request(bench, 1);
	/* 4.1.4.3.2: writing 0 is no way to disable one. */
	set(bench, VIRTIO_PCI_COMMON_Q_ENABLE, 0, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

/* Hostile case 21. */
static void no_selector_leads_out_of_bounds(void **state)
{
	struct bench *bench = *state;
	static const uint32_t selectors[] = {QUEUES, VIRTIO_MAX_QUEUES, 0x8000, 0xffff};

	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		set(bench, VIRTIO_PCI_COMMON_Q_SELECT, selectors[i], 2);
		set(bench, VIRTIO_PCI_COMMON_DFSELECT, selectors[i], 4);
		set(bench, VIRTIO_PCI_COMMON_GFSELECT, selectors[i], 4);
		assert_int_equal(get(bench, VIRTIO_PCI_COMMON_DF, 4), 0);
		assert_int_equal(get(bench, VIRTIO_PCI_COMMON_GF, 4), 0);
		assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
		assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
		for (uint64_t offset = VIRTIO_PCI_COMMON_Q_SIZE; offset < VIRTIO_PCI_COMMON_SIZE;
		     offset += 2) {
			set(bench, offset, 1, 2);
			set(bench, offset, 1, 4);
			get(bench, offset, 2);
			get(bench, offset, 4);
		}
	}
	come_up(bench);
}

/* Hostile case 24. */
static void each_field_is_taken_at_its_own_width(void **state)
{
	struct bench *bench = *state;
	static const uint8_t widths[] = {
		[VIRTIO_PCI_COMMON_DFSELECT] = 4,  [VIRTIO_PCI_COMMON_DF] = 4,
		[VIRTIO_PCI_COMMON_GFSELECT] = 4,  [VIRTIO_PCI_COMMON_GF] = 4,
		[VIRTIO_PCI_COMMON_MSIX] = 2,	   [VIRTIO_PCI_COMMON_NUMQ] = 2,
		[VIRTIO_PCI_COMMON_STATUS] = 1,	   [VIRTIO_PCI_COMMON_CFGGENERATION] = 1,
		[VIRTIO_PCI_COMMON_Q_SELECT] = 2,  [VIRTIO_PCI_COMMON_Q_SIZE] = 2,
		[VIRTIO_PCI_COMMON_Q_MSIX] = 2,	   [VIRTIO_PCI_COMMON_Q_ENABLE] = 2,
		[VIRTIO_PCI_COMMON_Q_NOFF] = 2,	   [VIRTIO_PCI_COMMON_Q_DESCLO] = 4,
		[VIRTIO_PCI_COMMON_Q_DESCHI] = 4,  [VIRTIO_PCI_COMMON_Q_AVAILLO] = 4,
		[VIRTIO_PCI_COMMON_Q_AVAILHI] = 4, [VIRTIO_PCI_COMMON_Q_USEDLO] = 4,
		[VIRTIO_PCI_COMMON_Q_USEDHI] = 4,  [VIRTIO_PCI_COMMON_SIZE - 1] = 0,
	};

	for (uint64_t offset = 0; offset < VIRTIO_PCI_COMMON_SIZE; offset++) {
		for (unsigned int size = 1; size <= 8; size *= 2) {
			if (widths[offset] == size)
				continue;
			set(bench, offset, UINT64_MAX, size);
			assert_int_equal(get(bench, offset, size), 0);
		}
	}
	/* And what is read only stays. */
	set(bench, VIRTIO_PCI_COMMON_NUMQ, 77, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_NUMQ, 2), QUEUES);
	set(bench, VIRTIO_PCI_COMMON_DF, 0, 4);
	set(bench, VIRTIO_PCI_COMMON_CFGGENERATION, 9, 1);
	set(bench, VIRTIO_PCI_COMMON_Q_NOFF, 9, 2);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_Q_NOFF, 2), 0);
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_STATUS, 1), 0);
}

/* Hostile case 24. */
static void configuration_space_is_taken_at_any_width(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(get(bench, VIRTIO_PCI_DEVICE, 1), 'c');
	assert_int_equal(get(bench, VIRTIO_PCI_DEVICE + 1, 2), 0x6e6f);
	assert_int_equal(get(bench, VIRTIO_PCI_DEVICE, 8), 0x6769666e6f63);
	assert_int_equal(get(bench, VIRTIO_PCI_DEVICE + 6, 8), 0);
	set(bench, VIRTIO_PCI_DEVICE, 0, 4);
	set(bench, VIRTIO_PCI_DEVICE + VIRTIO_MAX_CONFIG - 1, 0, 1);
	assert_int_equal(get(bench, VIRTIO_PCI_DEVICE, 1), 'c');
}

static void no_byte_of_the_bar_does_harm(void **state)
{
	struct bench *bench = *state;

	for (uint64_t offset = 0; offset < VIRTIO_PCI_BAR_SIZE; offset++) {
		for (unsigned int size = 1; size <= 8 && offset + size <= VIRTIO_PCI_BAR_SIZE;
		     size *= 2) {
			set(bench, offset, 0x8181818181818181, size);
			get(bench, offset, size);
		}
	}
	come_up(bench);
	request(bench, 0);
}

/*
 * The window in configuration space, 4.1.4.9.
 */

static void open_window(struct bench *bench, uint32_t bar, uint32_t offset, uint32_t length)
{
	unsigned int at = find_capability(bench, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_PCI_CFG);

	config_set(bench, at + VIRTIO_PCI_CAP_BAR, bar, 1);
	config_set(bench, at + VIRTIO_PCI_CAP_OFFSET, offset, 4);
	config_set(bench, at + VIRTIO_PCI_CAP_LENGTH, length, 4);
}

static unsigned int window_data(struct bench *bench)
{
	return find_capability(bench, PCI_CAP_ID_VNDR, VIRTIO_PCI_CAP_PCI_CFG) +
	       (unsigned int)sizeof(struct virtio_pci_cap);
}

static void the_window_reaches_the_bar_while_it_is_not_mapped(void **state)
{
	struct bench *bench = *state;

	config_set(bench, PCI_COMMAND, 0, 2);
	open_window(bench, 0, VIRTIO_PCI_COMMON_NUMQ, 2);
	assert_int_equal(config_get(bench, window_data(bench), 4) & 0xffff, QUEUES);
	open_window(bench, 0, VIRTIO_PCI_COMMON_STATUS, 1);
	config_set(bench, window_data(bench), 3, 1);
	assert_int_equal(virtio_get_status(&bench->echo.dev), 3);
	assert_int_equal(config_get(bench, window_data(bench), 1), 3);
}

static void the_window_is_bounded(void **state)
{
	struct bench *bench = *state;
	static const struct {
		uint32_t bar, offset, length;
	} cases[] = {
		{1, 0, 4},	    {2, 0, 4},		{0xff, 0, 4},
		{0, 0, 0},	    {0, 0, 3},		{0, 0, 8},
		{0, 0, UINT32_MAX}, {0, 1, 4},		{0, VIRTIO_PCI_BAR_SIZE, 4},
		{0, 0xfffffffc, 4}, {0, UINT32_MAX, 1}, {0, VIRTIO_PCI_BAR_SIZE - 1, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		open_window(bench, cases[i].bar, cases[i].offset, cases[i].length);
		config_set(bench, window_data(bench), 0x01010101, 4);
		assert_int_equal(config_get(bench, window_data(bench), 4), 0x01010101);
	}
	assert_int_equal(get(bench, VIRTIO_PCI_COMMON_DFSELECT, 4), 0);
}

/*
 * Creation.
 */

static void too_few_vectors_leave_nothing_behind(void **state)
{
	struct bench *bench = *state;
	struct echo_device other = {.dev = {.name = "other",
					    .ops = &echo_ops,
					    .id = VIRTIO_ID_RNG,
					    .nqueues = 1,
					    .queue_size = 8}};
	struct virtio_pci pci;

	assert_int_equal(virtio_device_init(&other.dev, &bench->loop, &bench->memory.mem), 0);
	bench->msi.limit = bench->msi.used + 1;
	assert_int_equal(virtio_pci_init(&pci, &other.dev, &bench->bus), -ENOSPC);
	assert_int_equal(bench->msi.used, QUEUES + 1);
	virtio_pci_destroy(&pci);
	virtio_device_destroy(&other.dev);
}

static void it_goes_only_when_the_device_has_told_its_last(void **state)
{
	struct bench *bench = *state;

	come_up(bench);
	bench->echo.tells_at_stop = true;
	virtio_pci_destroy(&bench->pci);
	assert_int_equal(bench->irq.rises, 1);
	assert_false(bench->echo.dev.running);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bench, drop_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_who_it_is),
		TEST(each_capability_points_into_the_bar),
		TEST(each_queue_has_its_vector),
		TEST(a_masked_vector_waits),
		TEST(a_vector_that_is_not_there_becomes_no_vector),
		TEST(without_msix_the_pin_is_used_until_the_isr_is_read),
		TEST(a_reset_takes_vectors_and_pin_away),
		TEST(vhost_gets_the_vectors_own_eventfd),
		TEST(doorbells_move_with_the_bar),
		TEST(a_doorbell_that_is_not_there_rings_nowhere),
		TEST(a_queue_is_reset_and_comes_back),
		TEST(no_selector_leads_out_of_bounds),
		TEST(each_field_is_taken_at_its_own_width),
		TEST(configuration_space_is_taken_at_any_width),
		TEST(no_byte_of_the_bar_does_harm),
		TEST(the_window_reaches_the_bar_while_it_is_not_mapped),
		TEST(the_window_is_bounded),
		TEST(too_few_vectors_leave_nothing_behind),
		TEST(it_goes_only_when_the_device_has_told_its_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
