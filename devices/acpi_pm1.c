/* acpi_pm1.c: the fixed registers of classic ACPI. */
#include "devices/acpi_pm1.h"

#include "devices/acpi_pm.h"
#include "devices/byte_ports.h"
#include "vmm/util.h"

/* PM1 status and enable registers, tables 4.11 and 4.12: bits that have an event of ours behind
 * them or that a guest may enable and wait for in vain. */
enum {
	PM1_TIMER = 1 << 0,
	PM1_GLOBAL = 1 << 5,
	PM1_POWER_BUTTON = 1 << 8,
	PM1_SLEEP_BUTTON = 1 << 9,
	PM1_RTC = 1 << 10,
	PM1_EVENTS = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC,
};

/* PM1 control register, table 4.13. */
enum {
	PM1_SCI_ENABLE =
		1 << 0, /* always on: the FADT has no SMI command port, so there is no other mode */
	PM1_BUS_MASTER_RELOAD = 1 << 1,
	PM1_SLEEP_TYPE_SHIFT = 10,
	PM1_SLEEP_TYPE_MASK = 7,
	PM1_SLEEP_ENABLE = 1 << 13, /* reads as 0 */
	PM1_CONTROL_KEPT = PM1_BUS_MASTER_RELOAD | PM1_SLEEP_TYPE_MASK << PM1_SLEEP_TYPE_SHIFT,
};

static void update_sci(struct acpi_pm1 *pm1)
{
	bool high = (pm1->state.status & pm1->state.enable) != 0;

	if (high == pm1->state.sci_high)
		return;
	pm1->state.sci_high = high;
	irq_set(&pm1->sci, high);
}

static uint8_t event_read_byte(struct io_region *region, uint64_t offset)
{
	struct acpi_pm1 *pm1 = container_of(region, struct acpi_pm1, event);
	uint16_t word = offset < 2 ? pm1->state.status : pm1->state.enable;

	return (uint8_t)(word >> (8 * (offset & 1)));
}

static void event_write_byte(struct io_region *region, uint64_t offset, uint8_t value)
{
	struct acpi_pm1 *pm1 = container_of(region, struct acpi_pm1, event);
	unsigned int shift = 8 * (offset & 1);
	unsigned int bits = (unsigned int)value << shift;

	if (offset < 2)
		pm1->state.status &= (uint16_t)~bits;
	else
		pm1->state.enable =
			(uint16_t)((pm1->state.enable & ~(0xffu << shift)) | (bits & PM1_EVENTS));
}

static uint64_t event_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct acpi_pm1 *pm1 = container_of(region, struct acpi_pm1, event);

	pthread_mutex_lock(&pm1->lock);
	uint64_t value = byte_ports_read(region, offset, size, event_read_byte);
	pthread_mutex_unlock(&pm1->lock);
	return value;
}

static void event_write(struct io_region *region, uint64_t offset, uint64_t value,
			unsigned int size)
{
	struct acpi_pm1 *pm1 = container_of(region, struct acpi_pm1, event);

	pthread_mutex_lock(&pm1->lock);
	byte_ports_write(region, offset, value, size, event_write_byte);
	update_sci(pm1);
	pthread_mutex_unlock(&pm1->lock);
}

static uint64_t control_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct acpi_pm1 *pm1 = container_of(region, struct acpi_pm1, control);

	(void)size;
	pthread_mutex_lock(&pm1->lock);
	uint64_t value = (uint64_t)(pm1->state.control | PM1_SCI_ENABLE) >> (8 * offset);
	pthread_mutex_unlock(&pm1->lock);
	return value;
}

static void control_write(struct io_region *region, uint64_t offset, uint64_t value,
			  unsigned int size)
{
	struct acpi_pm1 *pm1 = container_of(region, struct acpi_pm1, control);
	unsigned int written = size >= 2 ? 0xffffu : 0xffu << (8 * offset);
	unsigned int bits = (unsigned int)value << (8 * offset) & written;

	pthread_mutex_lock(&pm1->lock);
	unsigned int kept = pm1->state.control & ~written;
	pm1->state.control = (uint16_t)(kept | (bits & PM1_CONTROL_KEPT));
	unsigned int type = pm1->state.control >> PM1_SLEEP_TYPE_SHIFT & PM1_SLEEP_TYPE_MASK;
	pthread_mutex_unlock(&pm1->lock);

	if (bits & PM1_SLEEP_ENABLE && type == ACPI_PM_SLP_TYP_S5)
		pm1->events->post(pm1->events, MACHINE_POWEROFF, 0);
}

static const struct io_region_ops event_ops = {.read = event_read, .write = event_write};
static const struct io_region_ops control_ops = {.read = control_read, .write = control_write};

void acpi_pm1_init(struct acpi_pm1 *pm1, struct irq_line sci, struct event_sink *events)
{
	*pm1 = (struct acpi_pm1){
		.event = {.name = "acpi-pm1a-event",
			  .size = ACPI_PM1_EVENT_PORTS,
			  .ops = &event_ops},
		.control = {.name = "acpi-pm1a-control",
			    .size = ACPI_PM1_CONTROL_PORTS,
			    .ops = &control_ops},
		.sci = sci,
		.events = events,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
}

void acpi_pm1_destroy(struct acpi_pm1 *pm1)
{
	pthread_mutex_destroy(&pm1->lock);
}

int acpi_pm1_attach(struct acpi_pm1 *pm1, struct bus *ports, uint64_t event, uint64_t control)
{
	int err = bus_add(ports, &pm1->event, event);

	return err < 0 ? err : bus_add(ports, &pm1->control, control);
}

void acpi_pm1_reset(struct acpi_pm1 *pm1)
{
	pthread_mutex_lock(&pm1->lock);
	pm1->state.status = 0;
	pm1->state.enable = 0;
	pm1->state.control = 0;
	update_sci(pm1);
	pthread_mutex_unlock(&pm1->lock);
}

void acpi_pm1_power_button(struct acpi_pm1 *pm1)
{
	pthread_mutex_lock(&pm1->lock);
	pm1->state.status |= PM1_POWER_BUTTON;
	update_sci(pm1);
	pthread_mutex_unlock(&pm1->lock);
}
