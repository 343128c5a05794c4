/*
 * acpi.h: the ACPI tables of the machine, built as bytes (ACPI 6.3; PCI firmware 3.2 for MCFG).
 *
 * Two flavours. Hardware-reduced: sleep and reset registers, and a generic event device (GED) for
 * the power button, the VM generation and whatever else wants to notify; there is no SCI and
 * kernels leave PIC and PIT alone. Classic: PM1a registers, FACS, SCI and the fixed power button of
 * a PC. Addresses are layout.h's. A device costs its owner one struct acpi_device.
 */
#ifndef VMM_ARCH_X86_ACPI_H
#define VMM_ARCH_X86_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACPI_MAX_PORT_RANGES = 2 };

enum acpi_irq { ACPI_IRQ_NONE, ACPI_IRQ_EDGE, ACPI_IRQ_LEVEL }; /* active high, exclusive */

struct acpi_ports {
	uint16_t base;
	uint8_t size; /* 0: no such range */
};

/* One device below \_SB. What is zero is left out. */
struct acpi_device {
	char name[5];	 /* of four characters, unique: "COM1" */
	const char *hid; /* "PNP0501"; borrowed */
	unsigned int uid;
	struct acpi_ports ports[ACPI_MAX_PORT_RANGES];
	uint32_t mmio_base, mmio_size;
	enum acpi_irq irq;
	uint32_t gsi;
	bool dma; /* reads and writes guest RAM, coherently: _CCA */
};

struct acpi_window {
	uint64_t base, size; /* size 0: none */
};

/* A PCI host bridge with bus 0 and ECAM at LAYOUT_ECAM_BASE; INTx wired as pci_intx_line() says. */
struct acpi_pci {
	bool present;
	struct acpi_window io, mem32, mem64;
};

struct acpi_config {
	unsigned int ncpus;  /* 1 to 255; APIC ids count from 0 */
	bool classic;	     /* with PIC, PIT and a keyboard controller; else hardware-reduced */
	bool legacy_devices; /* an RTC, with its century byte, and a PM timer */
	bool generation; /* hardware-reduced only: VM generation id at LAYOUT_VMGENID and VMClock
			    page at LAYOUT_VMCLOCK */
	struct acpi_pci pci;
	const struct acpi_device *devices; /* borrowed */
	unsigned int ndevices;
};

/*
 * Writes RSDP and tables as they stand at guest address LAYOUT_ACPI into buf. Returns the number of
 * bytes used, or -ENOSPC if that is more than size.
 */
int acpi_build(const struct acpi_config *config, void *buf, size_t size);

#endif
