/* kernels.c: kernel files as small as their formats allow. */
#include "tests/fake/kernels.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <string.h>

#include "vmm/bytes.h"

const struct fake_kernel fake_kernels[] = {
	{"bzimage", fake_bzimage},
	{"vmlinux", fake_vmlinux},
	{"pvh", fake_pvh},
	{"multiboot-elf", fake_multiboot_elf},
	{"multiboot", fake_multiboot},
	{NULL, NULL},
};

size_t fake_bzimage(uint8_t *image)
{
	struct setup_header header = {
		.setup_sects = FAKE_BZIMAGE_PAYLOAD / 512 - 1,
		.syssize = FAKE_KERNEL_CODE / 16,
		.boot_flag = 0xaa55,
		.jump = (sizeof(header) - 0x11) << 8 | 0xeb,
		.header = 0x53726448,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.min_alignment = 21,
		.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.cmdline_size = 2047,
		.payload_offset = 0x300,
		.payload_length = 0x400,
		.pref_address = FAKE_KERNEL_LOAD,
		.init_size = FAKE_KERNEL_MEMORY,
	};

	memset(image, 0, FAKE_BZIMAGE_PAYLOAD);
	memset(image, 0xff, 0x1f1); /* among it the sentinel, which must not reach the zero page */
	memcpy(image + 0x1f1, &header, sizeof(header));
	memset(image + FAKE_BZIMAGE_PAYLOAD, FAKE_KERNEL_BYTE, FAKE_KERNEL_CODE);
	return FAKE_BZIMAGE_PAYLOAD + FAKE_KERNEL_CODE;
}

/* Appends a note to those of size *len; its descriptor has 4-byte alignment. */
static void add_note(uint8_t *notes, size_t *len, const char *owner, uint32_t type,
		     const void *desc, uint32_t desc_size)
{
	uint8_t *note = notes + *len;
	uint32_t owner_size = (uint32_t)strlen(owner) + 1;

	store_le32(note, owner_size);
	store_le32(note + 4, desc_size);
	store_le32(note + 8, type);
	memcpy(note + 12, owner, owner_size);
	note += 12 + (owner_size + 3u) / 4 * 4;
	memcpy(note, desc, desc_size);
	note += (desc_size + 3) / 4 * 4;
	*len = (size_t)(note - notes);
}

static void add_pvh_note(uint8_t *notes, size_t *len)
{
	uint8_t entry[4];

	store_le32(entry, FAKE_KERNEL_LOAD + FAKE_KERNEL_PVH_ENTRY);
	add_note(notes, len, "Xen", 18, entry, sizeof(entry));
}

static size_t finish_elf(uint8_t *image)
{
	memset(image + FAKE_ELF_CODE, FAKE_KERNEL_BYTE, FAKE_KERNEL_CODE);
	return FAKE_ELF_CODE + FAKE_KERNEL_CODE;
}

size_t fake_vmlinux(uint8_t *image)
{
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = FAKE_KERNEL_LOAD + FAKE_KERNEL_ENTRY,
		.e_phoff = FAKE_ELF_PHDRS,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr segments[2] = {
		{
			.p_type = PT_LOAD,
			.p_offset = FAKE_ELF_CODE,
			.p_vaddr = 0xffffffff81000000,
			.p_paddr = FAKE_KERNEL_LOAD,
			.p_filesz = FAKE_KERNEL_CODE,
			.p_memsz = FAKE_KERNEL_MEMORY,
		},
		{.p_type = PT_NOTE, .p_offset = FAKE_ELF_NOTES, .p_align = 4},
	};
	size_t notes = 0;

	memset(image, 0, FAKE_ELF_CODE);
	add_note(image + FAKE_ELF_NOTES, &notes, "GNU", NT_GNU_BUILD_ID, "12345678901234567890",
		 20);
	add_note(image + FAKE_ELF_NOTES, &notes, "Linux", 0x100, "", 1);
	add_pvh_note(image + FAKE_ELF_NOTES, &notes);
	segments[1].p_filesz = notes;
	memcpy(image, &header, sizeof(header));
	memcpy(image + FAKE_ELF_PHDRS, segments, sizeof(segments));
	return finish_elf(image);
}

static size_t make_elf32(uint8_t *image, size_t notes)
{
	Elf32_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_entry = FAKE_KERNEL_LOAD + FAKE_KERNEL_ENTRY,
		.e_phoff = FAKE_ELF_PHDRS,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 2,
	};
	Elf32_Phdr segments[2] = {
		{
			.p_type = PT_LOAD,
			.p_offset = FAKE_ELF_CODE,
			.p_vaddr = FAKE_KERNEL_LOAD,
			.p_paddr = FAKE_KERNEL_LOAD,
			.p_filesz = FAKE_KERNEL_CODE,
			.p_memsz = FAKE_KERNEL_MEMORY,
		},
		{.p_type = PT_NOTE, .p_offset = FAKE_ELF_NOTES, .p_align = 4},
	};

	segments[1].p_filesz = (Elf32_Word)notes;
	memcpy(image, &header, sizeof(header));
	memcpy(image + FAKE_ELF_PHDRS, segments, sizeof(segments));
	return finish_elf(image);
}

size_t fake_pvh(uint8_t *image)
{
	size_t notes = 0;

	memset(image, 0, FAKE_ELF_CODE);
	add_pvh_note(image + FAKE_ELF_NOTES, &notes);
	return make_elf32(image, notes);
}

static void put_multiboot_header(uint8_t *at, uint32_t flags)
{
	store_le32(at, 0x1badb002);
	store_le32(at + 4, flags);
	store_le32(at + 8, -(0x1badb002 + flags));
}

size_t fake_multiboot_elf(uint8_t *image)
{
	memset(image, 0, FAKE_ELF_CODE);
	put_multiboot_header(image + FAKE_MULTIBOOT_HEADER, 3);
	return make_elf32(image, 0);
}

size_t fake_multiboot(uint8_t *image)
{
	uint8_t *header = image + FAKE_FLAT_HEADER;

	memset(image, FAKE_KERNEL_BYTE, FAKE_KERNEL_CODE);
	put_multiboot_header(header, 0x10003);
	store_le32(header + 12, FAKE_KERNEL_LOAD + FAKE_FLAT_HEADER);
	store_le32(header + 16, FAKE_KERNEL_LOAD);
	store_le32(header + 20, FAKE_KERNEL_LOAD + FAKE_KERNEL_CODE);
	store_le32(header + 24, FAKE_KERNEL_LOAD + FAKE_KERNEL_MEMORY);
	store_le32(header + 28, FAKE_KERNEL_LOAD + FAKE_KERNEL_ENTRY);
	return FAKE_KERNEL_CODE;
}
