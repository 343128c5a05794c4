/* nvme_identify.c: Identify (NVM Express 1.4, 5.15): what the controller and its namespace are
 * like. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "devices/nvme_controller.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	SERIAL_CHARACTERS = 20,
	MODEL_CHARACTERS = 40,
	FIRMWARE_CHARACTERS = 8,
	SUBNQN_SIZE = 256,
	ABORT_LIMIT = 4,
};

/* Padded with spaces, not ended by a NUL, 1.5. */
static void put_text(uint8_t *field, size_t size, const char *text)
{
	memset(field, ' ', size);
	memcpy(field, text, strnlen(text, size));
}

static void put_subsystem_name(uint8_t *field, const struct uuid *uuid)
{
	char text[UUID_TEXT_SIZE];

	uuid_format(uuid, text);
	snprintf((char *)field, SUBNQN_SIZE, "nqn.2014-08.org.nvmexpress:uuid:%s", text); /* 7.9 */
}

static uint16_t identify_controller(const struct nvme *nvme, uint8_t *page)
{
	const uint8_t *config = nvme->pci.power_on;

	memcpy(page + NVME_ID_VID, config + PCI_VENDOR_ID, 2);
	memcpy(page + NVME_ID_SSVID, config + PCI_SUBSYSTEM_VENDOR_ID, 2);
	put_text(page + NVME_ID_SN, SERIAL_CHARACTERS, nvme->identity.serial);
	put_text(page + NVME_ID_MN, MODEL_CHARACTERS, "minivmm NVMe disk");
	put_text(page + NVME_ID_FR, FIRMWARE_CHARACTERS, NVME_FIRMWARE);
	page[NVME_ID_MDTS] = NVME_MAX_TRANSFER_PAGES_LOG2;
	store_le32(page + NVME_ID_VER, NVME_VERSION_1_4);
	store_le32(page + NVME_ID_OAES, NVME_EVENTS_NAMESPACE);
	page[NVME_ID_CNTRLTYPE] = NVME_CNTRLTYPE_IO;
	store_le16(page + NVME_ID_OACS, NVME_OACS_DOORBELL_BUFFER);
	page[NVME_ID_ACL] = ABORT_LIMIT - 1;
	page[NVME_ID_AERL] = NVME_MAX_HELD - 1;
	page[NVME_ID_FRMW] = NVME_FRMW_ONE_FIXED_SLOT;
	page[NVME_ID_LPA] = NVME_LPA_EXTENDED;
	page[NVME_ID_ELPE] = NVME_ERROR_ENTRIES - 1;
	store_le16(page + NVME_ID_WCTEMP, NVME_TEMPERATURE_WARNING);
	store_le16(page + NVME_ID_CCTEMP, NVME_TEMPERATURE_CRITICAL);
	/* Required and largest size are the same. */
	page[NVME_ID_SQES] = NVME_COMMAND_SIZE_LOG2 << 4 | NVME_COMMAND_SIZE_LOG2;
	page[NVME_ID_CQES] = NVME_COMPLETION_SIZE_LOG2 << 4 | NVME_COMPLETION_SIZE_LOG2;
	store_le32(page + NVME_ID_NN, NVME_NSID);
	store_le16(page + NVME_ID_ONCS, NVME_ONCS_DSM | NVME_ONCS_WRITE_ZEROES | NVME_ONCS_SELECT);
	page[NVME_ID_VWC] = NVME_VWC_PRESENT | NVME_VWC_FLUSH_ALL;
	put_subsystem_name(page + NVME_ID_SUBNQN, &nvme->identity.subsystem);
	return NVME_SUCCESS;
}

/* 0's based, in blocks. */
static void put_preference(uint8_t *field, uint32_t bytes, uint32_t block_size)
{
	if (bytes > block_size)
		store_le16(field, (uint16_t)(bytes / block_size - 1));
}

static uint16_t identify_namespace(const struct nvme *nvme, uint32_t nsid, uint8_t *page)
{
	const struct disk *disk = nvme->disk;
	uint32_t block_size = disk->block_size;
	uint64_t blocks = disk->size / block_size;

	if (nsid == (uint32_t)NVME_ALL_NAMESPACES)
		return NVME_SUCCESS; /* what all have in common: no namespace management, nothing */
	if (nsid != NVME_NSID)
		return NVME_INVALID_NAMESPACE;
	store_le64(page + NVME_NS_NSZE, blocks);
	store_le64(page + NVME_NS_NCAP, blocks);
	store_le64(page + NVME_NS_NUSE, blocks);
	page[NVME_NS_NSFEAT] = NVME_NSFEAT_PREFERRED;
	page[NVME_NS_DLFEAT] = NVME_DLFEAT_WRITE_ZEROES;
	put_preference(page + NVME_NS_NPWG, disk->physical_block_size, block_size);
	put_preference(page + NVME_NS_NPWA, disk->physical_block_size, block_size);
	put_preference(page + NVME_NS_NPDG, disk->discard_granularity, block_size);
	put_preference(page + NVME_NS_NPDA, disk->discard_granularity, block_size);
	page[NVME_NS_NSATTR] = disk->read_only ? NVME_NSATTR_WRITE_PROTECTED : 0;
	page[NVME_NS_LBADS] = (uint8_t)__builtin_ctz(block_size);
	return NVME_SUCCESS;
}

/* All numbers greater than the one given. */
static uint16_t list_namespaces(uint32_t after, uint8_t *page)
{
	if (after >= (uint32_t)NVME_ALL_NAMESPACES - 1)
		return NVME_INVALID_NAMESPACE;
	if (after < NVME_NSID)
		store_le32(page, NVME_NSID);
	return NVME_SUCCESS;
}

static uint16_t describe_namespace(const struct nvme *nvme, uint32_t nsid, uint8_t *page)
{
	if (nsid != NVME_NSID)
		return NVME_INVALID_NAMESPACE;
	page[0] = NVME_DESCRIPTOR_UUID;
	page[1] = UUID_SIZE;
	memcpy(page + 4, nvme->identity.namespace_id.bytes, UUID_SIZE);
	return NVME_SUCCESS;
}

uint16_t nvme_identify(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
	uint8_t page[NVME_IDENTIFY_SIZE] = {0};
	uint32_t nsid = le32toh(command->nsid);
	uint16_t status;

	(void)result;
	switch (le32toh(command->cdw10) & 0xff) {
	case NVME_IDENTIFY_NAMESPACE:
		status = identify_namespace(nvme, nsid, page);
		break;
	case NVME_IDENTIFY_CONTROLLER:
		status = identify_controller(nvme, page);
		break;
	case NVME_IDENTIFY_NAMESPACES:
		status = list_namespaces(nsid, page);
		break;
	case NVME_IDENTIFY_DESCRIPTORS:
		status = describe_namespace(nvme, nsid, page);
		break;
	default:
		return NVME_INVALID_FIELD;
	}
	return status ? status : nvme_admin_answer(nvme, command, page, sizeof(page), sizeof(page));
}
