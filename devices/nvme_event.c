/*
 * nvme_event.c: asynchronous events (NVM Express 1.4, 5.2): requests are held until something
 * happens, and then tell it; after that nothing more of its type, until the driver has read the log
 * page.
 */
#include "devices/nvme_controller.h"
#include "vmm/util.h"

static const struct {
	enum nvme_event_type type;
	uint8_t info;
	enum nvme_log_page page;
	uint32_t wanted; /* a bit of NVME_FEATURE_EVENTS; 0: always told */
} events[] = {
	[NVME_TELL_INVALID_DOORBELL] = {NVME_EVENT_ERROR, NVME_EVENT_INVALID_DOORBELL,
					NVME_LOG_ERROR, 0},
	[NVME_TELL_INVALID_VALUE] = {NVME_EVENT_ERROR, NVME_EVENT_INVALID_DOORBELL_VALUE,
				     NVME_LOG_ERROR, 0},
	[NVME_TELL_TEMPERATURE] = {NVME_EVENT_HEALTH, NVME_EVENT_TEMPERATURE, NVME_LOG_HEALTH,
				   NVME_EVENTS_TEMPERATURE},
	[NVME_TELL_NAMESPACE] = {NVME_EVENT_NOTICE, NVME_EVENT_NAMESPACE_CHANGED,
				 NVME_LOG_CHANGED_NAMESPACES, NVME_EVENTS_NAMESPACE},
};

void nvme_event_raise(struct nvme *nvme, enum nvme_event event)
{
	uint32_t config = nvme->state.features.values[NVME_FEATURE_EVENTS];

	if (events[event].type == NVME_EVENT_ERROR)
		nvme_log_failure(nvme, NULL, 0, NVME_INVALID_FIELD, 0, 0);
	if ((config & events[event].wanted) == events[event].wanted)
		nvme->state.events.pending |= (uint8_t)(1u << event);
}

void nvme_events_send(struct nvme *nvme)
{
	struct nvme_event_state *state = &nvme->state.events;

	if (!nvme->running)
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(events) && state->pending; i++) {
		uint32_t type = events[i].type;

		if (!(state->pending >> i & 1) || state->masked >> type & 1 || !state->nheld ||
		    !nvme_cq_has_room(nvme, 0))
			continue;
		state->pending &= (uint8_t) ~(1u << i);
		state->masked |= (uint8_t)(1u << type);
		nvme_cq_post(nvme, &nvme->sqs[0], state->held[--state->nheld], NVME_SUCCESS,
			     (uint32_t)events[i].page << 16 | (uint32_t)events[i].info << 8 | type);
	}
	nvme_cq_flush(nvme, 0);
}

void nvme_event_clear(struct nvme *nvme, enum nvme_event_type type)
{
	nvme->state.events.masked &= (uint8_t) ~(1u << type);
}

bool nvme_event_hold(struct nvme *nvme, uint16_t cid)
{
	struct nvme_event_state *state = &nvme->state.events;

	if (state->nheld == NVME_MAX_HELD)
		return false;
	state->held[state->nheld++] = cid;
	return true;
}

bool nvme_event_abort(struct nvme *nvme, uint16_t cid)
{
	struct nvme_event_state *state = &nvme->state.events;
	unsigned int i = 0;

	while (i < state->nheld && state->held[i] != cid)
		i++;
	if (i == state->nheld || !nvme_cq_has_room(nvme, 0))
		return false;
	state->held[i] = state->held[--state->nheld];
	nvme_cq_post(nvme, &nvme->sqs[0], cid, NVME_ABORT_REQUESTED, 0);
	return true;
}
