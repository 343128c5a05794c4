/*
 * elf.c: the parts of an ELF file (System V ABI, chapters 4 and 5) that matter for booting it.
 *
 * The file may be hostile or damaged: every offset is checked against its size (boot_file_read()),
 * every sum against wrapping, every count against a limit of ours.
 */
#include "vmm/arch/x86/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/util.h"

enum {
	MAX_PROGRAM_HEADERS = 128,
	MAX_NOTES = 256, /* per PT_NOTE */

	/* Types of notes of owner "Xen", include/xen/interface/elfnote.h. */
	XEN_NOTE_GUEST_OS = 6,
	XEN_NOTE_PHYS32_ENTRY = 18,
};

/* The fields that we need of the file header, of either class. */
struct elf_header {
	uint16_t machine, type;
	uint64_t entry, phoff;
	uint16_t phentsize, phnum;
};

/* The same of a program header. */
struct program_header {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

bool elf_is(const void *head, uint64_t len)
{
	return len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static int read_header(const struct boot_file *file, bool is_64bit, struct elf_header *header)
{
	Elf64_Ehdr raw64;
	Elf32_Ehdr raw32;
	int err;

	if (is_64bit) {
		err = boot_file_read(file, 0, &raw64, sizeof(raw64));
		if (err < 0)
			return err;
		*header = (struct elf_header){raw64.e_machine, raw64.e_type,	  raw64.e_entry,
					      raw64.e_phoff,   raw64.e_phentsize, raw64.e_phnum};
		return 0;
	}
	err = boot_file_read(file, 0, &raw32, sizeof(raw32));
	if (err < 0)
		return err;
	*header = (struct elf_header){raw32.e_machine, raw32.e_type,	  raw32.e_entry,
				      raw32.e_phoff,   raw32.e_phentsize, raw32.e_phnum};
	return 0;
}

static int check_header(const struct boot_file *file, bool is_64bit,
			const struct elf_header *header)
{
	uint16_t phentsize = is_64bit ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (header->machine != EM_X86_64 && (is_64bit || header->machine != EM_386))
		return boot_file_bad(file, "is ELF for another machine (e_machine %u), not x86",
				     header->machine);
	if (header->type != ET_EXEC && header->type != ET_DYN)
		return boot_file_bad(file, "is ELF but no executable (e_type %u): link it",
				     header->type);
	if (header->phnum == 0)
		return boot_file_bad(file, "is ELF without program headers: nothing to load");
	if (header->phentsize != phentsize)
		return boot_file_bad(file, "has ELF program headers of %u bytes, not %u",
				     header->phentsize, phentsize);
	if (header->phnum > MAX_PROGRAM_HEADERS)
		return boot_file_bad(file, "has %u ELF program headers, more than %d",
				     header->phnum, MAX_PROGRAM_HEADERS);
	return 0;
}

static int read_program_header(const struct boot_file *file, bool is_64bit, uint64_t offset,
			       struct program_header *header)
{
	Elf64_Phdr raw64;
	Elf32_Phdr raw32;
	int err;

	if (is_64bit) {
		err = boot_file_read(file, offset, &raw64, sizeof(raw64));
		if (err < 0)
			return err;
		*header = (struct program_header){raw64.p_type,	 raw64.p_offset, raw64.p_vaddr,
						  raw64.p_paddr, raw64.p_filesz, raw64.p_memsz,
						  raw64.p_align};
		return 0;
	}
	err = boot_file_read(file, offset, &raw32, sizeof(raw32));
	if (err < 0)
		return err;
	*header = (struct program_header){raw32.p_type,	 raw32.p_offset, raw32.p_vaddr,
					  raw32.p_paddr, raw32.p_filesz, raw32.p_memsz,
					  raw32.p_align};
	return 0;
}

static int add_segment(const struct boot_file *file, struct elf_image *elf,
		       const struct program_header *header)
{
	uint64_t end;

	if (header->memsz == 0)
		return 0;
	if (header->filesz > header->memsz)
		return boot_file_bad(file, "has an ELF segment larger in the file than in memory");
	/* A segment of zeroes alone has no place in the file. */
	if (header->filesz > 0 &&
	    (header->offset > file->size || header->filesz > file->size - header->offset))
		return boot_file_bad(file, "is truncated: an ELF segment lies behind its end");
	if (__builtin_add_overflow(header->paddr, header->memsz, &end) ||
	    __builtin_add_overflow(header->vaddr, header->memsz - 1, &end))
		return boot_file_bad(file, "has an ELF segment that wraps around at 2^64");
	if (elf->nsegments == ELF_MAX_SEGMENTS)
		return boot_file_bad(file, "has more than %d ELF segments to load",
				     ELF_MAX_SEGMENTS);
	elf->segments[elf->nsegments++] = (struct elf_segment){
		.offset = header->filesz > 0 ? header->offset : 0,
		.file_size = header->filesz,
		.paddr = header->paddr,
		.vaddr = header->vaddr,
		.mem_size = header->memsz,
	};
	return 0;
}

/* What one note adds to the picture; owner and desc are its first bytes, zeroes behind. */
static void take_note(struct elf_image *elf, const Elf64_Nhdr *note, const char owner[8],
		      const uint8_t desc[8])
{
	bool xen = note->n_namesz == 4 && memcmp(owner, "Xen", 4) == 0;

	/* Every Linux since 4.19 has notes of its own (build salt);
	 * with CONFIG_XEN_PV, also Xen's. */
	if (note->n_namesz == 6 && memcmp(owner, "Linux", 6) == 0)
		elf->is_linux = true;
	if (xen && note->n_type == XEN_NOTE_GUEST_OS && memcmp(desc, "linux", 6) == 0)
		elf->is_linux = true;
	if (xen && note->n_type == XEN_NOTE_PHYS32_ENTRY &&
	    (note->n_descsz == 4 || note->n_descsz == 8)) {
		elf->has_pvh_entry = true;
		memcpy(&elf->pvh_entry, desc, sizeof(elf->pvh_entry));
	}
}

/*
 * The note at *at: its header into note, where owner and descriptor start, and *at moved to the
 * next one. False at the end of the list, which is also where it stops making sense: notes are
 * optional, and some linkers pad oddly.
 */
static bool next_note(const struct boot_file *file, uint64_t *at, uint64_t end, uint64_t alignment,
		      Elf64_Nhdr *note, uint64_t *owner_at, uint64_t *desc_at)
{
	uint64_t left = end - *at, before_desc, len;

	if (left < sizeof(*note) || boot_file_read(file, *at, note, sizeof(*note)) < 0)
		return false;
	before_desc = align_up(sizeof(*note) + (uint64_t)note->n_namesz, alignment);
	len = before_desc + note->n_descsz;
	if (len > left)
		return false;
	*owner_at = *at + sizeof(*note);
	*desc_at = *at + before_desc;
	*at += align_up(len, alignment) < left ? align_up(len, alignment) : left;
	return true;
}

static int read_notes(const struct boot_file *file, struct elf_image *elf,
		      const struct program_header *header)
{
	uint64_t alignment = header->align == 8 ? 8 : 4;
	uint64_t at = header->offset, owner_at, desc_at;
	Elf64_Nhdr note; /* the same in both classes */

	if (header->offset > file->size || header->filesz > file->size - header->offset)
		return boot_file_bad(file, "is truncated: its ELF notes lie behind its end");
	for (int i = 0; i < MAX_NOTES; i++) {
		char owner[8] = {0};
		uint8_t desc[8] = {0};
		int err;

		if (!next_note(file, &at, header->offset + header->filesz, alignment, &note,
			       &owner_at, &desc_at))
			return 0;
		if (note.n_namesz > sizeof(owner))
			continue;
		err = boot_file_read(file, owner_at, owner, note.n_namesz);
		if (err == 0)
			err = boot_file_read(file, desc_at, desc,
					     note.n_descsz < sizeof(desc) ? note.n_descsz
									  : sizeof(desc));
		if (err < 0)
			return err;
		take_note(elf, &note, owner, desc);
	}
	return 0;
}

static int read_program_headers(const struct boot_file *file, const struct elf_header *header,
				struct elf_image *elf)
{
	for (unsigned int i = 0; i < header->phnum; i++) {
		struct program_header program;
		uint64_t offset;
		int err;

		if (__builtin_add_overflow(header->phoff, (uint64_t)i * header->phentsize, &offset))
			return boot_file_bad(file, "has ELF program headers that wrap around");
		err = read_program_header(file, elf->is_64bit, offset, &program);
		if (err == 0 && program.type == PT_LOAD)
			err = add_segment(file, elf, &program);
		else if (err == 0 && program.type == PT_NOTE)
			err = read_notes(file, elf, &program);
		if (err < 0)
			return err;
	}
	if (elf->nsegments == 0)
		return boot_file_bad(file, "is ELF without a segment to load");
	return 0;
}

int elf_parse(const struct boot_file *file, struct elf_image *elf)
{
	uint8_t ident[EI_NIDENT];
	struct elf_header header = {0};
	int err = boot_file_read(file, 0, ident, sizeof(ident));

	if (err < 0)
		return err;
	memset(elf, 0, sizeof(*elf));
	elf->is_64bit = ident[EI_CLASS] == ELFCLASS64;
	if ((!elf->is_64bit && ident[EI_CLASS] != ELFCLASS32) || ident[EI_DATA] != ELFDATA2LSB)
		return boot_file_bad(file, "is ELF of an unknown class or byte order");
	err = read_header(file, elf->is_64bit, &header);
	if (err == 0)
		err = check_header(file, elf->is_64bit, &header);
	if (err < 0)
		return err;
	elf->entry = header.entry;
	return read_program_headers(file, &header, elf);
}

bool elf_contains(const struct elf_image *elf, uint64_t paddr)
{
	for (unsigned int i = 0; i < elf->nsegments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (paddr >= segment->paddr && paddr - segment->paddr < segment->mem_size)
			return true;
	}
	return false;
}

bool elf_physical_entry(const struct elf_image *elf, uint64_t *entry)
{
	*entry = elf->entry;
	if (elf_contains(elf, elf->entry))
		return true;
	for (unsigned int i = 0; i < elf->nsegments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (elf->entry >= segment->vaddr &&
		    elf->entry - segment->vaddr < segment->mem_size) {
			*entry = elf->entry - segment->vaddr + segment->paddr;
			return true;
		}
	}
	return false;
}
