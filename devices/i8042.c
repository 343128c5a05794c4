/* i8042.c: a keyboard controller with nothing attached (IBM PS/2 technical reference, keyboard
 * controller). */
#include "devices/i8042.h"

#include <string.h>

#include "vmm/util.h"

enum { I8042_COMMAND_OFFSET = 4 }; /* ports 0x60 and 0x64 */

/* Status register. */
enum {
	STATUS_OUTPUT_FULL = 1 << 0,
	STATUS_SYSTEM = 1 << 2,	  /* the self-test passed */
	STATUS_COMMAND = 1 << 3,  /* the last write was to the command port */
	STATUS_UNLOCKED = 1 << 4, /* the key lock */
	STATUS_TIMEOUT = 1 << 6,
};

/* Command byte, RAM byte 0. */
enum {
	MODE_KEYBOARD_INTERRUPT = 1 << 0,
	MODE_SYSTEM = 1 << 2,
	MODE_KEYBOARD_OFF = 1 << 4,
	MODE_AUX_OFF = 1 << 5,
};

enum {
	COMMAND_READ_RAM = 0x20,  /* to 0x3f */
	COMMAND_WRITE_RAM = 0x60, /* to 0x7f */
	COMMAND_RAM_MASK = 0x1f,
	COMMAND_AUX_OFF = 0xa7,
	COMMAND_AUX_ON = 0xa8,
	COMMAND_AUX_TEST = 0xa9,
	COMMAND_SELF_TEST = 0xaa,
	COMMAND_KEYBOARD_TEST = 0xab,
	COMMAND_KEYBOARD_OFF = 0xad,
	COMMAND_KEYBOARD_ON = 0xae,
	COMMAND_READ_INPUT_PORT = 0xc0,
	COMMAND_READ_OUTPUT_PORT = 0xd0,
	COMMAND_WRITE_OUTPUT_PORT = 0xd1,
	COMMAND_WRITE_KEYBOARD_OUTPUT = 0xd2,
	COMMAND_WRITE_AUX_OUTPUT = 0xd3,
	COMMAND_PULSE = 0xf0, /* to 0xff: the low four bits of the output port whose bit is clear */
};

enum {
	OUTPUT_PORT_NOT_RESET = 1 << 0, /* low resets the machine */
	OUTPUT_PORT_A20 = 1 << 1,
	SELF_TEST_PASSED = 0x55,
	KEYBOARD_TEST_PASSED = 0x00,
	AUX_TEST_CLOCK_STUCK = 0x01,
	KEYBOARD_TIMED_OUT = 0xfe,
	INPUT_PORT_UNLOCKED = 0x80,
};

static void update_irq(struct i8042 *i8042)
{
	struct i8042_state *state = &i8042->state;
	bool high = state->status & STATUS_OUTPUT_FULL && state->ram[0] & MODE_KEYBOARD_INTERRUPT;

	if (high == state->irq_high)
		return;
	state->irq_high = high;
	irq_set(&i8042->irq, high);
}

/* There is one output register: a driver that does not read loses the older byte. */
static void reply(struct i8042 *i8042, uint8_t value)
{
	i8042->state.output = value;
	i8042->state.status |= STATUS_OUTPUT_FULL;
}

/* Whether the command resets the machine. */
static bool start_command(struct i8042 *i8042, uint8_t command)
{
	struct i8042_state *state = &i8042->state;

	state->status |= STATUS_COMMAND;
	state->command = 0;
	switch (command) {
	case COMMAND_READ_RAM ... COMMAND_READ_RAM + COMMAND_RAM_MASK:
		reply(i8042, state->ram[command & COMMAND_RAM_MASK]);
		break;
	case COMMAND_WRITE_RAM ... COMMAND_WRITE_RAM + COMMAND_RAM_MASK:
	case COMMAND_WRITE_OUTPUT_PORT ... COMMAND_WRITE_AUX_OUTPUT:
		state->command = command;
		break;
	case COMMAND_AUX_OFF:
		state->ram[0] |= MODE_AUX_OFF;
		break;
	case COMMAND_AUX_ON:
		state->ram[0] &= (uint8_t)~MODE_AUX_OFF;
		break;
	case COMMAND_AUX_TEST:
		reply(i8042, AUX_TEST_CLOCK_STUCK); /* no such port */
		break;
	case COMMAND_SELF_TEST:
		state->status |= STATUS_SYSTEM;
		state->ram[0] = MODE_SYSTEM | MODE_KEYBOARD_OFF | MODE_AUX_OFF;
		reply(i8042, SELF_TEST_PASSED);
		break;
	case COMMAND_KEYBOARD_TEST:
		reply(i8042, KEYBOARD_TEST_PASSED);
		break;
	case COMMAND_KEYBOARD_OFF:
		state->ram[0] |= MODE_KEYBOARD_OFF;
		break;
	case COMMAND_KEYBOARD_ON:
		state->ram[0] &= (uint8_t)~MODE_KEYBOARD_OFF;
		break;
	case COMMAND_READ_INPUT_PORT:
		reply(i8042, INPUT_PORT_UNLOCKED);
		break;
	case COMMAND_READ_OUTPUT_PORT:
		reply(i8042, state->output_port);
		break;
	case COMMAND_PULSE ... 0xff:
		return !(command & OUTPUT_PORT_NOT_RESET);
	}
	return false;
}

/* The byte that a command waits for, or one for the keyboard, which is not there. Whether it resets
 * the machine. */
static bool take_data(struct i8042 *i8042, uint8_t value)
{
	struct i8042_state *state = &i8042->state;
	uint8_t command = state->command;

	state->status &= (uint8_t)~STATUS_COMMAND;
	state->command = 0;
	switch (command) {
	case COMMAND_WRITE_RAM ... COMMAND_WRITE_RAM + COMMAND_RAM_MASK:
		state->ram[command & COMMAND_RAM_MASK] = value;
		break;
	case COMMAND_WRITE_OUTPUT_PORT:
		state->output_port = value;
		return !(value & OUTPUT_PORT_NOT_RESET);
	case COMMAND_WRITE_KEYBOARD_OUTPUT:
	case COMMAND_WRITE_AUX_OUTPUT: /* comes back as the keyboard's: a driver sees that there is
					  no auxiliary port */
		reply(i8042, value);
		break;
	default:
		state->status |= STATUS_TIMEOUT;
		reply(i8042, KEYBOARD_TIMED_OUT);
		break;
	}
	return false;
}

static uint64_t data_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct i8042 *i8042 = container_of(region, struct i8042, data);

	(void)offset;
	(void)size;
	if (!i8042->answers)
		return 0xff;
	pthread_mutex_lock(&i8042->lock);
	uint8_t value = i8042->state.output;
	i8042->state.status &= (uint8_t) ~(STATUS_OUTPUT_FULL | STATUS_TIMEOUT);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
	return value;
}

static void data_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	struct i8042 *i8042 = container_of(region, struct i8042, data);

	(void)offset;
	(void)size;
	pthread_mutex_lock(&i8042->lock);
	bool resets = take_data(i8042, (uint8_t)value);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
	if (resets)
		i8042->events->post(i8042->events, MACHINE_RESET, 0);
}

/* Input is never full, so that whoever waits before the reset command goes on at once. */
static uint64_t command_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct i8042 *i8042 = container_of(region, struct i8042, command);

	(void)offset;
	(void)size;
	if (!i8042->answers)
		return STATUS_OUTPUT_FULL;
	pthread_mutex_lock(&i8042->lock);
	uint8_t value = i8042->state.status;
	pthread_mutex_unlock(&i8042->lock);
	return value;
}

static void command_write(struct io_region *region, uint64_t offset, uint64_t value,
			  unsigned int size)
{
	struct i8042 *i8042 = container_of(region, struct i8042, command);

	(void)offset;
	(void)size;
	pthread_mutex_lock(&i8042->lock);
	bool resets = start_command(i8042, (uint8_t)value);
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
	if (resets)
		i8042->events->post(i8042->events, MACHINE_RESET, 0);
}

static const struct io_region_ops data_ops = {.read = data_read, .write = data_write};
static const struct io_region_ops command_ops = {.read = command_read, .write = command_write};

void i8042_init(struct i8042 *i8042, struct irq_line irq, struct event_sink *events, bool answers)
{
	*i8042 = (struct i8042){
		.data = {.name = "i8042-data", .size = 1, .ops = &data_ops},
		.command = {.name = "i8042-command", .size = 1, .ops = &command_ops},
		.irq = irq,
		.events = events,
		.answers = answers,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	i8042_reset(i8042);
}

void i8042_destroy(struct i8042 *i8042)
{
	pthread_mutex_destroy(&i8042->lock);
}

int i8042_attach(struct i8042 *i8042, struct bus *ports, uint64_t base)
{
	int err = bus_add(ports, &i8042->data, base);

	return err < 0 ? err : bus_add(ports, &i8042->command, base + I8042_COMMAND_OFFSET);
}

void i8042_reset(struct i8042 *i8042)
{
	struct i8042_state *state = &i8042->state;

	pthread_mutex_lock(&i8042->lock);
	memset(state->ram, 0, sizeof(state->ram));
	state->ram[0] = MODE_KEYBOARD_OFF | MODE_AUX_OFF;
	state->output = 0;
	state->status = STATUS_UNLOCKED;
	state->output_port = OUTPUT_PORT_NOT_RESET | OUTPUT_PORT_A20;
	state->command = 0;
	update_irq(i8042);
	pthread_mutex_unlock(&i8042->lock);
}
