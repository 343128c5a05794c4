/*
 * nvme_control.c: the life of the controller: enabled, reset, shut down (NVM
 * Express 1.4, 7.3, 7.6), and what its doorbells and disk wake it for. Loop thread, but for the two
 * that post themselves there.
 */
#include <assert.h>

#include "devices/nvme_controller.h"

void nvme_control_intx(struct nvme *nvme)
{
	bool masked, level = false;

	pthread_mutex_lock(&nvme->lock);
	masked = nvme->registers.intms & 1;
	pthread_mutex_unlock(&nvme->lock);
	for (unsigned int id = 0; id <= nvme->nqueues; id++) {
		struct nvme_cq *cq = &nvme->cqs[id];

		if (!cq->state->size || !cq->state->interrupts ||
		    cq->state->head == cq->state->tail)
			continue;
		/* The level falls when the driver has seen everything: it has to say so. */
		nvme_shadow_wait(&cq->shadow, cq->state->head);
		nvme_cq_update(nvme, id);
		level |= cq->state->head != cq->state->tail;
	}
	level = level && !masked && !msix_is_enabled(&nvme->msix);
	if (level != nvme->intx)
		pci_intx_set(&nvme->pci, level);
	nvme->intx = level;
}

void nvme_bell_answer(struct nvme_bell *bell)
{
	struct nvme *nvme = bell->nvme;
	unsigned int id = (unsigned int)(bell - nvme->bells);

	if (!nvme->running)
		return;
	if (atomic_exchange(&nvme->invalid_doorbell, false)) {
		nvme_complain(nvme, "a doorbell without a queue was written");
		nvme_event_raise(nvme, NVME_TELL_INVALID_DOORBELL);
	}
	if (nvme_cq_exists(nvme, id)) {
		nvme_cq_update(nvme, id);
		if (nvme->intx)
			nvme_control_intx(nvme);
	}
	/* The queue itself, and those that wait for a place where its completions go. */
	for (unsigned int i = 1; i <= nvme->nqueues; i++) {
		if (nvme_sq_exists(nvme, i) && (i == id || nvme->sqs[i].state->cq == id))
			nvme_io_serve(&nvme->sqs[i]);
	}
	if (id == 0)
		nvme_admin_serve(nvme);
	nvme_events_send(nvme);
}

void nvme_control_drain(struct nvme *nvme)
{
	nvme->draining = true;
	disk_drain(nvme->disk);
	nvme->draining = false;
	/* What was submitted meanwhile was not looked at. */
	for (unsigned int id = 1; id <= nvme->nqueues; id++)
		nvme_bell_ring(&nvme->bells[id]);
}

/* 3.1.5: what the driver asks for must be what the capabilities offer. */
static bool config_acceptable(const struct nvme_registers *registers)
{
	return !(registers->cc & (NVME_CC_CSS | NVME_CC_MPS | NVME_CC_AMS)) &&
	       (registers->aqa & 0xfff) && (registers->aqa >> 16 & 0xfff);
}

static bool create_admin_queues(struct nvme *nvme, const struct nvme_registers *registers)
{
	uint16_t sq_size = (uint16_t)((registers->aqa & 0xfff) + 1);
	uint16_t cq_size = (uint16_t)((registers->aqa >> 16 & 0xfff) + 1);

	if (nvme_cq_create(nvme, 0, registers->acq, cq_size))
		return false;
	if (nvme_sq_create(nvme, 0, registers->asq, sq_size, 0)) {
		nvme_cq_delete(nvme, 0);
		return false;
	}
	nvme->cqs[0].state->interrupts = true;
	return true;
}

static void set_status(struct nvme *nvme, uint32_t clear, uint32_t set)
{
	pthread_mutex_lock(&nvme->lock);
	nvme->registers.csts = (nvme->registers.csts & ~clear) | set;
	pthread_mutex_unlock(&nvme->lock);
}

static void enable(struct nvme *nvme, const struct nvme_registers *registers)
{
	atomic_store_explicit(&nvme->was_driven, true, memory_order_relaxed);
	if (!config_acceptable(registers) || !create_admin_queues(nvme, registers)) {
		nvme_complain(nvme, "enabled with admin queues or settings that cannot be");
		set_status(nvme, 0, NVME_CSTS_CFS);
		return;
	}
	nvme->running = true;
	set_status(nvme, 0, NVME_CSTS_RDY);
}

/* A controller reset, 7.3.2: nothing is in flight and no queue left when it returns. */
static void disable(struct nvme *nvme)
{
	nvme->running = false;
	nvme_control_drain(nvme);
	nvme_shadow_forget(nvme);
	for (unsigned int id = 0; id <= nvme->nqueues; id++) {
		if (nvme_sq_exists(nvme, id))
			nvme_sq_delete(nvme, id);
	}
	for (unsigned int id = 0; id <= nvme->nqueues; id++) {
		if (nvme_cq_exists(nvme, id))
			nvme_cq_delete(nvme, id);
	}
	nvme_control_intx(nvme);
	nvme->state.events = (struct nvme_event_state){0};
	nvme_features_reset(nvme);
	atomic_store(&nvme->invalid_doorbell, false);
	log_guest_rearm(&nvme->said);
	set_status(nvme, UINT32_MAX, 0);
}

static void flushed(struct disk_request *request, int err)
{
	(void)request; /* a failure is in the log, and there is no place for it in CSTS */
	(void)err;
}

/* 7.6.2: commands end, and what was written is on stable storage if there is time for that. */
static void shut_down(struct nvme *nvme, bool normal)
{
	nvme_control_drain(nvme);
	if (normal) {
		nvme->flush = (struct disk_request){.op = DISK_FLUSH, .done = flushed};
		disk_submit(nvme->disk, 0, &nvme->flush);
		nvme_control_drain(nvme);
	}
	for (unsigned int id = 0; id <= nvme->nqueues; id++)
		nvme_cq_flush(nvme, id);
	set_status(nvme, 0, NVME_CSTS_SHST_COMPLETE);
}

struct control_call {
	struct nvme *nvme;
	uint32_t cc;
};

static void write_cc(void *arg)
{
	struct control_call *call = arg;
	struct nvme *nvme = call->nvme;
	struct nvme_registers registers;
	uint32_t old;

	pthread_mutex_lock(&nvme->lock);
	old = nvme->registers.cc;
	nvme->registers.cc = call->cc;
	registers = nvme->registers;
	pthread_mutex_unlock(&nvme->lock);

	if (old & ~call->cc & NVME_CC_EN)
		disable(nvme);
	else if (~old & call->cc & NVME_CC_EN)
		enable(nvme, &registers);
	if (call->cc & ~old & NVME_CC_SHN)
		shut_down(nvme, (call->cc & NVME_CC_SHN) == NVME_CC_SHN_NORMAL);
}

void nvme_control_write(struct nvme *nvme, uint32_t cc)
{
	struct control_call call = {.nvme = nvme, .cc = cc};

	loop_call(nvme->loop, write_cc, &call);
}

static void power_on(void *arg)
{
	struct nvme *nvme = arg;

	disable(nvme);
	nvme->state.log = (struct nvme_log_state){0};
	pthread_mutex_lock(&nvme->lock);
	nvme->registers = (struct nvme_registers){0};
	pthread_mutex_unlock(&nvme->lock);
}

void nvme_control_power_on(struct nvme *nvme)
{
	loop_call(nvme->loop, power_on, nvme);
}
