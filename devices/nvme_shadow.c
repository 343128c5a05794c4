/*
 * nvme_shadow.c: doorbells in guest memory (NVM Express 1.4, 5.8 and 7.13), which save the driver
 * most exits, and ioeventfds for the ones that are left.
 *
 * The admin queues keep their registers: drivers do not agree whether those are in the buffers.
 */
#include "devices/nvme_controller.h"

/* As enum nvme_register has them: the tail of each pair, then its head. CAP.DSTRD is 0. */
static unsigned int tail_index(unsigned int id)
{
	return 2 * id;
}

static unsigned int head_index(unsigned int id)
{
	return 2 * id + 1;
}

static void attach(struct nvme *nvme, struct nvme_shadow *shadow, unsigned int index,
		   uint16_t value)
{
	*shadow = (struct nvme_shadow){
		.doorbell = nvme->shadow_doorbells + index,
		.event = nvme->shadow_events + index,
	};
	/* Both begin where the queue stands, whatever the driver has left there. */
	__atomic_store_n(shadow->doorbell, htole32(value), __ATOMIC_RELAXED);
	__atomic_store_n(shadow->event, htole32(value), __ATOMIC_RELAXED);
}

/* Without KVM's help a write reaches nvme.c, which rings as well. */
static void arm(struct nvme *nvme, struct nvme_bell *bell, struct ioeventfd *event,
		unsigned int index)
{
	*event = (struct ioeventfd){
		.fd = bell->wake.fd,
		.offset = NVME_DOORBELLS + index * sizeof(uint32_t),
		.size = sizeof(uint32_t),
	};
	if (bus_ioeventfd_add(nvme->bus->config.mmio, &nvme->region, event) < 0)
		event->region = NULL;
}

static void disarm(struct nvme *nvme, struct ioeventfd *event)
{
	bus_ioeventfd_remove(nvme->bus->config.mmio, event);
}

void nvme_shadow_add_sq(struct nvme *nvme, unsigned int id)
{
	struct nvme_sq *sq = &nvme->sqs[id];

	if (!nvme->shadow_doorbells || id == 0 || !sq->state->size)
		return;
	attach(nvme, &sq->shadow, tail_index(id), sq->state->tail);
	arm(nvme, &nvme->bells[id], &nvme->bells[id].on_tail, tail_index(id));
}

void nvme_shadow_add_cq(struct nvme *nvme, unsigned int id)
{
	struct nvme_cq *cq = &nvme->cqs[id];

	if (!nvme->shadow_doorbells || id == 0 || !cq->state->size)
		return;
	attach(nvme, &cq->shadow, head_index(id), cq->state->head);
	/* With the pin, its level follows before the driver's write returns: no second interrupt
	 * for what it has seen. */
	if (msix_is_enabled(&nvme->msix))
		arm(nvme, &nvme->bells[id], &nvme->bells[id].on_head, head_index(id));
}

void nvme_shadow_remove_sq(struct nvme *nvme, unsigned int id)
{
	disarm(nvme, &nvme->bells[id].on_tail);
	nvme->sqs[id].shadow = (struct nvme_shadow){0};
}

void nvme_shadow_remove_cq(struct nvme *nvme, unsigned int id)
{
	disarm(nvme, &nvme->bells[id].on_head);
	nvme->cqs[id].shadow = (struct nvme_shadow){0};
}

void nvme_shadow_forget(struct nvme *nvme)
{
	for (unsigned int id = 1; id <= nvme->nqueues; id++) {
		nvme_shadow_remove_sq(nvme, id);
		nvme_shadow_remove_cq(nvme, id);
	}
	nvme->shadow_doorbells = nvme->shadow_events = NULL;
}

uint16_t nvme_shadow_config(struct nvme *nvme, gpa_t doorbells, gpa_t events)
{
	uint32_t *pages[2];

	if ((doorbells | events) % NVME_PAGE_SIZE || doorbells == events)
		return NVME_INVALID_FIELD;
	pages[0] = memory_range(nvme->mem, doorbells, NVME_PAGE_SIZE, MEMORY_READ);
	pages[1] = memory_range(nvme->mem, events, NVME_PAGE_SIZE, MEMORY_WRITE);
	if (!pages[0] || !pages[1])
		return NVME_INVALID_FIELD;
	nvme_shadow_forget(nvme);
	nvme->shadow_doorbells = pages[0];
	nvme->shadow_events = pages[1];
	for (unsigned int id = 1; id <= nvme->nqueues; id++) {
		nvme_shadow_add_sq(nvme, id);
		nvme_shadow_add_cq(nvme, id);
	}
	return NVME_SUCCESS;
}
