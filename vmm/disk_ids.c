/* disk_ids.c: one table says where each format has its mark and its id. */
#include "vmm/disk_ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	HEAD_BYTES = 0x10050, /* the last mark is that of btrfs */

	EXT_SUPERBLOCK = 1024,
	EXT_STATE = EXT_SUPERBLOCK + 0x3a, /* s_state */
	EXT_STATE_CLEAN = 1,
	EXT_INCOMPAT = EXT_SUPERBLOCK + 0x60, /* s_feature_incompat */
	EXT_INCOMPAT_RECOVER = 4,
};

enum id_form { BYTES, MIXED_ENDIAN, TEXT, NUMBER };

/* The first that fits: what has a boot sector's mark too comes before it. */
static const struct format {
	const char *kind, *id_name;
	unsigned int mark_offset, mark_len;
	const char *mark;
	unsigned int id_offset;
	enum id_form form;
} formats[] = {
	{"partition table (GPT)", "disk GUID", 512, 8, "EFI PART", 512 + 56, MIXED_ENDIAN},
	{"ext file system", "UUID", EXT_SUPERBLOCK + 0x38, 2, "\x53\xef", EXT_SUPERBLOCK + 0x68,
	 BYTES},
	{"XFS file system", "UUID", 0, 4, "XFSB", 32, BYTES},
	{"btrfs file system", "UUID", 0x10040, 8, "_BHRfS_M", 0x10020, BYTES},
	{"swap space", "UUID", 4086, 10, "SWAPSPACE2", 1024 + 12, BYTES},
	{"LUKS volume", "UUID", 0, 6, "LUKS\xba\xbe", 168, TEXT},
	{"FAT file system", "volume id", 54, 3, "FAT", 39, NUMBER},
	{"FAT file system", "volume id", 82, 3, "FAT", 67, NUMBER},
	{"partition table (MBR)", "disk signature", 510, 2, "\x55\xaa", 440, NUMBER},
};

static const char partitioned[] = "partition table";

static void format_id(const struct format *format, const unsigned char *head,
		      char id[UUID_TEXT_SIZE])
{
	const unsigned char *at = head + format->id_offset;
	struct uuid uuid;
	unsigned int n;

	switch (format->form) {
	case BYTES:
		memcpy(uuid.bytes, at, UUID_SIZE);
		uuid_format(&uuid, id);
		break;
	case MIXED_ENDIAN:
		uuid_from_mixed_endian(&uuid, at);
		uuid_format(&uuid, id);
		break;
	case TEXT:
		for (n = 0; n < UUID_TEXT_SIZE - 1 && at[n] > ' ' && at[n] <= '~'; n++)
			id[n] = (char)at[n];
		id[n] = '\0';
		break;
	case NUMBER:
		snprintf(id, UUID_TEXT_SIZE, "%08x", load_le32(at));
		break;
	}
}

static int read_head(int fd, unsigned char *head)
{
	size_t used = 0;
	ssize_t n;

	do {
		n = pread(fd, head + used, HEAD_BYTES - used, (off_t)used);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0 && used < HEAD_BYTES);
	return n < 0 ? -errno : 0;
}

int disk_ids_read(int fd, struct disk_ids *ids)
{
	unsigned char *head =
		calloc(1, HEAD_BYTES); /* a short image is read as if zeroes followed */
	int err = head ? read_head(fd, head) : -ENOMEM;

	*ids = (struct disk_ids){.kind = NULL};
	for (size_t i = 0; i < ARRAY_SIZE(formats) && !err && !ids->kind; i++) {
		const struct format *format = &formats[i];

		if (memcmp(head + format->mark_offset, format->mark, format->mark_len) != 0)
			continue;
		ids->kind = format->kind;
		ids->id_name = format->id_name;
		format_id(format, head, ids->id);
		ids->partitioned = strncmp(format->kind, partitioned, strlen(partitioned)) == 0;
		ids->ext = format->mark_offset == EXT_SUPERBLOCK + 0x38;
	}
	if (ids->ext)
		ids->ext_unclean = !(load_le16(head + EXT_STATE) & EXT_STATE_CLEAN) ||
				   (load_le32(head + EXT_INCOMPAT) & EXT_INCOMPAT_RECOVER);
	free(head);
	return err;
}

bool disk_ids_same(const struct disk_ids *a, const struct disk_ids *b)
{
	bool has_id = a->id[strspn(a->id, "0-")] != '\0'; /* all zeroes: nobody gave it one */

	return has_id && b->kind && strcmp(a->kind, b->kind) == 0 && strcmp(a->id, b->id) == 0;
}
