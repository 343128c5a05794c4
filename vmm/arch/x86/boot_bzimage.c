/* boot_bzimage.c: a bzImage by its 64-bit entry point, Documentation/arch/x86/boot.rst. */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "vmm/arch/x86/boot_linux.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	SECTOR = 512,
	HEADER_OFFSET = 0x1f1, /* struct setup_header in the file */
	MAGIC_OFFSET = 0x202,
	JUMP_OFFSET = 0x201, /* the operand of a jump over the header: its length */
	DEFAULT_SETUP_SECTORS = 4,
	HEADER_MAGIC = 0x53726448, /* "HdrS" */
	VERSION_64BIT = 0x20c,	   /* protocol 2.12: the first with xloadflags */
	ENTRY_64BIT = 0x200,	   /* behind the load address */
	PARAGRAPH = 16,
};

/* The header goes this far at least: init_size is the last field that we use. */
#define HEADER_END (HEADER_OFFSET + offsetof(struct setup_header, init_size) + sizeof(uint32_t))

/* Everything about a checked bzImage that loading needs. */
struct bzimage {
	struct setup_header header;
	uint64_t payload_offset; /* of the protected-mode kernel, in the file */
	uint64_t payload_size;
	gpa_t load;
};

static bool accepts(const struct boot_image *image, bool forced)
{
	(void)forced;
	return image->head_size >= MAGIC_OFFSET + sizeof(uint32_t) &&
	       load_le32(image->head + MAGIC_OFFSET) == HEADER_MAGIC;
}

static int read_header(const struct boot_image *image, struct setup_header *header)
{
	uint64_t end = MAGIC_OFFSET + image->head[JUMP_OFFSET];
	uint16_t version;

	if (image->head_size < HEADER_END)
		return boot_file_bad(image->file, "is truncated: its bzImage header is incomplete");
	version = load_le16(image->head + HEADER_OFFSET + offsetof(struct setup_header, version));
	if (version < VERSION_64BIT)
		return boot_file_bad(image->file,
				     "has boot protocol %u.%02u; a 64-bit entry needs 2.12 "
				     "(Linux 3.8) or later",
				     version >> 8, version & 0xff);
	if (end < HEADER_END || end > offsetof(struct boot_params, edd_mbr_sig_buffer))
		return boot_file_bad(image->file, "has a bzImage header that ends at %#llx",
				     (unsigned long long)end);
	if (image->head_size < end)
		return boot_file_bad(image->file, "is truncated: its bzImage header is incomplete");
	/* Fields that are newer than both kernel and us stay zero. */
	memset(header, 0, sizeof(*header));
	end -= HEADER_OFFSET;
	memcpy(header, image->head + HEADER_OFFSET, end < sizeof(*header) ? end : sizeof(*header));
	return 0;
}

static int check_flags(const struct boot_file *file, const struct setup_header *header)
{
	if (header->boot_flag != 0xaa55)
		return boot_file_bad(file, "has HdrS but no boot signature at 0x1fe: damaged?");
	if (!(header->loadflags & LOADED_HIGH))
		return boot_file_bad(file, "is a zImage, loaded low; build a bzImage");
	if (!(header->xloadflags & XLF_KERNEL_64))
		return boot_file_bad(file, "is a 32-bit Linux kernel without a 64-bit entry; "
					   "use an x86_64 one");
	if (header->relocatable_kernel && !is_power_of_two(header->kernel_alignment))
		return boot_file_bad(file, "wants a kernel alignment of %#x: damaged?",
				     header->kernel_alignment);
	return 0;
}

/* The parts lie in the file as the header says they do. */
static int check_sizes(const struct boot_file *file, struct bzimage *bz)
{
	const struct setup_header *header = &bz->header;
	uint64_t sectors = header->setup_sects ? header->setup_sects : DEFAULT_SETUP_SECTORS;
	uint64_t left, compressed_end;

	bz->payload_offset = (sectors + 1) * SECTOR;
	bz->payload_size = (uint64_t)header->syssize * PARAGRAPH;
	if (bz->payload_offset >= file->size)
		return boot_file_bad(file, "is truncated: its setup code alone has %llu sectors",
				     (unsigned long long)sectors);
	left = file->size - bz->payload_offset;
	if (bz->payload_size <= ENTRY_64BIT)
		return boot_file_bad(file, "has no code at its 64-bit entry (syssize %#x)",
				     header->syssize);
	/* Only the last paragraph may be incomplete. */
	if (bz->payload_size > left && bz->payload_size - left >= PARAGRAPH)
		return boot_file_bad(file, "is truncated: %llu of %llu bytes of the kernel",
				     (unsigned long long)left,
				     (unsigned long long)bz->payload_size);
	if (bz->payload_size > left)
		bz->payload_size = left;
	compressed_end = (uint64_t)header->payload_offset + header->payload_length;
	if (compressed_end > bz->payload_size)
		return boot_file_bad(file, "is truncated: its compressed kernel ends at %#llx",
				     (unsigned long long)compressed_end);
	if (header->init_size < bz->payload_size)
		return boot_file_bad(file, "has an init_size of %#x, less than it loads: damaged?",
				     header->init_size);
	return 0;
}

/*
 * Where the kernel would run from anyway: loaded lower, it moves itself up to pref_address. So
 * there is one right place, and a guest either has RAM there or has not enough.
 */
static int choose_address(const struct boot_file *file, struct bzimage *bz)
{
	const struct setup_header *header = &bz->header;

	bz->load = header->pref_address;
	if (header->relocatable_kernel) {
		if (bz->load < LAYOUT_HIGH_MEMORY)
			bz->load = LAYOUT_HIGH_MEMORY;
		if (bz->load < LAYOUT_LOW_RAM_END)
			bz->load = align_up(bz->load, header->kernel_alignment);
	}
	/* The page tables at entry map the first 4 GiB. */
	if (bz->load >= LAYOUT_LOW_RAM_END || header->init_size > LAYOUT_LOW_RAM_END - bz->load)
		return boot_file_bad(file, "wants to run at %#llx, where no RAM can be: damaged?",
				     (unsigned long long)bz->load);
	return 0;
}

static int load(const struct boot_request *request, const struct boot_image *image,
		struct boot_entry *entry)
{
	struct bzimage bz;
	struct boot_span span;
	void *place;
	int err = read_header(image, &bz.header);

	if (err == 0)
		err = check_flags(image->file, &bz.header);
	if (err == 0)
		err = check_sizes(image->file, &bz);
	if (err == 0)
		err = choose_address(image->file, &bz);
	if (err < 0)
		return err;
	place = boot_place(request, bz.load, bz.header.init_size, "kernel with its work space");
	if (!place)
		return -EINVAL;
	err = boot_file_read(image->file, bz.payload_offset, place, bz.payload_size);
	if (err < 0)
		return err;
	bz.header.code32_start = (uint32_t)bz.load;
	span = (struct boot_span){bz.load, bz.load + bz.header.init_size};
	return boot_linux_enter(request, &bz.header, &span, bz.load + ENTRY_64BIT, entry);
}

const struct boot_loader boot_bzimage = {
	.protocol = BOOT_LINUX64,
	.accepts = accepts,
	.load = load,
};
