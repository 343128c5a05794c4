/* acpi.c: RSDP, XSDT, FADT, MADT, FACS and MCFG (ACPI 6.3, section 5.2); the DSDT is dsdt.c's. */
#include "vmm/arch/x86/acpi.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/acpi_pm.h"
#include "devices/acpi_pm1.h"
#include "devices/rtc.h"
#include "vmm/arch/x86/aml.h"
#include "vmm/arch/x86/dsdt.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	RSDP_SIZE = 36,
	HEADER_SIZE = 36,
	FADT_SIZE = 276, /* of revision 6.3 */
	FACS_SIZE = 64,
	MAX_TABLES = 4, /* that the XSDT lists */
};

/* 5.2.6, the header that all tables share. */
enum { HEADER_LENGTH = 4, HEADER_CHECKSUM = 9 };

/* 5.2.9, offsets in the FADT. */
enum {
	FADT_FIRMWARE_CTRL = 36,
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_PM1A_EVT_BLK = 56,
	FADT_PM1A_CNT_BLK = 64,
	FADT_PM_TMR_BLK = 76,
	FADT_PM1_EVT_LEN = 88,
	FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91,
	FADT_P_LVL2_LAT = 96,
	FADT_P_LVL3_LAT = 98,
	FADT_CENTURY = 108,
	FADT_IAPC_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR_VERSION = 131,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_EVT_BLK = 148,
	FADT_X_PM1A_CNT_BLK = 172,
	FADT_X_PM_TMR_BLK = 208,
	FADT_SLEEP_CONTROL_REG = 244,
	FADT_SLEEP_STATUS_REG = 256,
};

enum { /* table 5-34 */
       FADT_WBINVD = 1 << 0,
       FADT_PROC_C1 = 1 << 2,
       FADT_PWR_BUTTON = 1 << 4, /* no fixed one */
       FADT_SLP_BUTTON = 1 << 5, /* no fixed one */
       FADT_FIX_RTC = 1 << 6,	 /* the RTC's wake status is in no fixed register */
       FADT_TMR_VAL_EXT = 1 << 8,
       FADT_RESET_REG_SUP = 1 << 10,
       FADT_HW_REDUCED = 1 << 20,
};

enum { /* table 5-35 */
       BOOT_LEGACY_DEVICES = 1 << 0,
       BOOT_8042 = 1 << 1,
       BOOT_NO_VGA = 1 << 2,
       BOOT_NO_CMOS_RTC = 1 << 5,
};

enum { NO_C2 = 0xfff, NO_C3 = 0xfff }; /* latencies beyond 100 and 1000: no such state */

enum { GAS_IO = 1, GAS_BYTE = 1, GAS_WORD = 2, GAS_DWORD = 3 }; /* 5.2.3.2 */

enum { /* 5.2.12 */
       MADT_PCAT_COMPAT = 1 << 0,
       MADT_LOCAL_APIC = 0,
       MADT_IO_APIC = 1,
       MADT_OVERRIDE = 2,
       MADT_LOCAL_APIC_NMI = 4,
       MADT_ENABLED = 1 << 0,
       MADT_BUS_DEFAULT = 0,
       MADT_LEVEL_HIGH = 0x0d,
};

/* Tables one after another. What does not fit is remembered in full, as with struct aml. */
struct builder {
	uint8_t *buf; /* borrowed */
	size_t size, used;
	uint64_t tables[MAX_TABLES]; /* guest addresses, for the XSDT */
	unsigned int ntables;
	bool full;
	uint8_t nowhere[FADT_SIZE]; /* where goes what does not fit */
};

/* Zeroed bytes at the end, or nowhere; len is at most FADT_SIZE. */
static uint8_t *append(struct builder *builder, size_t len)
{
	uint8_t *at = builder->buf + builder->used;

	if (builder->full || len > builder->size - builder->used) {
		builder->full = true;
		at = builder->nowhere;
	} else {
		builder->used += len;
	}
	memset(at, 0, len);
	return at;
}

static void align(struct builder *builder, unsigned int alignment)
{
	append(builder, align_up(builder->used, alignment) - builder->used);
}

static uint64_t address(size_t offset)
{
	return LAYOUT_ACPI + offset;
}

static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *bytes++);
	return (uint8_t)-sum;
}

/* Opens a table; its offset is returned for table_end(). */
static size_t table_begin(struct builder *builder, const char *signature, uint8_t revision)
{
	uint8_t *header;
	size_t start;

	align(builder, 16);
	start = builder->used;
	header = append(builder, HEADER_SIZE);
	memcpy(header, signature, 4);
	header[8] = revision;
	memcpy(header + 10, "MINVMM", 6);   /* OEM id */
	memcpy(header + 16, "MINIVMM ", 8); /* OEM table id */
	store_le32(header + 24, 1);	    /* OEM revision */
	memcpy(header + 28, "MVMM", 4);	    /* creator id and revision */
	store_le32(header + 32, 1);
	return start;
}

/* Fills in length and checksum; returns the table's guest address. */
static uint64_t table_end(struct builder *builder, size_t start)
{
	uint8_t *table = builder->buf + start;
	size_t len = builder->used - start;

	if (!builder->full) {
		store_le32(table + HEADER_LENGTH, (uint32_t)len);
		table[HEADER_CHECKSUM] = checksum(table, len);
	}
	return address(start);
}

static void list(struct builder *builder, uint64_t table)
{
	builder->tables[builder->ntables++] = table;
}

static uint64_t build_dsdt(struct builder *builder, const struct acpi_config *config)
{
	size_t start = table_begin(builder, "DSDT", 2); /* 2: integers of 64 bits */
	struct aml aml;
	int len;

	aml_init(&aml, builder->buf + builder->used, builder->size - builder->used);
	dsdt_write(&aml, config);
	len = aml_finish(&aml);
	if (len < 0)
		builder->full = true;
	else
		builder->used += (size_t)len;
	return table_end(builder, start);
}

/* 5.2.10: no waking vector, no global lock; its place is all a kernel wants. */
static uint64_t build_facs(struct builder *builder)
{
	uint8_t *facs;

	align(builder, 64);
	facs = append(builder, FACS_SIZE);
	memcpy(facs, "FACS", 4);
	store_le32(facs + HEADER_LENGTH, FACS_SIZE);
	facs[32] = 2; /* version */
	return address(builder->used - FACS_SIZE);
}

static void store_port(uint8_t *gas, uint16_t port, uint8_t bits, uint8_t access)
{
	gas[0] = GAS_IO;
	gas[1] = bits;
	gas[3] = access;
	store_le64(gas + 4, port);
}

static void fill_fadt_reduced(uint8_t *fadt)
{
	store_port(fadt + FADT_SLEEP_CONTROL_REG, PORT_SLEEP_CONTROL, 8, GAS_BYTE);
	store_port(fadt + FADT_SLEEP_STATUS_REG, PORT_SLEEP_STATUS, 8, GAS_BYTE);
}

static void fill_fadt_classic(uint8_t *fadt, uint64_t facs)
{
	store_le32(fadt + FADT_FIRMWARE_CTRL, (uint32_t)facs);
	store_le16(fadt + FADT_SCI_INT, GSI_SCI);
	store_le32(fadt + FADT_PM1A_EVT_BLK, PORT_PM1A_EVENT);
	store_le32(fadt + FADT_PM1A_CNT_BLK, PORT_PM1A_CONTROL);
	store_le32(fadt + FADT_PM_TMR_BLK, PORT_PM_TIMER);
	fadt[FADT_PM1_EVT_LEN] = ACPI_PM1_EVENT_PORTS;
	fadt[FADT_PM1_CNT_LEN] = ACPI_PM1_CONTROL_PORTS;
	store_port(fadt + FADT_X_PM1A_EVT_BLK, PORT_PM1A_EVENT, 8 * ACPI_PM1_EVENT_PORTS, GAS_WORD);
	store_port(fadt + FADT_X_PM1A_CNT_BLK, PORT_PM1A_CONTROL, 8 * ACPI_PM1_CONTROL_PORTS,
		   GAS_WORD);
}

static uint32_t fadt_flags(const struct acpi_config *config)
{
	uint32_t flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
			 FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP;

	if (!config->classic)
		flags |= FADT_HW_REDUCED | FADT_PWR_BUTTON;
	return flags;
}

static uint16_t fadt_boot_arch(const struct acpi_config *config)
{
	unsigned int flags = BOOT_NO_VGA;

	if (config->classic)
		flags |= BOOT_LEGACY_DEVICES | BOOT_8042;
	if (!config->legacy_devices)
		flags |= BOOT_NO_CMOS_RTC;
	return (uint16_t)flags;
}

/* 5.2.9. The PM timer may be in hardware-reduced tables too. */
static void build_fadt(struct builder *builder, const struct acpi_config *config, uint64_t dsdt,
		       uint64_t facs)
{
	size_t start = table_begin(builder, "FACP", 6);
	uint8_t *fadt = builder->buf + start;

	append(builder, FADT_SIZE - HEADER_SIZE);
	if (builder->full)
		return;
	store_le32(fadt + FADT_DSDT, (uint32_t)dsdt);
	store_le64(fadt + FADT_X_DSDT, dsdt);
	fadt[FADT_MINOR_VERSION] = 3;
	store_le16(fadt + FADT_P_LVL2_LAT, NO_C2);
	store_le16(fadt + FADT_P_LVL3_LAT, NO_C3);
	store_le16(fadt + FADT_IAPC_BOOT_ARCH, fadt_boot_arch(config));
	store_le32(fadt + FADT_FLAGS, fadt_flags(config));
	store_port(fadt + FADT_RESET_REG, PORT_RESET, 8, GAS_BYTE);
	fadt[FADT_RESET_VALUE] = ACPI_PM_RESET_VALUE;
	if (config->legacy_devices) {
		fadt[FADT_CENTURY] = RTC_CENTURY;
		fadt[FADT_PM_TMR_LEN] = 4;
		store_port(fadt + FADT_X_PM_TMR_BLK, PORT_PM_TIMER, 32, GAS_DWORD);
	}
	if (config->classic)
		fill_fadt_classic(fadt, facs);
	else
		fill_fadt_reduced(fadt);
	list(builder, table_end(builder, start));
}

/* 5.2.12: an entry of the MADT, its first two bytes filled in. */
static uint8_t *madt_entry(struct builder *builder, uint8_t type, uint8_t len)
{
	uint8_t *entry = append(builder, len);

	entry[0] = type;
	entry[1] = len;
	return entry;
}

static void madt_cpu(struct builder *builder, uint8_t id)
{
	uint8_t *entry = madt_entry(builder, MADT_LOCAL_APIC, 8);

	entry[2] = id; /* processor UID */
	entry[3] = id;
	store_le32(entry + 4, MADT_ENABLED);
}

static void madt_override(struct builder *builder, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	uint8_t *entry = madt_entry(builder, MADT_OVERRIDE, 10);

	entry[3] = irq;
	store_le32(entry + 4, gsi);
	store_le16(entry + 8, flags);
}

/* LINT1 of every CPU is the NMI line. */
static void madt_nmi(struct builder *builder)
{
	uint8_t *entry = madt_entry(builder, MADT_LOCAL_APIC_NMI, 6);

	entry[2] = UINT8_MAX; /* all processors */
	entry[5] = 1;
}

static void build_madt(struct builder *builder, const struct acpi_config *config)
{
	size_t start = table_begin(builder, "APIC", 5);
	uint8_t *entry = append(builder, 8);

	store_le32(entry, LAYOUT_LAPIC);
	store_le32(entry + 4, config->classic ? MADT_PCAT_COMPAT : 0);
	for (unsigned int id = 0; id < config->ncpus; id++)
		madt_cpu(builder, (uint8_t)id);
	entry = madt_entry(builder, MADT_IO_APIC, 12);
	store_le32(entry + 4, LAYOUT_IOAPIC); /* id 0, GSIs from 0 */
	if (config->classic) {
		madt_override(builder, 0, 2, MADT_BUS_DEFAULT); /* the PIT */
		madt_override(builder, GSI_SCI, GSI_SCI, MADT_LEVEL_HIGH);
	}
	madt_nmi(builder);
	list(builder, table_end(builder, start));
}

/* PCI firmware 3.2, 4.1.2: one segment with bus 0. */
static void build_mcfg(struct builder *builder)
{
	size_t start = table_begin(builder, "MCFG", 1);
	uint8_t *entry = append(builder, 8 + 16) + 8;

	store_le64(entry, LAYOUT_ECAM_BASE);
	list(builder, table_end(builder, start));
}

static uint64_t build_xsdt(struct builder *builder)
{
	size_t start = table_begin(builder, "XSDT", 1);

	for (unsigned int i = 0; i < builder->ntables; i++)
		store_le64(append(builder, 8), builder->tables[i]);
	return table_end(builder, start);
}

/* 5.2.5.3, revision 2; the first 20 bytes have a checksum of their own. */
static void fill_rsdp(uint8_t *rsdp, uint64_t xsdt)
{
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "MINVMM", 6);
	rsdp[15] = 2;
	store_le32(rsdp + 20, RSDP_SIZE);
	store_le64(rsdp + 24, xsdt);
	rsdp[8] = checksum(rsdp, 20);
	rsdp[32] = checksum(rsdp, RSDP_SIZE);
}

int acpi_build(const struct acpi_config *config, void *buf, size_t size)
{
	struct builder builder = {.buf = buf, .size = size};
	uint64_t dsdt, xsdt, facs = 0;
	uint8_t *rsdp;

	assert(config->ncpus <= UINT8_MAX);
	rsdp = append(&builder, RSDP_SIZE);
	if (config->classic)
		facs = build_facs(&builder);
	dsdt = build_dsdt(&builder, config);
	build_fadt(&builder, config, dsdt, facs);
	build_madt(&builder, config);
	if (config->pci.present)
		build_mcfg(&builder);
	xsdt = build_xsdt(&builder);
	fill_rsdp(rsdp, xsdt);
	return builder.full ? -ENOSPC : (int)builder.used;
}
