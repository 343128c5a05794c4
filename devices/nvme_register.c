/*
 * nvme_register.c: BAR 0: registers and doorbells (NVM Express 1.4, 3.1), as vCPU threads access
 * them.
 *
 * A doorbell is kept and the loop woken; what changes the controller's state is done on the loop
 * before the access ends, so that the driver finds it done.
 */
#include "devices/nvme_controller.h"
#include "vmm/util.h"

enum { READY_TIMEOUT = 20 }; /* 10 s: a reset waits for what is in flight */

/* Doorbells. */

static void answer(void *arg)
{
	nvme_bell_answer(arg);
}

static void doorbell_written(struct nvme *nvme, uint64_t index, uint32_t value)
{
	uint64_t id = index / 2;
	struct nvme_bell *bell = &nvme->bells[id <= nvme->nqueues ? id : 0];

	/* Release: what the driver has put into the queue is there when the loop sees the value. */
	if (id > nvme->nqueues) {
		atomic_store(&nvme->invalid_doorbell, true);
	} else if (index % 2 == 0) {
		atomic_store_explicit(&bell->tail, value, memory_order_release);
	} else {
		atomic_store_explicit(&bell->head, value, memory_order_release);
		/* The pin must have fallen when the driver comes back, or it interrupts again. */
		if (!msix_is_enabled(&nvme->msix)) {
			loop_call(nvme->loop, answer, bell);
			return;
		}
	}
	nvme_bell_ring(bell);
}

/* Registers. */

static uint64_t capabilities(void)
{
	return (NVME_MAX_ENTRIES - 1) | 1ull << NVME_CAP_CQR |
	       (uint64_t)READY_TIMEOUT << NVME_CAP_TO | 1ull << NVME_CAP_CSS_NVM;
}

/* The aligned doubleword at offset. Doorbells read as zero, 3.1.24. */
static uint32_t read_register(struct nvme *nvme, uint64_t offset)
{
	struct nvme_registers registers;

	pthread_mutex_lock(&nvme->lock);
	registers = nvme->registers;
	pthread_mutex_unlock(&nvme->lock);
	switch (offset) {
	case NVME_CAP:
		return (uint32_t)capabilities();
	case NVME_CAP + 4:
		return (uint32_t)(capabilities() >> 32);
	case NVME_VS:
		return NVME_VERSION_1_4;
	case NVME_INTMS:
	case NVME_INTMC:
		return registers.intms;
	case NVME_CC:
		return registers.cc;
	case NVME_CSTS:
		return registers.csts;
	case NVME_AQA:
		return registers.aqa;
	case NVME_ASQ:
		return (uint32_t)registers.asq;
	case NVME_ASQ + 4:
		return (uint32_t)(registers.asq >> 32);
	case NVME_ACQ:
		return (uint32_t)registers.acq;
	case NVME_ACQ + 4:
		return (uint32_t)(registers.acq >> 32);
	default:
		return 0;
	}
}

static void update_intx(void *arg)
{
	nvme_control_intx(arg);
}

static void set_half(uint64_t *word, bool upper, uint32_t value)
{
	*word = upper ? (*word & UINT32_MAX) | (uint64_t)value << 32
		      : (*word & ~(uint64_t)UINT32_MAX) | value;
}

/* What is only kept until the controller is enabled. */
static void store_register(struct nvme *nvme, uint64_t offset, uint32_t value)
{
	struct nvme_registers *registers = &nvme->registers;

	pthread_mutex_lock(&nvme->lock);
	switch (offset) {
	case NVME_INTMS:
		registers->intms |= value;
		break;
	case NVME_INTMC:
		registers->intms &= ~value;
		break;
	case NVME_AQA:
		registers->aqa = value & 0x0fff0fff;
		break;
	case NVME_ASQ:
	case NVME_ASQ + 4:
		set_half(&registers->asq, offset == NVME_ASQ + 4, value);
		break;
	case NVME_ACQ:
	case NVME_ACQ + 4:
		set_half(&registers->acq, offset == NVME_ACQ + 4, value);
		break;
	default: /* read-only or reserved */
		break;
	}
	pthread_mutex_unlock(&nvme->lock);
}

static void write_register(struct nvme *nvme, uint64_t offset, uint32_t value)
{
	if (offset >= NVME_DOORBELLS) {
		doorbell_written(nvme, (offset - NVME_DOORBELLS) / sizeof(uint32_t), value);
	} else if (offset == NVME_CC) {
		nvme_control_write(nvme, value);
	} else {
		store_register(nvme, offset, value);
		if (offset == NVME_INTMS || offset == NVME_INTMC)
			loop_call(nvme->loop, update_intx, nvme);
	}
}

static uint64_t bar_read(struct io_region *region, uint64_t offset, unsigned int size)
{
	struct nvme *nvme = container_of(region, struct nvme, region);
	uint64_t word = offset & ~3ull;
	uint64_t value = read_register(nvme, word);

	if (offset - word + size > sizeof(uint32_t))
		value |= (uint64_t)read_register(nvme, word + 4) << 32;
	return value >> 8 * (offset - word);
}

/* Registers are written as aligned doublewords, or two at once, 3.1; a doorbell has 16 bits that
 * count. */
static void bar_write(struct io_region *region, uint64_t offset, uint64_t value, unsigned int size)
{
	struct nvme *nvme = container_of(region, struct nvme, region);
	bool doorbell = offset >= NVME_DOORBELLS && size == 2;

	if (offset % 4 || (size < 4 && !doorbell)) {
		nvme_complain(nvme, "a part of a register was written: ignored");
		return;
	}
	write_register(nvme, offset, (uint32_t)value);
	if (size == 8)
		write_register(nvme, offset + 4, (uint32_t)(value >> 32));
}

const struct io_region_ops nvme_region_ops = {
	.read = bar_read,
	.write = bar_write,
};
