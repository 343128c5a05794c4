/*
 * layout.h: every guest physical address, port and interrupt number of the x86 machine. They stand
 * here only.
 */
#ifndef VMM_ARCH_X86_LAYOUT_H
#define VMM_ARCH_X86_LAYOUT_H

#include <stdint.h>

enum {
	/* Below 640 KiB: what the kernel reads while it starts, then reuses. */
	LAYOUT_GDT = 0x500,
	LAYOUT_IDT = 0x520,
	LAYOUT_TSS = 0x600,	    /* PVH and Multiboot want one; 0x68 bytes */
	LAYOUT_ZERO_PAGE = 0x7000,  /* struct boot_params */
	LAYOUT_START_INFO = 0x8000, /* hvm_start_info or Multiboot information, one page */
	LAYOUT_PAGE_TABLES =
		0x9000, /* PML4, PDPT, four page directories: the first 4 GiB, 2 MiB pages */
	LAYOUT_SETUP_DATA = 0xf000,  /* SETUP_RNG_SEED */
	LAYOUT_BOOT_LISTS = 0x10000, /* memory maps and module lists of PVH and Multiboot */
	LAYOUT_BOOT_LISTS_END = 0x20000,
	LAYOUT_CMDLINE = 0x20000,
	LAYOUT_CMDLINE_SIZE = 0x10000,

	/* 640 KiB to 1 MiB: RAM for us, reserved for the guest. */
	LAYOUT_HOLE = 0xa0000,
	LAYOUT_VMCLOCK = 0xd0000, /* one page */
	LAYOUT_VMGENID = 0xd1000, /* 16 bytes, 8-byte aligned */
	LAYOUT_ACPI = 0xe0000,	  /* RSDP first, then the tables */
	LAYOUT_ACPI_END = 0xf0000,
	LAYOUT_SMBIOS = 0xf0000, /* _SM3_ first, then the structures */
	LAYOUT_SMBIOS_END = 0xffff0,
	LAYOUT_RESET_VECTOR = 0xffff0, /* 16 bytes of code, see firmware.c */
	LAYOUT_HIGH_MEMORY = 0x100000,
};

/* The hole between low and high RAM. */
#define LAYOUT_LOW_RAM_END 0xc0000000u /* low RAM ends here at the latest */
#define LAYOUT_MMIO_BASE 0xc0000000u   /* 32-bit BARs */
#define LAYOUT_MMIO_SIZE 0x20000000u
#define LAYOUT_ECAM_BASE 0xe8000000u /* PCI configuration space of bus 0 */
#define LAYOUT_ECAM_SIZE 0x00100000u
#define LAYOUT_VIRTIO_MMIO_BASE 0xe9000000u
#define LAYOUT_VIRTIO_MMIO_STRIDE 0x1000u
#define LAYOUT_VIRTIO_MMIO_SLOTS 16u
#define LAYOUT_IOAPIC 0xfec00000u
#define LAYOUT_LAPIC 0xfee00000u
#define LAYOUT_KVM_TSS 0xfeffd000u /* three pages that Intel's KVM needs for real mode */
#define LAYOUT_KVM_IDENTITY_MAP 0xfeffc000u
#define LAYOUT_HIGH_RAM 0x100000000ull
#define LAYOUT_HIGH_MMIO_SIZE \
	0x400000000ull /* 16 GiB for 64-bit BARs, above high RAM, 1 GiB aligned */

enum {
	PORT_I8042 = 0x60, /* data; command at 0x64 */
	PORT_RTC = 0x70,
	PORT_DEBUG_EXIT = 0xf4,
	PORT_MARK = 0xf8, /* only in a machine that is watched */
	PORT_COM1 = 0x3f8,
	PORT_PVPANIC = 0x505,
	/* ACPI */
	PORT_SLEEP_CONTROL = 0x600,
	PORT_SLEEP_STATUS = 0x601,
	PORT_RESET = 0x602,
	PORT_PM_TIMER = 0x608,
	PORT_PM1A_EVENT = 0x620, /* classic ACPI only: status, enable */
	PORT_PM1A_CONTROL = 0x624,
	PORT_PCI_ADDRESS = 0xcf8, /* data at 0xcfc */
	PORT_PCI_WINDOW = 0x1000, /* I/O BARs */
	PORT_PCI_WINDOW_SIZE = 0xf000,
};

enum {
	GSI_KEYBOARD = 1,
	GSI_COM1 = 4,
	GSI_RTC = 8,
	GSI_POWER_BUTTON = 9, /* through the GED */
	GSI_SCI = 9,	      /* classic ACPI */
	GSI_VMGENID = 10,
	GSI_VMCLOCK = 11,
	GSI_PCI = 16, /* INTx: 16 to 23 */
	GSI_PCI_COUNT = 8,
};

#endif
