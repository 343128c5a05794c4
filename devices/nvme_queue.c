/*
 * nvme_queue.c: submission and completion queues (NVM Express 1.4, 4), in guest memory and at the
 * guest's mercy.
 *
 * A command is taken only when there is a place for its completion that no other command in flight
 * will need. So a completion never waits, and a driver that leaves its completion queue full holds
 * up nobody but itself.
 */
#include <endian.h>
#include <string.h>

#include "devices/nvme_controller.h"

static uint16_t find_ring(struct nvme *nvme, gpa_t base, uint64_t bytes, enum memory_access access,
			  void **ring)
{
	if (base % NVME_PAGE_SIZE)
		return NVME_INVALID_PRP_OFFSET;
	*ring = memory_range(nvme->mem, base, bytes, access);
	return *ring ? NVME_SUCCESS : NVME_DATA_TRANSFER_ERROR;
}

uint16_t nvme_cq_create(struct nvme *nvme, unsigned int id, gpa_t base, uint16_t size)
{
	struct nvme_cq *cq = &nvme->cqs[id];
	void *ring;
	uint16_t status =
		find_ring(nvme, base, (uint64_t)size * NVME_COMPLETION_SIZE, MEMORY_WRITE, &ring);

	if (status)
		return status;
	*cq->state = (struct nvme_cq_state){.size = size, .phase = 1};
	*cq = (struct nvme_cq){.state = cq->state, .entries = ring};
	atomic_store_explicit(&nvme->bells[id].head, 0, memory_order_relaxed);
	return NVME_SUCCESS;
}

uint16_t nvme_sq_create(struct nvme *nvme, unsigned int id, gpa_t base, uint16_t size,
			unsigned int cq)
{
	struct nvme_sq *sq = &nvme->sqs[id];
	void *ring;
	uint16_t status =
		find_ring(nvme, base, (uint64_t)size * NVME_COMMAND_SIZE, MEMORY_READ, &ring);

	if (status)
		return status;
	*sq->state = (struct nvme_sq_state){.size = size, .cq = (uint16_t)cq};
	sq->entries = ring;
	nvme->cqs[cq].nsqs++;
	atomic_store_explicit(&nvme->bells[id].tail, 0, memory_order_relaxed);
	return NVME_SUCCESS;
}

void nvme_cq_delete(struct nvme *nvme, unsigned int id)
{
	struct nvme_cq *cq = &nvme->cqs[id];

	nvme_shadow_remove_cq(nvme, id);
	*cq->state = (struct nvme_cq_state){0};
	*cq = (struct nvme_cq){.state = cq->state};
}

void nvme_sq_delete(struct nvme *nvme, unsigned int id)
{
	struct nvme_sq *sq = &nvme->sqs[id];

	nvme_shadow_remove_sq(nvme, id);
	nvme->cqs[sq->state->cq].nsqs--;
	*sq->state = (struct nvme_sq_state){0};
	sq->entries = NULL;
}

/* A doorbell value that no queue of that size can have. The register is taken back, so that it is
 * told once; what is in memory is the driver's. */
static void invalid_value(struct nvme *nvme, _Atomic uint32_t *written, uint16_t before)
{
	atomic_store_explicit(written, before, memory_order_relaxed);
	nvme_complain(nvme, "a doorbell was set beyond the end of its queue");
	nvme_event_raise(nvme, NVME_TELL_INVALID_VALUE);
}

void nvme_cq_update(struct nvme *nvme, unsigned int id)
{
	struct nvme_cq *cq = &nvme->cqs[id];
	struct nvme_bell *bell = &nvme->bells[id];
	uint32_t head = nvme_shadow_load(&cq->shadow, &bell->head);

	if (head < cq->state->size)
		cq->state->head = (uint16_t)head;
	else
		invalid_value(nvme, &bell->head, cq->state->head);
}

static bool has_room(const struct nvme_cq *cq)
{
	const struct nvme_cq_state *state = cq->state;
	unsigned int size = state->size;
	unsigned int used = (state->tail + size - state->head) % size;

	return size - 1 - used > cq->reserved;
}

bool nvme_cq_has_room(struct nvme *nvme, unsigned int id)
{
	struct nvme_cq *cq = &nvme->cqs[id];

	if (has_room(cq))
		return true;
	nvme_shadow_wait(&cq->shadow, cq->state->head);
	nvme_cq_update(nvme, id);
	return has_room(cq);
}

void nvme_cq_post(struct nvme *nvme, const struct nvme_sq *sq, uint16_t cid, uint16_t status,
		  uint32_t result)
{
	struct nvme_cq *cq = &nvme->cqs[sq->state->cq];
	struct nvme_cq_state *state = cq->state;
	struct nvme_completion *entry = &cq->entries[state->tail];
	uint32_t last = (uint32_t)status << 17 | (uint32_t)state->phase << 16 | cid;

	entry->result = htole32(result);
	entry->reserved = 0;
	entry->sq_head = htole16(sq->state->head);
	entry->sq_id = htole16(sq->id);
	/* Release: the driver that sees the phase tag sees the rest, 4.6. */
	__atomic_store_n(&entry->status, htole32(last), __ATOMIC_RELEASE);
	state->tail++;
	if (state->tail == state->size) {
		state->tail = 0;
		state->phase ^= 1;
	}
	cq->posted = true;
}

void nvme_cq_flush(struct nvme *nvme, unsigned int id)
{
	struct nvme_cq *cq = &nvme->cqs[id];

	if (!cq->posted)
		return;
	cq->posted = false;
	if (!cq->state->interrupts)
		return;
	if (msix_is_enabled(&nvme->msix))
		msix_signal(&nvme->msix, cq->state->vector);
	else
		nvme_control_intx(nvme);
}

void nvme_sq_update(struct nvme_sq *sq)
{
	struct nvme_bell *bell = &sq->nvme->bells[sq->id];
	uint32_t tail = nvme_shadow_load(&sq->shadow, &bell->tail);

	if (tail < sq->state->size)
		sq->state->tail = (uint16_t)tail;
	else
		invalid_value(sq->nvme, &bell->tail, sq->state->tail);
}

bool nvme_sq_take(struct nvme_sq *sq, struct nvme_command *command)
{
	struct nvme_sq_state *state = sq->state;

	if (state->head == state->tail || !nvme_cq_has_room(sq->nvme, state->cq))
		return false;
	memcpy(command, &sq->entries[state->head], sizeof(*command));
	state->head = (uint16_t)((state->head + 1) % state->size);
	sq->nvme->cqs[state->cq].reserved++;
	return true;
}

void nvme_sq_complete(struct nvme_sq *sq, uint16_t cid, uint16_t status, uint32_t result)
{
	sq->nvme->cqs[sq->state->cq].reserved--;
	nvme_cq_post(sq->nvme, sq, cid, status, result);
}

bool nvme_sq_wait(struct nvme_sq *sq)
{
	nvme_shadow_wait(&sq->shadow, sq->state->tail);
	nvme_sq_update(sq);
	return sq->state->head != sq->state->tail && nvme_cq_has_room(sq->nvme, sq->state->cq);
}
