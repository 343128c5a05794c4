/* nvme_log.c: Get Log Page, and what the logs are of (NVM Express 1.4, 5.14). */
#include <endian.h>
#include <string.h>

#include "devices/nvme_controller.h"
#include "vmm/bytes.h"

enum {
	HEALTH_UNIT = 1000 * 512,
	NO_SQ = 0xffff,	      /* an error that is of no command */
	NO_LOCATION = 0xffff, /* nor of one field of it */
	SPARE_PERCENT = 100,
	SPARE_THRESHOLD_PERCENT = 10,
};

void nvme_log_failure(struct nvme *nvme, const struct nvme_sq *sq, uint16_t cid, uint16_t status,
		      uint32_t nsid, uint64_t lba)
{
	struct nvme_log_state *log = &nvme->state.log;
	uint8_t *entry = log->errors[++log->error_count % NVME_ERROR_ENTRIES];

	memset(entry, 0, NVME_ERROR_SIZE);
	store_le64(entry + NVME_ERROR_COUNT, log->error_count);
	store_le16(entry + NVME_ERROR_SQ_ID, sq ? sq->id : NO_SQ);
	store_le16(entry + NVME_ERROR_CID, cid);
	store_le16(entry + NVME_ERROR_STATUS, (uint16_t)(status << 1));
	store_le16(entry + NVME_ERROR_LOCATION, NO_LOCATION);
	store_le64(entry + NVME_ERROR_LBA, lba);
	store_le32(entry + NVME_ERROR_NSID, nsid);
}

/* The newest first. */
static void fill_errors(const struct nvme_log_state *log, uint8_t *page)
{
	for (unsigned int i = 0; i < NVME_ERROR_ENTRIES; i++)
		memcpy(page + i * NVME_ERROR_SIZE,
		       log->errors[(log->error_count - i) % NVME_ERROR_ENTRIES], NVME_ERROR_SIZE);
}

/* Units begun count whole. */
static uint64_t health_units(uint64_t bytes)
{
	return bytes / HEALTH_UNIT + (bytes % HEALTH_UNIT != 0);
}

static void fill_health(const struct nvme *nvme, uint8_t *page)
{
	const struct nvme_log_state *log = &nvme->state.log;

	memset(page, 0, NVME_HEALTH_SIZE);
	page[NVME_HEALTH_WARNING] = nvme_temperature_warns(nvme) ? NVME_EVENTS_TEMPERATURE : 0;
	store_le16(page + NVME_HEALTH_TEMPERATURE, NVME_TEMPERATURE);
	page[NVME_HEALTH_SPARE] = SPARE_PERCENT;
	page[NVME_HEALTH_SPARE_THRESHOLD] = SPARE_THRESHOLD_PERCENT;
	store_le64(page + NVME_HEALTH_UNITS_READ, health_units(log->bytes_read));
	store_le64(page + NVME_HEALTH_UNITS_WRITTEN, health_units(log->bytes_written));
	store_le64(page + NVME_HEALTH_READS, log->reads);
	store_le64(page + NVME_HEALTH_WRITES, log->writes);
	store_le64(page + NVME_HEALTH_POWER_CYCLES, 1);
	store_le64(page + NVME_HEALTH_MEDIA_ERRORS, log->media_errors);
	store_le64(page + NVME_HEALTH_ERROR_ENTRIES, log->error_count);
}

static void fill_firmware(uint8_t *page)
{
	memset(page, 0, NVME_FIRMWARE_SIZE);
	page[NVME_FIRMWARE_ACTIVE] = 1; /* slot 1 */
	memset(page + NVME_FIRMWARE_SLOT_1, ' ', 8);
	memcpy(page + NVME_FIRMWARE_SLOT_1, NVME_FIRMWARE, strlen(NVME_FIRMWARE));
}

static void fill_changed_namespaces(const struct nvme_log_state *log, uint8_t *page)
{
	memset(page, 0, NVME_CHANGED_NAMESPACES_SIZE);
	if (log->namespace_changed)
		store_le32(page, NVME_NSID);
}

/* Makes a page and returns its size; 0 for one that does not exist. */
static uint64_t fill(const struct nvme *nvme, uint32_t id, uint8_t page[NVME_PAGE_SIZE])
{
	const struct nvme_log_state *log = &nvme->state.log;

	switch (id) {
	case NVME_LOG_ERROR:
		fill_errors(log, page);
		return NVME_ERROR_ENTRIES * NVME_ERROR_SIZE;
	case NVME_LOG_HEALTH:
		fill_health(nvme, page);
		return NVME_HEALTH_SIZE;
	case NVME_LOG_FIRMWARE:
		fill_firmware(page);
		return NVME_FIRMWARE_SIZE;
	case NVME_LOG_CHANGED_NAMESPACES:
		fill_changed_namespaces(log, page);
		return NVME_CHANGED_NAMESPACES_SIZE;
	default:
		return 0;
	}
}

/* Who has read of an event hears of the next one. */
static void page_was_read(struct nvme *nvme, uint32_t id)
{
	switch (id) {
	case NVME_LOG_ERROR:
		nvme_event_clear(nvme, NVME_EVENT_ERROR);
		break;
	case NVME_LOG_HEALTH:
		nvme_event_clear(nvme, NVME_EVENT_HEALTH);
		break;
	case NVME_LOG_CHANGED_NAMESPACES:
		nvme->state.log.namespace_changed = false;
		nvme_event_clear(nvme, NVME_EVENT_NOTICE);
		break;
	default:
		break;
	}
}

uint16_t nvme_get_log_page(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint8_t page[NVME_PAGE_SIZE];
	uint32_t cdw10 = le32toh(command->cdw10), id = cdw10 & 0xff;
	uint32_t doublewords =
		(le32toh(command->cdw11) & 0xffff) << 16 | cdw10 >> 16; /* 0's based */
	uint64_t len = ((uint64_t)doublewords + 1) * sizeof(uint32_t);
	uint64_t offset = (uint64_t)le32toh(command->cdw13) << 32 | le32toh(command->cdw12);
	uint64_t size = fill(nvme, id, page);
	uint32_t nsid = le32toh(command->nsid);
	uint16_t status;

	(void)result;
	if (size == 0)
		return NVME_INVALID_LOG_PAGE;
	/* One namespace has no health of its own: LPA bit 0. */
	if (id == NVME_LOG_HEALTH && nsid != 0 && nsid != (uint32_t)NVME_ALL_NAMESPACES)
		return NVME_INVALID_FIELD;
	if (offset > size || offset % sizeof(uint32_t))
		return NVME_INVALID_FIELD;
	status = nvme_admin_answer(nvme, command, page + offset, size - offset, len);
	if (!status && !(cdw10 & NVME_LOG_RETAIN_EVENT))
		page_was_read(nvme, id);
	return status;
}
