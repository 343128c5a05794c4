/* acpi_pm.c: reset register, PM timer, and the registers of hardware-reduced ACPI. */
#include "devices/acpi_pm.h"

#include "vmm/util.h"

enum { NANOSECONDS = 1000000000 };

/* Sleep control register, ACPI 6.5, 4.8.3.7. */
enum {
	SLEEP_TYPE_SHIFT = 2,
	SLEEP_TYPE_MASK = 7,
	SLEEP_ENABLE = 1 << 5,
};

static void sleep_control_write(struct io_region *region, uint64_t offset, uint64_t value,
				unsigned int size)
{
	struct acpi_pm *pm = container_of(region, struct acpi_pm, sleep_control);

	(void)offset;
	(void)size;
	if (value & SLEEP_ENABLE &&
	    (value >> SLEEP_TYPE_SHIFT & SLEEP_TYPE_MASK) == ACPI_PM_SLP_TYP_S5)
		pm->events->post(pm->events, MACHINE_POWEROFF, 0);
}

static void reset_write(struct io_region *region, uint64_t offset, uint64_t value,
			unsigned int size)
{
	struct acpi_pm *pm = container_of(region, struct acpi_pm, reset);

	(void)offset;
	(void)size;
	if ((uint8_t)value == ACPI_PM_RESET_VALUE)
		pm->events->post(pm->events, MACHINE_RESET, 0);
}

/* Free-running, 32 bits wide; whole seconds and the rest apart, as the product of both would not
 * fit. */
static uint64_t timer_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = container_of(region, struct acpi_pm, timer);
	uint64_t ns = pm->now() - pm->start_ns;
	uint64_t ticks = ns / NANOSECONDS * ACPI_PM_TIMER_HZ +
			 ns % NANOSECONDS * ACPI_PM_TIMER_HZ / NANOSECONDS;

	(void)size;
	return (uint32_t)ticks >> (8 * offset);
}

static const struct io_region_ops sleep_control_ops = {.write = sleep_control_write};
static const struct io_region_ops sleep_status_ops = {0}; /* there is never a wake to report */
static const struct io_region_ops reset_ops = {.write = reset_write};
static const struct io_region_ops timer_ops = {.read = timer_read};

void acpi_pm_init(struct acpi_pm *pm, struct irq_line button, struct event_sink *events)
{
	*pm = (struct acpi_pm){
		.sleep_control = {.name = "acpi-sleep-control",
				  .size = 1,
				  .ops = &sleep_control_ops},
		.sleep_status = {.name = "acpi-sleep-status", .size = 1, .ops = &sleep_status_ops},
		.reset = {.name = "acpi-reset", .size = 1, .ops = &reset_ops},
		.timer = {.name = "acpi-pm-timer", .size = 4, .ops = &timer_ops},
		.button = button,
		.events = events,
		.now = monotonic_ns,
	};
	acpi_pm_reset(pm);
}

int acpi_pm_attach(struct acpi_pm *pm, struct bus *ports, const struct acpi_pm_ports *where)
{
	const struct {
		struct io_region *region;
		uint64_t port;
	} all[] = {
		{&pm->sleep_control, where->sleep_control},
		{&pm->sleep_status, where->sleep_status},
		{&pm->reset, where->reset},
		{&pm->timer, where->timer},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int err = all[i].port ? bus_add(ports, all[i].region, all[i].port) : 0;

		if (err < 0)
			return err;
	}
	return 0;
}

void acpi_pm_reset(struct acpi_pm *pm)
{
	pm->start_ns = pm->now();
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	irq_pulse(&pm->button);
}
