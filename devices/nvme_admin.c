/*
 * nvme_admin.c: the admin commands (NVM Express 1.4, 5). All but one are done when they have been
 * looked at; that one, Asynchronous Event Request, is held.
 */
#include <endian.h>
#include <string.h>

#include "devices/nvme_controller.h"
#include "vmm/util.h"

enum {
	BURST = 8,     /* commands before others on the loop have their turn: some cost KVM much */
	HELD = 0x8000, /* no status: there is no completion yet */
	NOT_ABORTED = 1,
};

uint16_t nvme_admin_answer(struct nvme *nvme, const struct nvme_command *command, const void *data,
			   uint64_t size, uint64_t len)
{
	const uint8_t *from = data;
	unsigned int n;
	uint16_t status;

	if (len > NVME_MAX_TRANSFER)
		return NVME_INVALID_FIELD;
	status = nvme_prp_map(nvme->mem, command, len, MEMORY_WRITE, nvme->admin_iov, &n);
	if (status)
		return status;
	for (unsigned int i = 0; i < n; i++) {
		const struct iovec *to = &nvme->admin_iov[i];
		size_t part = to->iov_len < size ? to->iov_len : size;

		memcpy(to->iov_base, from, part);
		memset((uint8_t *)to->iov_base + part, 0, to->iov_len - part);
		from += part;
		size -= part;
	}
	return NVME_SUCCESS;
}

static uint16_t create_cq(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint32_t cdw10 = le32toh(command->cdw10), cdw11 = le32toh(command->cdw11);
	uint32_t id = cdw10 & 0xffff, size = cdw10 >> 16; /* 0's based */
	uint32_t vector = cdw11 >> 16;
	uint16_t status;

	(void)result;
	if (id == 0 || id > nvme->nqueues || nvme_cq_exists(nvme, id))
		return NVME_INVALID_QUEUE_ID;
	if (size == 0 || size >= NVME_MAX_ENTRIES)
		return NVME_INVALID_QUEUE_SIZE;
	if (vector > nvme->nqueues)
		return NVME_INVALID_VECTOR;
	if (!(cdw11 & NVME_CREATE_CONTIGUOUS))
		return NVME_INVALID_FIELD;
	status = nvme_cq_create(nvme, id, le64toh(command->prp1), (uint16_t)(size + 1));
	if (status)
		return status;
	nvme->cqs[id].state->interrupts = (cdw11 & NVME_CREATE_CQ_INTERRUPTS) != 0;
	nvme->cqs[id].state->vector = (uint16_t)vector;
	nvme_shadow_add_cq(nvme, id);
	return NVME_SUCCESS;
}

static uint16_t create_sq(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint32_t cdw10 = le32toh(command->cdw10), cdw11 = le32toh(command->cdw11);
	uint32_t id = cdw10 & 0xffff, size = cdw10 >> 16; /* 0's based */
	uint32_t cq = cdw11 >> 16;
	uint16_t status;

	(void)result;
	if (id == 0 || id > nvme->nqueues || nvme_sq_exists(nvme, id) || cq == 0 ||
	    cq > nvme->nqueues)
		return NVME_INVALID_QUEUE_ID;
	if (!nvme_cq_exists(nvme, cq))
		return NVME_CQ_INVALID;
	if (size == 0 || size >= NVME_MAX_ENTRIES)
		return NVME_INVALID_QUEUE_SIZE;
	if (!(cdw11 & NVME_CREATE_CONTIGUOUS))
		return NVME_INVALID_FIELD;
	status = nvme_sq_create(nvme, id, le64toh(command->prp1), (uint16_t)(size + 1), cq);
	if (!status)
		nvme_shadow_add_sq(nvme, id);
	return status;
}

static uint16_t delete_cq(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint32_t id = le32toh(command->cdw10) & 0xffff;

	(void)result;
	if (id == 0 || !nvme_cq_exists(nvme, id))
		return NVME_INVALID_QUEUE_ID;
	if (nvme->cqs[id].nsqs)
		return NVME_INVALID_QUEUE_DELETION;
	nvme_cq_delete(nvme, id);
	nvme_control_intx(nvme);
	return NVME_SUCCESS;
}

/* Commands that were taken are completed first; of those that were not nobody will hear, 5.6. */
static uint16_t delete_sq(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint32_t id = le32toh(command->cdw10) & 0xffff;

	(void)result;
	if (id == 0 || !nvme_sq_exists(nvme, id))
		return NVME_INVALID_QUEUE_ID;
	nvme_control_drain(nvme);
	nvme_sq_delete(nvme, id);
	return NVME_SUCCESS;
}

/* Only what is held can be: all else is soon done. */
static uint16_t abort_command(struct nvme *nvme, const struct nvme_command *command,
			      uint32_t *result)
{
	uint32_t cdw10 = le32toh(command->cdw10);

	if ((cdw10 & 0xffff) != 0 || !nvme_event_abort(nvme, (uint16_t)(cdw10 >> 16)))
		*result = NOT_ABORTED;
	return NVME_SUCCESS;
}

static uint16_t request_event(struct nvme *nvme, const struct nvme_command *command,
			      uint32_t *result)
{
	(void)result;
	return nvme_event_hold(nvme, le16toh(command->cid)) ? HELD : NVME_AER_LIMIT_EXCEEDED;
}

static uint16_t config_doorbells(struct nvme *nvme, const struct nvme_command *command,
				 uint32_t *result)
{
	(void)result;
	return nvme_shadow_config(nvme, le64toh(command->prp1), le64toh(command->prp2));
}

static const struct {
	enum nvme_admin_opcode opcode;
	uint16_t (*run)(struct nvme *nvme, const struct nvme_command *command, uint32_t *result);
} commands[] = {
	{NVME_DELETE_SQ, delete_sq},
	{NVME_CREATE_SQ, create_sq},
	{NVME_GET_LOG_PAGE, nvme_get_log_page},
	{NVME_DELETE_CQ, delete_cq},
	{NVME_CREATE_CQ, create_cq},
	{NVME_IDENTIFY, nvme_identify},
	{NVME_ABORT, abort_command},
	{NVME_SET_FEATURES, nvme_set_features},
	{NVME_GET_FEATURES, nvme_get_features},
	{NVME_ASYNC_EVENT_REQUEST, request_event},
	{NVME_DOORBELL_BUFFER_CONFIG, config_doorbells},
};

static uint16_t run(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	if (command->flags & NVME_FLAGS_PLAIN)
		return NVME_INVALID_FIELD;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].opcode == command->opcode)
			return commands[i].run(nvme, command, result);
	}
	return NVME_INVALID_OPCODE;
}

static void serve_one(struct nvme *nvme, const struct nvme_command *command)
{
	struct nvme_sq *sq = &nvme->sqs[0];
	uint16_t cid = le16toh(command->cid);
	uint32_t result = 0;
	uint16_t status = run(nvme, command, &result);

	if (status == HELD) {
		nvme->cqs[0].reserved--;
		return;
	}
	if (status) {
		nvme_log_failure(nvme, sq, cid, status, le32toh(command->nsid), 0);
		status |= NVME_MORE | NVME_DO_NOT_RETRY;
	}
	nvme_sq_complete(sq, cid, status, result);
}

void nvme_admin_serve(struct nvme *nvme)
{
	struct nvme_sq *sq = &nvme->sqs[0];
	struct nvme_command command;
	unsigned int n = 0;

	nvme_sq_update(sq);
	while (n < BURST && nvme_sq_take(sq, &command)) {
		serve_one(nvme, &command);
		n++;
	}
	nvme_cq_flush(nvme, 0);
	if (n == BURST)
		nvme_bell_ring(&nvme->bells[0]);
}
