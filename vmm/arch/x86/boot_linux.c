/*
 * boot_linux.c: the zero page of Documentation/arch/x86/zero-page.rst and the state of the "64-bit
 * Boot Protocol" in boot.rst, beside it.
 */
#include "vmm/arch/x86/boot_linux.h"

#include <asm/bootparam.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/arch/x86/layout.h"

enum {
	LOADER_UNKNOWN = 0xff, /* type_of_loader without a number of its own */
	RNG_SEED_SIZE = 32,    /* bytes: what the kernel's generator takes as full strength */
};

/*
 * A list of one: fresh random bytes, so that the kernel's generator is ready before any driver is.
 * 0 where the host has none to give yet; the guest then finds its own.
 */
static gpa_t write_rng_seed(const struct boot_request *request)
{
	const size_t size = sizeof(struct setup_data) + RNG_SEED_SIZE;
	struct setup_data *seed = memory_range(request->mem, LAYOUT_SETUP_DATA, size, MEMORY_WRITE);

	assert(seed);
	seed->next = 0;
	seed->type = SETUP_RNG_SEED;
	seed->len = RNG_SEED_SIZE;
	/* Straight into the guest's RAM: no copy of its seed stays with us. */
	if (getrandom(seed->data, RNG_SEED_SIZE, GRND_NONBLOCK) != RNG_SEED_SIZE)
		return 0;
	return LAYOUT_SETUP_DATA;
}

static void fill_e820(const struct guest_memory *mem, struct boot_params *zero_page)
{
	struct boot_map map;

	_Static_assert(BOOT_MAP_MAX <= E820_MAX_ENTRIES_ZEROPAGE, "the map fits");
	boot_map_make(mem, &map);
	zero_page->e820_entries = (uint8_t)map.n;
	for (unsigned int i = 0; i < map.n; i++)
		zero_page->e820_table[i] = (struct boot_e820_entry){
			.addr = map.entries[i].base,
			.size = map.entries[i].size,
			.type = map.entries[i].type,
		};
}

static void fill_initrd(struct boot_params *zero_page, const struct boot_span *initrd)
{
	uint64_t size = initrd->end - initrd->start;

	zero_page->hdr.ramdisk_image = (uint32_t)initrd->start;
	zero_page->ext_ramdisk_image = (uint32_t)(initrd->start >> 32);
	zero_page->hdr.ramdisk_size = (uint32_t)size;
	zero_page->ext_ramdisk_size = (uint32_t)(size >> 32);
}

int boot_linux_enter(const struct boot_request *request, const struct setup_header *header,
		     const struct boot_span *span, gpa_t rip, struct boot_entry *entry)
{
	/* A kernel that may be above 4 GiB finds its initrd there too. */
	gpa_t initrd_last = header->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G
				    ? UINT64_MAX
				    : header->initrd_addr_max;
	struct boot_params zero_page = {.hdr = *header};
	struct boot_span initrd;
	int err = boot_write_cmdline(request, header->cmdline_size);

	if (err == 0)
		err = boot_load_initrd(request, span, BOOT_HIGH, initrd_last, &initrd);
	if (err < 0)
		return err;

	zero_page.hdr.type_of_loader = LOADER_UNKNOWN;
	zero_page.hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	zero_page.hdr.setup_data = write_rng_seed(request);
	zero_page.acpi_rsdp_addr = request->rsdp;
	fill_e820(request->mem, &zero_page);
	fill_initrd(&zero_page, &initrd);
	boot_write(request, LAYOUT_ZERO_PAGE, &zero_page, sizeof(zero_page));

	entry->mode = BOOT_LONG_MODE;
	entry->rip = rip;
	entry->rsi = LAYOUT_ZERO_PAGE;
	return 0;
}
