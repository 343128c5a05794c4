/* smbios.c: SMBIOS structures, DMTF DSP0134 version 3.1.1; clauses are its. */
#include "vmm/arch/x86/smbios.h"

#include <errno.h>
#include <string.h>

#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	ENTRY_SIZE = 24, /* 5.2.2 */
	VERSION_MAJOR = 3,
	VERSION_MINOR = 1,
	MAX_FORMATTED = 0x30, /* the longest of ours: type 4 */
};

enum { /* 7, structure types in use */
       TYPE_BIOS = 0,
       TYPE_SYSTEM = 1,
       TYPE_BASEBOARD = 2,
       TYPE_CHASSIS = 3,
       TYPE_PROCESSOR = 4,
       TYPE_OEM_STRINGS = 11,
       TYPE_MEMORY_ARRAY = 16,
       TYPE_MEMORY_DEVICE = 17,
       TYPE_MAPPED_ADDRESS = 19,
       TYPE_BOOT = 32,
       TYPE_END = 127,
};

/* A structure's handle: its type in the high byte, then its number among those of its type. */
enum {
	HANDLE_CHASSIS = TYPE_CHASSIS << 8,
	HANDLE_MEMORY_ARRAY = TYPE_MEMORY_ARRAY << 8,
	HANDLE_NONE = 0xfffe, /* 7.17.3: nothing is known about errors */
};

/* Structures one after another. What does not fit is remembered in full. */
struct builder {
	uint8_t *buf; /* borrowed */
	size_t size, used;
	size_t string_bytes;
	uint8_t strings; /* of the structure being written */
	bool full;
	uint8_t nowhere[MAX_FORMATTED]; /* where goes what does not fit */
};

static void append_bytes(struct builder *builder, const void *bytes, size_t len)
{
	if (builder->full || len > builder->size - builder->used) {
		builder->full = true;
		return;
	}
	memcpy(builder->buf + builder->used, bytes, len);
	builder->used += len;
}

/* 6.1.2: the formatted part of a structure, zeroed behind its header. */
static uint8_t *begin(struct builder *builder, uint8_t type, uint8_t len, unsigned int number)
{
	uint8_t *at = builder->buf + builder->used;

	if (builder->full || len > builder->size - builder->used) {
		builder->full = true;
		at = builder->nowhere;
	} else {
		builder->used += len;
	}
	memset(at, 0, len);
	at[0] = type;
	at[1] = len;
	store_le16(at + 2, (uint16_t)((unsigned int)type << 8 | number));
	builder->strings = 0;
	return at;
}

/* 6.1.3: the number by which a structure names its string; 0 for none. */
static uint8_t string(struct builder *builder, const char *text)
{
	if (!text || !*text)
		return 0;
	builder->string_bytes += strlen(text) + 1;
	append_bytes(builder, text, strlen(text) + 1);
	return ++builder->strings;
}

/* A NUL ends the strings; two where there are none. */
static void end(struct builder *builder)
{
	append_bytes(builder, "\0", builder->strings > 0 ? 1 : 2);
}

/* 7.1 */
static void build_bios(struct builder *builder, const struct smbios_config *config)
{
	enum { NOT_SUPPORTED = 1 << 3, TARGETED = 1 << 2, VIRTUAL_MACHINE = 1 << 4 };
	uint8_t *bios = begin(builder, TYPE_BIOS, 0x1a, 0);

	bios[0x04] = string(builder, "minivmm");
	bios[0x05] = string(builder, "1.0");
	bios[0x08] = string(builder, "01/01/2026");
	store_le64(bios + 0x0a, NOT_SUPPORTED);
	bios[0x13] = TARGETED | (config->virtual_machine ? VIRTUAL_MACHINE : 0);
	bios[0x14] = 1; /* release 1.0 */
	bios[0x16] = 0xff;
	bios[0x17] = 0xff; /* no embedded controller */
	end(builder);
}

/* 7.2 */
static void build_system(struct builder *builder, const struct smbios_config *config)
{
	enum { POWER_SWITCH = 6 };
	uint8_t *system = begin(builder, TYPE_SYSTEM, 0x1b, 0);

	uuid_to_mixed_endian(&config->identity->uuid, system + 0x08); /* 7.2.1 */
	system[0x18] = POWER_SWITCH;
	system[0x04] = string(builder, "minivmm");
	/* Detectors go by the prefix "KVM", even where CPUID tells them nothing. */
	system[0x05] = string(builder, config->virtual_machine ? "KVM minivmm" : "PC");
	system[0x06] = string(builder, MINIVMM_VERSION);
	system[0x07] = string(builder, config->identity->system_serial);
	end(builder);
}

/* 7.3 */
static void build_baseboard(struct builder *builder, const struct smbios_config *config)
{
	enum { HOSTING = 1 << 0, MOTHERBOARD = 0x0a };
	uint8_t *board = begin(builder, TYPE_BASEBOARD, 0x0f, 0);

	board[0x09] = HOSTING;
	store_le16(board + 0x0b, HANDLE_CHASSIS);
	board[0x0d] = MOTHERBOARD;
	board[0x04] = string(builder, "minivmm");
	board[0x05] = string(builder, "mainboard");
	board[0x07] = string(builder, config->identity->board_serial);
	end(builder);
}

/* 7.4 */
static void build_chassis(struct builder *builder, const struct smbios_config *config)
{
	enum { OTHER = 1, SAFE = 3, SECURITY_UNKNOWN = 2 };
	uint8_t *chassis = begin(builder, TYPE_CHASSIS, 0x16, 0);

	chassis[0x05] = OTHER;
	chassis[0x09] = SAFE; /* boot, power supply and thermal state */
	chassis[0x0a] = SAFE;
	chassis[0x0b] = SAFE;
	chassis[0x0c] = SECURITY_UNKNOWN;
	chassis[0x04] = string(builder, "minivmm");
	chassis[0x07] = string(builder, config->identity->chassis_serial);
	end(builder);
}

/* 7.5: one socket; speeds and caches are not ours to tell. */
static void build_processor(struct builder *builder, const struct smbios_config *config)
{
	enum { CENTRAL = 3, FAMILY_2 = 0xfe, ENABLED = 0x41, OTHER = 1, CAPABLE_64 = 1 << 2 };
	uint8_t *cpu = begin(builder, TYPE_PROCESSOR, 0x30, 0);
	uint8_t cores = (uint8_t)(config->ncpus < 255 ? config->ncpus : 255); /* 255: see below */

	cpu[0x05] = CENTRAL;
	cpu[0x06] = FAMILY_2;
	store_le32(cpu + 0x08, config->cpu_signature);
	store_le32(cpu + 0x0c, config->cpu_features);
	cpu[0x18] = ENABLED; /* and the socket is populated */
	cpu[0x19] = OTHER;
	memset(cpu + 0x1a, 0xff, 6); /* no cache structures */
	cpu[0x23] = cores;	     /* present, enabled, threads */
	cpu[0x24] = cores;
	cpu[0x25] = cores;
	store_le16(cpu + 0x26, CAPABLE_64);
	store_le16(cpu + 0x28, OTHER); /* family */
	for (unsigned int i = 0x2a; i <= 0x2e; i += 2)
		store_le16(cpu + i, (uint16_t)config->ncpus); /* the same three again */
	cpu[0x04] = string(builder, "CPU 0");
	cpu[0x07] = string(builder, config->cpu_vendor);
	cpu[0x10] = string(builder, config->cpu_name);
	end(builder);
}

/* 7.12 */
static void build_oem_strings(struct builder *builder, const struct smbios_config *config)
{
	uint8_t *oem;

	if (config->noem_strings == 0)
		return;
	oem = begin(builder, TYPE_OEM_STRINGS, 0x05, 0);
	oem[0x04] = (uint8_t)config->noem_strings;
	for (unsigned int i = 0; i < config->noem_strings; i++)
		string(builder, config->oem_strings[i]);
	end(builder);
}

/* 7.17 */
static void build_memory_array(struct builder *builder, uint64_t bytes)
{
	enum { OTHER = 1, SYSTEM_MEMORY = 3, NO_ECC = 3 };
	const uint32_t see_extended = 0x80000000;
	uint8_t *array = begin(builder, TYPE_MEMORY_ARRAY, 0x17, 0);

	array[0x04] = OTHER;
	array[0x05] = SYSTEM_MEMORY;
	array[0x06] = NO_ECC;
	store_le32(array + 0x07,
		   bytes / 1024 < see_extended ? (uint32_t)(bytes / 1024) : see_extended);
	store_le16(array + 0x0b, HANDLE_NONE);
	store_le16(array + 0x0d, 1); /* device */
	store_le64(array + 0x0f, bytes / 1024 < see_extended ? 0 : bytes);
	end(builder);
}

/* 7.18: one module holds all of it. */
static void build_memory_device(struct builder *builder, uint64_t bytes)
{
	enum { UNKNOWN = 0xffff, SEE_EXTENDED = 0x7fff, DIMM = 9, RAM = 7, OTHER = 1 << 1 };
	uint64_t mib = bytes >> 20;
	uint8_t *device = begin(builder, TYPE_MEMORY_DEVICE, 0x28, 0);

	store_le16(device + 0x04, HANDLE_MEMORY_ARRAY);
	store_le16(device + 0x06, HANDLE_NONE);
	store_le16(device + 0x08, UNKNOWN); /* widths */
	store_le16(device + 0x0a, UNKNOWN);
	store_le16(device + 0x0c, mib < SEE_EXTENDED ? (uint16_t)mib : SEE_EXTENDED);
	device[0x0e] = DIMM;
	device[0x12] = RAM;
	store_le16(device + 0x13, OTHER);
	store_le32(device + 0x1c, mib < SEE_EXTENDED ? 0 : (uint32_t)mib);
	device[0x10] = string(builder, "DIMM 0");
	device[0x17] = string(builder, "minivmm");
	end(builder);
}

/* 7.20: where a piece of it is seen. */
static void build_mapped_address(struct builder *builder, const struct memory_region *region,
				 unsigned int number)
{
	uint64_t last = region->base + region->size - 1;
	uint8_t *mapped = begin(builder, TYPE_MAPPED_ADDRESS, 0x1f, number);

	if (last / 1024 < UINT32_MAX) {
		store_le32(mapped + 0x04, (uint32_t)(region->base / 1024));
		store_le32(mapped + 0x08, (uint32_t)(last / 1024));
	} else {
		store_le32(mapped + 0x04, UINT32_MAX);
		store_le32(mapped + 0x08, UINT32_MAX);
		store_le64(mapped + 0x0f, region->base);
		store_le64(mapped + 0x17, last);
	}
	store_le16(mapped + 0x0c, HANDLE_MEMORY_ARRAY);
	mapped[0x0e] = 1; /* device per row */
	end(builder);
}

static void build_structures(struct builder *builder, const struct smbios_config *config)
{
	uint64_t bytes = memory_total(config->mem);

	build_bios(builder, config);
	build_system(builder, config);
	build_baseboard(builder, config);
	build_chassis(builder, config);
	build_processor(builder, config);
	build_oem_strings(builder, config);
	build_memory_array(builder, bytes);
	build_memory_device(builder, bytes);
	for (unsigned int i = 0; i < config->mem->nregions; i++)
		build_mapped_address(builder, &config->mem->regions[i], i);
	begin(builder, TYPE_BOOT, 0x0b, 0); /* 7.33: no errors */
	end(builder);
	begin(builder, TYPE_END, 0x04, 0);
	end(builder);
}

/* 5.2.2 */
static void fill_entry(uint8_t *entry, size_t structures)
{
	uint8_t sum = 0;

	memset(entry, 0, ENTRY_SIZE);
	memcpy(entry, "_SM3_", 5);
	entry[0x06] = ENTRY_SIZE;
	entry[0x07] = VERSION_MAJOR;
	entry[0x08] = VERSION_MINOR;
	entry[0x0a] = 1; /* revision of the entry point */
	store_le32(entry + 0x0c, (uint32_t)structures);
	store_le64(entry + 0x10, LAYOUT_SMBIOS + ENTRY_SIZE);
	for (unsigned int i = 0; i < ENTRY_SIZE; i++)
		sum = (uint8_t)(sum + entry[i]);
	entry[0x05] = (uint8_t)-sum;
}

static int check_oem_strings(const struct smbios_config *config)
{
	if (config->noem_strings > SMBIOS_MAX_OEM_STRINGS) {
		log_error(0, "smbios: %u OEM strings: a structure has room for %d",
			  config->noem_strings, SMBIOS_MAX_OEM_STRINGS);
		return -E2BIG;
	}
	for (unsigned int i = 0; i < config->noem_strings; i++) {
		if (!*config->oem_strings[i]) {
			log_error(0, "smbios: an OEM string is empty: it would end the others");
			return -EINVAL;
		}
	}
	return 0;
}

int smbios_build(const struct smbios_config *config, void *buf, size_t size)
{
	struct builder builder = {.buf = buf, .size = size, .used = ENTRY_SIZE};
	int err;

	err = check_oem_strings(config);
	if (err < 0)
		return err;
	if (size < ENTRY_SIZE)
		return -ENOSPC;
	build_structures(&builder, config);
	if (builder.string_bytes > SMBIOS_MAX_STRING_BYTES) {
		log_error(0,
			  "--credential, --smbios-oem: %zu bytes of SMBIOS strings, at most %d: "
			  "the guest's kernel copies them into a small fixed area while it "
			  "starts, and dies of more",
			  builder.string_bytes, SMBIOS_MAX_STRING_BYTES);
		return -E2BIG;
	}
	if (builder.full)
		return -ENOSPC;
	fill_entry(buf, builder.used - ENTRY_SIZE);
	return (int)builder.used;
}
