/*
 * nvme_feature.c: Get Features and Set Features (NVM Express 1.4, 5.14 and 5.21). None can be
 * saved: a reset brings the defaults back.
 */
#include <endian.h>

#include "devices/nvme_controller.h"
#include "vmm/util.h"

/* Get Features, CDW10 bits 10:8. */
enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_CAPABILITIES };

enum {
	CAPABILITY_CHANGEABLE = 1 << 2,
	TEMPERATURE_COMPOSITE = 0, /* TMPSEL, CDW11 bits 19:16; others are sensors we have not */
	TEMPERATURE_ALL = 0xf,
	THRESHOLD_OVER = 0, /* THSEL, CDW11 bits 21:20 */
	THRESHOLD_UNDER = 1,
	VECTOR_UNCOALESCED = 1 << 16,
	QUEUES_NONE = 0xffff, /* 0's based 65536 */
};

/* Those that are one number and nothing else. */
static const struct feature {
	uint32_t initial;
	uint32_t writable; /* other bits are ignored */
	bool exists;
} features[NVME_NFEATURES] = {
	[NVME_FEATURE_ARBITRATION] = {.initial = 7, .writable = 0xffffff07, .exists = true},
	[NVME_FEATURE_POWER] = {.exists = true}, /* one state: 0 */
	[NVME_FEATURE_TEMPERATURE] = {.exists = true},
	[NVME_FEATURE_ERROR_RECOVERY] = {.writable = 0xffff, .exists = true},
	[NVME_FEATURE_WRITE_CACHE] = {.initial = 1, .writable = 1, .exists = true},
	[NVME_FEATURE_QUEUES] = {.exists = true},
	[NVME_FEATURE_COALESCING] = {.writable = 0xffff, .exists = true}, /* and not done */
	[NVME_FEATURE_VECTOR] = {.exists = true},
	[NVME_FEATURE_ATOMICITY] = {.writable = 1, .exists = true},
	[NVME_FEATURE_EVENTS] = {.writable = 0xff | NVME_EVENTS_NAMESPACE, .exists = true},
};

static void set_defaults(struct nvme_feature_state *state)
{
	*state = (struct nvme_feature_state){.over = NVME_TEMPERATURE_WARNING};
	for (unsigned int i = 0; i < NVME_NFEATURES; i++)
		state->values[i] = features[i].initial;
}

void nvme_features_reset(struct nvme *nvme)
{
	set_defaults(&nvme->state.features);
}

bool nvme_has_write_cache(const struct nvme *nvme)
{
	return nvme->state.features.values[NVME_FEATURE_WRITE_CACHE];
}

bool nvme_temperature_warns(const struct nvme *nvme)
{
	const struct nvme_feature_state *state = &nvme->state.features;

	return NVME_TEMPERATURE >= state->over || NVME_TEMPERATURE <= state->under;
}

/* The threshold that CDW11 means, or NULL: there are those of the composite temperature only. */
static uint16_t *threshold(struct nvme_feature_state *state, uint32_t cdw11, bool all)
{
	uint32_t sensor = cdw11 >> 16 & 0xf, kind = cdw11 >> 20 & 3;

	if (sensor != TEMPERATURE_COMPOSITE && !(all && sensor == TEMPERATURE_ALL))
		return NULL;
	if (kind == THRESHOLD_OVER)
		return &state->over;
	return kind == THRESHOLD_UNDER ? &state->under : NULL;
}

/* Both are 0's based, and as many of one as of the other. */
static uint32_t queue_numbers(const struct nvme *nvme)
{
	return (nvme->nqueues - 1) << 16 | (nvme->nqueues - 1);
}

/* What a feature is in this state, of now or at first. */
static uint16_t get(const struct nvme *nvme, struct nvme_feature_state *state, uint32_t id,
		    uint32_t cdw11, uint32_t *result)
{
	const uint16_t *degrees;
	uint32_t vector = cdw11 & 0xffff;

	switch (id) {
	case NVME_FEATURE_TEMPERATURE:
		degrees = threshold(state, cdw11, false);
		*result = degrees ? *degrees : 0;
		return degrees ? NVME_SUCCESS : NVME_INVALID_FIELD;
	case NVME_FEATURE_QUEUES:
		*result = queue_numbers(nvme);
		return NVME_SUCCESS;
	case NVME_FEATURE_VECTOR:
		if (vector > nvme->nqueues)
			return NVME_INVALID_FIELD;
		*result = vector;
		if (state->uncoalesced >> vector & 1)
			*result |= VECTOR_UNCOALESCED;
		return NVME_SUCCESS;
	default:
		*result = state->values[id];
		return NVME_SUCCESS;
	}
}

uint16_t nvme_get_features(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint32_t cdw10 = le32toh(command->cdw10), cdw11 = le32toh(command->cdw11);
	uint32_t id = cdw10 & 0xff;
	struct nvme_feature_state defaults;

	if (id >= NVME_NFEATURES || !features[id].exists)
		return NVME_INVALID_FIELD;
	switch (cdw10 >> 8 & 7) {
	case SELECT_CURRENT:
		return get(nvme, &nvme->state.features, id, cdw11, result);
	case SELECT_DEFAULT:
	case SELECT_SAVED: /* the default where none was saved */
		set_defaults(&defaults);
		return get(nvme, &defaults, id, cdw11, result);
	case SELECT_CAPABILITIES:
		*result = CAPABILITY_CHANGEABLE;
		return NVME_SUCCESS;
	default:
		return NVME_INVALID_FIELD;
	}
}

static uint16_t set_threshold(struct nvme *nvme, uint32_t cdw11)
{
	uint16_t *degrees = threshold(&nvme->state.features, cdw11, true);

	if (!degrees)
		return NVME_INVALID_FIELD;
	*degrees = (uint16_t)cdw11;
	if (nvme_temperature_warns(nvme))
		nvme_event_raise(nvme, NVME_TELL_TEMPERATURE);
	return NVME_SUCCESS;
}

/* 5.21.1.7: only before the first I/O queue is made. We have what we have, whatever is wished. */
static uint16_t set_queues(struct nvme *nvme, uint32_t cdw11, uint32_t *result)
{
	for (unsigned int id = 1; id <= nvme->nqueues; id++) {
		if (nvme_cq_exists(nvme, id))
			return NVME_COMMAND_SEQUENCE_ERROR;
	}
	if ((cdw11 & 0xffff) == QUEUES_NONE || cdw11 >> 16 == QUEUES_NONE)
		return NVME_INVALID_FIELD;
	*result = queue_numbers(nvme);
	return NVME_SUCCESS;
}

static uint16_t set_vector(struct nvme *nvme, uint32_t cdw11)
{
	uint32_t vector = cdw11 & 0xffff;

	if (vector > nvme->nqueues)
		return NVME_INVALID_FIELD;
	nvme->state.features.uncoalesced &= ~(1u << vector);
	if (cdw11 & VECTOR_UNCOALESCED)
		nvme->state.features.uncoalesced |= 1u << vector;
	return NVME_SUCCESS;
}

uint16_t nvme_set_features(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint32_t cdw10 = le32toh(command->cdw10), cdw11 = le32toh(command->cdw11);
	uint32_t id = cdw10 & 0xff;

	if (id >= NVME_NFEATURES || !features[id].exists)
		return NVME_INVALID_FIELD;
	if (cdw10 & NVME_FEATURES_SAVE)
		return NVME_NOT_SAVEABLE;
	switch (id) {
	case NVME_FEATURE_TEMPERATURE:
		return set_threshold(nvme, cdw11);
	case NVME_FEATURE_QUEUES:
		return set_queues(nvme, cdw11, result);
	case NVME_FEATURE_VECTOR:
		return set_vector(nvme, cdw11);
	case NVME_FEATURE_POWER:
		return cdw11 & 0x1f ? NVME_INVALID_FIELD : NVME_SUCCESS;
	default:
		nvme->state.features.values[id] = cdw11 & features[id].writable;
		return NVME_SUCCESS;
	}
}
