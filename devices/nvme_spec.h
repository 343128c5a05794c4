/*
 * nvme_spec.h: what the NVM Express specification, base revision 1.4, defines of registers,
 * commands and structures, as far as our controller has it. Offsets and lengths are bytes, numbers
 * little-endian; "0's based" means one less than what is meant.
 */
#ifndef DEVICES_NVME_SPEC_H
#define DEVICES_NVME_SPEC_H

#include <stdint.h>

/* Controller registers, 3.1. */
enum nvme_register {
	NVME_CAP = 0x00,	 /* 64 bits: capabilities */
	NVME_VS = 0x08,		 /* version */
	NVME_INTMS = 0x0c,	 /* interrupt mask set, and what is masked; pin only */
	NVME_INTMC = 0x10,	 /* the same, clear */
	NVME_CC = 0x14,		 /* configuration */
	NVME_CSTS = 0x1c,	 /* status */
	NVME_AQA = 0x24,	 /* sizes of the admin queues, 0's based */
	NVME_ASQ = 0x28,	 /* 64 bits: where the admin submission queue is */
	NVME_ACQ = 0x30,	 /* 64 bits: and the completion queue */
	NVME_DOORBELLS = 0x1000, /* SQ 0 tail, CQ 0 head, SQ 1 tail, ... 32 bits each */
};

enum {
	NVME_VERSION_1_4 = 0x00010400,

	NVME_CAP_CQR = 16,     /* bit: queues are physically contiguous */
	NVME_CAP_TO = 24,      /* shift: how long CSTS.RDY may take, in 500 ms */
	NVME_CAP_CSS_NVM = 37, /* bit: the NVM command set is there */

	NVME_CC_EN = 1 << 0,
	NVME_CC_CSS = 0x7 << 4,	 /* 0: NVM command set */
	NVME_CC_MPS = 0xf << 7,	 /* 0: 4 KiB */
	NVME_CC_AMS = 0x7 << 11, /* 0: round robin */
	NVME_CC_SHN = 0x3 << 14,
	NVME_CC_SHN_NORMAL = 0x1 << 14,
	NVME_CC_IOSQES = 16, /* shift: log2 of a submission entry's size, 4 bits */
	NVME_CC_IOCQES = 20, /* shift: the same of a completion entry */

	NVME_CSTS_RDY = 1 << 0,
	NVME_CSTS_CFS = 1 << 1, /* fatal */
	NVME_CSTS_SHST_COMPLETE = 0x2 << 2,
};

/* A command, 4.2: 64 bytes as they stand in a submission queue. */
struct nvme_command {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	uint32_t nsid;
	uint64_t reserved;
	uint64_t metadata;
	uint64_t prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

/* A completion, 4.6. The last doubleword has the command's identifier, the phase tag in bit 16 and
 * the status above it. */
struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head, sq_id;
	uint32_t status;
};

enum {
	NVME_COMMAND_SIZE = 64,
	NVME_COMMAND_SIZE_LOG2 = 6,
	NVME_COMPLETION_SIZE = 16,
	NVME_COMPLETION_SIZE_LOG2 = 4,
	NVME_PAGE_SIZE = 4096,
	NVME_FLAGS_PLAIN = 0xc3, /* of these bits none: fused, SGL */
	NVME_ALL_NAMESPACES = -1,
};

enum nvme_admin_opcode {
	NVME_DELETE_SQ = 0x00,
	NVME_CREATE_SQ = 0x01,
	NVME_GET_LOG_PAGE = 0x02,
	NVME_DELETE_CQ = 0x04,
	NVME_CREATE_CQ = 0x05,
	NVME_IDENTIFY = 0x06,
	NVME_ABORT = 0x08,
	NVME_SET_FEATURES = 0x09,
	NVME_GET_FEATURES = 0x0a,
	NVME_ASYNC_EVENT_REQUEST = 0x0c,
	NVME_DOORBELL_BUFFER_CONFIG = 0x7c,
};

enum nvme_io_opcode {
	NVME_FLUSH = 0x00,
	NVME_WRITE = 0x01,
	NVME_READ = 0x02,
	NVME_WRITE_ZEROES = 0x08,
	NVME_DATASET_MANAGEMENT = 0x09,
};

enum {
	NVME_CREATE_CONTIGUOUS = 1 << 0,	/* CDW11 of both */
	NVME_CREATE_CQ_INTERRUPTS = 1 << 1,	/* CDW11 */
	NVME_RW_FUA = 1 << 30,			/* CDW12: on stable storage when done */
	NVME_WRITE_ZEROES_DEALLOCATE = 1 << 25, /* CDW12 */
	NVME_DSM_DEALLOCATE = 1 << 2,		/* CDW11 */
	NVME_LOG_RETAIN_EVENT = 1 << 15,	/* CDW10 */
	NVME_FEATURES_SAVE = 1u << 31,		/* CDW10 */
};

/* One range of a Dataset Management command, 6.7. */
struct nvme_range {
	uint32_t attributes;
	uint32_t blocks;
	uint64_t first;
};

/* Status code type in bits 10:8, code below, 4.6.1. */
enum nvme_status {
	NVME_SUCCESS = 0x000,
	NVME_INVALID_OPCODE = 0x001,
	NVME_INVALID_FIELD = 0x002,
	NVME_DATA_TRANSFER_ERROR = 0x004,
	NVME_INTERNAL_ERROR = 0x006,
	NVME_ABORT_REQUESTED = 0x007,
	NVME_INVALID_NAMESPACE = 0x00b,
	NVME_COMMAND_SEQUENCE_ERROR = 0x00c,
	NVME_INVALID_PRP_OFFSET = 0x013,
	NVME_WRITE_PROTECTED = 0x020,
	NVME_LBA_OUT_OF_RANGE = 0x080,
	NVME_CAPACITY_EXCEEDED = 0x081,
	NVME_CQ_INVALID = 0x100,
	NVME_INVALID_QUEUE_ID = 0x101,
	NVME_INVALID_QUEUE_SIZE = 0x102,
	NVME_AER_LIMIT_EXCEEDED = 0x105,
	NVME_INVALID_VECTOR = 0x108,
	NVME_INVALID_LOG_PAGE = 0x109,
	NVME_INVALID_QUEUE_DELETION = 0x10c,
	NVME_NOT_SAVEABLE = 0x10d,
	NVME_WRITE_FAULT = 0x280,
	NVME_READ_ERROR = 0x281,
	NVME_MORE = 0x2000,	    /* the error log has an entry for it */
	NVME_DO_NOT_RETRY = 0x4000, /* it would fail again */
};

/* Asynchronous events, 5.2: type, information and the log page that clears it. */
enum nvme_event_type { NVME_EVENT_ERROR = 0, NVME_EVENT_HEALTH = 1, NVME_EVENT_NOTICE = 2 };
enum {
	NVME_EVENT_INVALID_DOORBELL = 0, /* error: a register without a queue */
	NVME_EVENT_INVALID_DOORBELL_VALUE = 1,
	NVME_EVENT_TEMPERATURE = 1,	  /* health */
	NVME_EVENT_NAMESPACE_CHANGED = 0, /* notice */
};

enum nvme_log_page {
	NVME_LOG_ERROR = 0x01,
	NVME_LOG_HEALTH = 0x02,
	NVME_LOG_FIRMWARE = 0x03,
	NVME_LOG_CHANGED_NAMESPACES = 0x04,
};

enum nvme_feature {
	NVME_FEATURE_ARBITRATION = 0x01,
	NVME_FEATURE_POWER = 0x02,
	NVME_FEATURE_TEMPERATURE = 0x04,
	NVME_FEATURE_ERROR_RECOVERY = 0x05,
	NVME_FEATURE_WRITE_CACHE = 0x06,
	NVME_FEATURE_QUEUES = 0x07,
	NVME_FEATURE_COALESCING = 0x08,
	NVME_FEATURE_VECTOR = 0x09,
	NVME_FEATURE_ATOMICITY = 0x0a,
	NVME_FEATURE_EVENTS = 0x0b,
};

enum {
	NVME_EVENTS_TEMPERATURE = 1 << 1, /* of NVME_FEATURE_EVENTS, and the health log's warning */
	NVME_EVENTS_NAMESPACE = 1 << 8,
};

/* Identify: which structure, 5.15. */
enum nvme_identify {
	NVME_IDENTIFY_NAMESPACE = 0x00,
	NVME_IDENTIFY_CONTROLLER = 0x01,
	NVME_IDENTIFY_NAMESPACES = 0x02, /* the list of active ones */
	NVME_IDENTIFY_DESCRIPTORS = 0x03,
};

enum { NVME_IDENTIFY_SIZE = 4096, NVME_DESCRIPTOR_UUID = 3 };

/* Identify Controller, figure 251. */
enum nvme_controller_field {
	NVME_ID_VID = 0,
	NVME_ID_SSVID = 2,
	NVME_ID_SN = 4,	   /* 20 characters */
	NVME_ID_MN = 24,   /* 40 */
	NVME_ID_FR = 64,   /* 8 */
	NVME_ID_MDTS = 77, /* log2 of pages */
	NVME_ID_VER = 80,
	NVME_ID_OAES = 92,
	NVME_ID_CNTRLTYPE = 111,
	NVME_ID_OACS = 256,
	NVME_ID_ACL = 258,
	NVME_ID_AERL = 259,
	NVME_ID_FRMW = 260,
	NVME_ID_LPA = 261,
	NVME_ID_ELPE = 262,
	NVME_ID_WCTEMP = 266,
	NVME_ID_CCTEMP = 268,
	NVME_ID_SQES = 512,
	NVME_ID_CQES = 513,
	NVME_ID_NN = 516,
	NVME_ID_ONCS = 520,
	NVME_ID_VWC = 525,
	NVME_ID_SUBNQN = 768, /* 256 */
};

enum {
	NVME_OACS_DOORBELL_BUFFER = 1 << 8,
	NVME_FRMW_ONE_FIXED_SLOT = 1 << 1 | 1 << 0,
	NVME_LPA_EXTENDED = 1 << 2, /* 32-bit lengths and offsets */
	NVME_ONCS_DSM = 1 << 2,
	NVME_ONCS_WRITE_ZEROES = 1 << 3,
	NVME_ONCS_SELECT = 1 << 4, /* Save and Select of the features commands */
	NVME_VWC_PRESENT = 1 << 0,
	NVME_VWC_FLUSH_ALL = 3 << 1, /* Flush takes the namespace of all */
	NVME_CNTRLTYPE_IO = 1,
};

/* Identify Namespace, figure 249. */
enum nvme_namespace_field {
	NVME_NS_NSZE = 0,
	NVME_NS_NCAP = 8,
	NVME_NS_NUSE = 16,
	NVME_NS_NSFEAT = 24,
	NVME_NS_DLFEAT = 33,
	NVME_NS_NPWG = 64, /* preferred: write granularity and alignment, deallocate the same */
	NVME_NS_NPWA = 66,
	NVME_NS_NPDG = 68,
	NVME_NS_NPDA = 70,
	NVME_NS_NSATTR = 99,
	NVME_NS_LBADS = 130, /* of format 0: log2 of a block's bytes */
};

enum {
	NVME_NSFEAT_PREFERRED = 1 << 4,
	NVME_DLFEAT_WRITE_ZEROES = 1 << 3,
	NVME_NSATTR_WRITE_PROTECTED = 1 << 0,
};

/* SMART / Health Information, figure 196; counters have 16 bytes. */
enum nvme_health_field {
	NVME_HEALTH_WARNING = 0,
	NVME_HEALTH_TEMPERATURE = 1,
	NVME_HEALTH_SPARE = 3,
	NVME_HEALTH_SPARE_THRESHOLD = 4,
	NVME_HEALTH_UNITS_READ = 32, /* thousands of 512 bytes */
	NVME_HEALTH_UNITS_WRITTEN = 48,
	NVME_HEALTH_READS = 64,
	NVME_HEALTH_WRITES = 80,
	NVME_HEALTH_POWER_CYCLES = 112,
	NVME_HEALTH_MEDIA_ERRORS = 160,
	NVME_HEALTH_ERROR_ENTRIES = 176,
	NVME_HEALTH_SIZE = 512,
};

/* An entry of the error log, figure 195. */
enum nvme_error_field {
	NVME_ERROR_COUNT = 0,
	NVME_ERROR_SQ_ID = 8,
	NVME_ERROR_CID = 10,
	NVME_ERROR_STATUS = 12,
	NVME_ERROR_LOCATION = 14,
	NVME_ERROR_LBA = 16,
	NVME_ERROR_NSID = 24,
	NVME_ERROR_SIZE = 64,
};

/* Firmware Slot Information, figure 198. */
enum {
	NVME_FIRMWARE_ACTIVE = 0,
	NVME_FIRMWARE_SLOT_1 = 8,
	NVME_FIRMWARE_SIZE = 512,
	NVME_CHANGED_NAMESPACES_SIZE = 4096,
};

_Static_assert(sizeof(struct nvme_command) == NVME_COMMAND_SIZE, "4.2");
_Static_assert(sizeof(struct nvme_completion) == NVME_COMPLETION_SIZE, "4.6");
_Static_assert(sizeof(struct nvme_range) == 16, "6.7");

#endif
