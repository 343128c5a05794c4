/* vm_generation.c: Virtual Machine Generation ID and VMClock. */
#include "devices/vm_generation.h"

#include <errno.h>
#include <string.h>

#include "vmm/bytes.h"

enum { /* offsets in the VMClock structure; all little-endian */
       VMCLOCK_MAGIC = 0,
       VMCLOCK_SIZE = 4,
       VMCLOCK_VERSION = 8,
       VMCLOCK_COUNTER_ID = 10,
       VMCLOCK_TIME_TYPE = 11,
       VMCLOCK_SEQ_COUNT = 12, /* odd: an update is going on */
       VMCLOCK_DISRUPTION_MARKER = 16,
       VMCLOCK_FLAGS = 24,
       VMCLOCK_CLOCK_STATUS = 34,
       VMCLOCK_VM_GENERATION_COUNTER = 104,
};

enum {
	VMCLOCK_MAGIC_VALUE = 0x4b4c4356, /* "VCLK" */
	VMCLOCK_COUNTER_INVALID = 0xff,
	VMCLOCK_TIME_UTC = 0,
	VMCLOCK_STATUS_UNKNOWN = 0,
	VMCLOCK_FLAG_VM_GEN_COUNTER_PRESENT = 1 << 8,
	VMCLOCK_FLAG_NOTIFICATION_PRESENT = 1 << 9,
};

/* The counter never repeats if the ids do not, and is the same for the same id. */
static uint64_t counter_of(const struct uuid *id)
{
	return load_le64(id->bytes) ^ load_le64(id->bytes + 8);
}

void vm_generation_init(struct vm_generation *generation, const struct vm_generation_config *config,
			const struct uuid *id)
{
	*generation = (struct vm_generation){
		.config = *config,
		.state = {.id = *id, .counter = counter_of(id)},
	};
}

static int write_id(const struct vm_generation *generation)
{
	uint8_t bytes[UUID_SIZE];

	if (!generation->config.id)
		return 0;
	uuid_to_mixed_endian(&generation->state.id, bytes);
	return memory_write(generation->config.mem, generation->config.id, bytes, sizeof(bytes));
}

/* The page, or NULL. */
static uint8_t *clock_page(const struct vm_generation *generation)
{
	return memory_range(generation->config.mem, generation->config.clock,
			    VM_GENERATION_CLOCK_SIZE, MEMORY_WRITE);
}

static int write_clock(const struct vm_generation *generation)
{
	const struct vm_generation_state *state = &generation->state;
	uint8_t *page;

	if (!generation->config.clock)
		return 0;
	page = clock_page(generation);
	if (!page)
		return -EFAULT;
	memset(page, 0, VM_GENERATION_CLOCK_SIZE);
	store_le32(page + VMCLOCK_MAGIC, VMCLOCK_MAGIC_VALUE);
	store_le32(page + VMCLOCK_SIZE, VM_GENERATION_CLOCK_SIZE);
	store_le16(page + VMCLOCK_VERSION, 1);
	page[VMCLOCK_COUNTER_ID] = VMCLOCK_COUNTER_INVALID;
	page[VMCLOCK_TIME_TYPE] = VMCLOCK_TIME_UTC;
	page[VMCLOCK_CLOCK_STATUS] = VMCLOCK_STATUS_UNKNOWN;
	store_le32(page + VMCLOCK_SEQ_COUNT, state->sequence);
	store_le64(page + VMCLOCK_DISRUPTION_MARKER, state->disruption_marker);
	store_le64(page + VMCLOCK_FLAGS,
		   VMCLOCK_FLAG_VM_GEN_COUNTER_PRESENT | VMCLOCK_FLAG_NOTIFICATION_PRESENT);
	store_le64(page + VMCLOCK_VM_GENERATION_COUNTER, state->counter);
	return 0;
}

int vm_generation_write(const struct vm_generation *generation)
{
	int err = write_id(generation);

	return err < 0 ? err : write_clock(generation);
}

static void store_sequence(uint8_t *page, uint32_t sequence)
{
	__atomic_store_n((uint32_t *)(void *)(page + VMCLOCK_SEQ_COUNT), htole32(sequence),
			 __ATOMIC_RELEASE);
}

/* Guests read the sequence before and after the fields: odd or changed means again. */
static int change_clock(const struct vm_generation *generation)
{
	const struct vm_generation_state *state = &generation->state;
	uint8_t *page;

	if (!generation->config.clock)
		return 0;
	page = clock_page(generation);
	if (!page)
		return -EFAULT;
	store_sequence(page, state->sequence - 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	store_le64(page + VMCLOCK_DISRUPTION_MARKER, state->disruption_marker);
	store_le64(page + VMCLOCK_VM_GENERATION_COUNTER, state->counter);
	store_sequence(page, state->sequence);
	return 0;
}

int vm_generation_change(struct vm_generation *generation, const struct uuid *id)
{
	int err;

	generation->state.id = *id;
	generation->state.counter = counter_of(id);
	generation->state.disruption_marker++;
	generation->state.sequence += 2;
	err = write_id(generation);
	if (!err)
		err = change_clock(generation);
	if (err < 0)
		return err;
	if (generation->config.id)
		irq_pulse(&generation->config.id_irq);
	if (generation->config.clock)
		irq_pulse(&generation->config.clock_irq);
	return 0;
}
