/* iso9660.c: ISO 9660 images, ECMA-119; clauses are its. */
#include "vmm/iso9660.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bytes.h"
#include "vmm/util.h"

enum { /* logical blocks */
       BLOCK_PRIMARY = 16,
       BLOCK_TERMINATOR = 17,
       BLOCK_PATHS_LE = 18,
       BLOCK_PATHS_BE = 19,
       BLOCK_ROOT = 20,
       BLOCK_DATA = 21,
};

enum {
	PATH_TABLE_SIZE = 10, /* of a root alone */
	RECORD_SIZE = 33,     /* of a directory record, without its name */
	FLAG_DIRECTORY = 1 << 1,
	LABEL_SIZE = 32,
	MAX_IMAGE_SIZE = 1 << 30,
};

/* The root directory is one block. */
_Static_assert(2 * (RECORD_SIZE + 1) + ISO9660_MAX_FILES * (RECORD_SIZE + ISO9660_MAX_NAME) <=
		       ISO9660_BLOCK_SIZE,
	       "room for all files");

/* 7.2.3 and 7.3.3: both byte orders, one after the other. */
static void store_both16(uint8_t *to, uint16_t value)
{
	store_le16(to, value);
	store_le16(to + 2, __builtin_bswap16(value));
}

static void store_both32(uint8_t *to, uint32_t value)
{
	store_le32(to, value);
	store_le32(to + 4, __builtin_bswap32(value));
}

/* 9.1: returns the record's size. No date is given: all zeroes, 9.1.5. */
static size_t fill_record(uint8_t *record, const char *name, size_t name_len, uint32_t block,
			  size_t size, uint8_t flags)
{
	size_t len = align_up(RECORD_SIZE + name_len, 2);

	record[0] = (uint8_t)len;
	store_both32(record + 2, block);
	store_both32(record + 10, (uint32_t)size);
	record[25] = flags;
	store_both16(record + 28, 1); /* volume sequence number */
	record[32] = (uint8_t)name_len;
	memcpy(record + RECORD_SIZE, name, name_len);
	return len;
}

static void fill_descriptor(uint8_t *descriptor, uint8_t type)
{
	descriptor[0] = type;
	memcpy(descriptor + 1, "CD001", 5);
	descriptor[6] = 1;
}

/* 8.4.26.1: a date that is not specified. */
static void fill_no_date(uint8_t *date)
{
	memset(date, '0', 16);
}

/* 8.4 */
static void fill_primary(uint8_t *primary, const char *label, uint32_t blocks)
{
	fill_descriptor(primary, 1);
	memset(primary + 8, ' ', 32); /* system id */
	memset(primary + 40, ' ', LABEL_SIZE);
	memcpy(primary + 40, label, strlen(label));
	store_both32(primary + 80, blocks);
	store_both16(primary + 120, 1); /* volumes in the set */
	store_both16(primary + 124, 1); /* this volume's number */
	store_both16(primary + 128, ISO9660_BLOCK_SIZE);
	store_both32(primary + 132, PATH_TABLE_SIZE);
	store_le32(primary + 140, BLOCK_PATHS_LE);
	store_le32(primary + 148, __builtin_bswap32(BLOCK_PATHS_BE));
	fill_record(primary + 156, "", 1, BLOCK_ROOT, ISO9660_BLOCK_SIZE, FLAG_DIRECTORY);
	memset(primary + 190, ' ', 813 - 190); /* publisher and other texts */
	for (unsigned int i = 0; i < 4; i++)
		fill_no_date(primary + 813 + 17 * i);
	primary[881] = 1; /* version of the file structure */
}

/* 9.4: the root alone, with itself as parent. */
static void fill_path_tables(uint8_t *little, uint8_t *big)
{
	little[0] = 1; /* length of its name, one zero */
	store_le32(little + 2, BLOCK_ROOT);
	store_le16(little + 6, 1);
	big[0] = 1;
	store_le32(big + 2, __builtin_bswap32(BLOCK_ROOT));
	store_le16(big + 6, __builtin_bswap16(1));
}

static uint64_t blocks_of(size_t size)
{
	return align_up(size, ISO9660_BLOCK_SIZE) / ISO9660_BLOCK_SIZE;
}

/* The root directory and what is in it. 6.8.2.2: "." and ".." are the names 0 and 1. */
static void fill_files(uint8_t *image, const struct iso9660_file *files, unsigned int nfiles)
{
	uint8_t *record = image + BLOCK_ROOT * ISO9660_BLOCK_SIZE;
	uint32_t block = BLOCK_DATA;

	record += fill_record(record, "", 1, BLOCK_ROOT, ISO9660_BLOCK_SIZE, FLAG_DIRECTORY);
	record += fill_record(record, "\1", 1, BLOCK_ROOT, ISO9660_BLOCK_SIZE, FLAG_DIRECTORY);
	for (unsigned int i = 0; i < nfiles; i++) {
		const struct iso9660_file *file = &files[i];

		record += fill_record(record, file->name, strlen(file->name), block, file->size, 0);
		if (file->size > 0)
			memcpy(image + (size_t)block * ISO9660_BLOCK_SIZE, file->data, file->size);
		block += (uint32_t)blocks_of(file->size);
	}
}

static int check_files(const struct iso9660_file *files, unsigned int nfiles, uint64_t *blocks)
{
	*blocks = BLOCK_DATA;
	if (nfiles > ISO9660_MAX_FILES)
		return -E2BIG;
	for (unsigned int i = 0; i < nfiles; i++) {
		size_t len = strlen(files[i].name);

		if (len == 0 || len > ISO9660_MAX_NAME || strchr(files[i].name, '/'))
			return -EINVAL;
		for (unsigned int j = 0; j < i; j++) {
			if (strcmp(files[i].name, files[j].name) == 0)
				return -EINVAL;
		}
		if (files[i].size > MAX_IMAGE_SIZE)
			return -E2BIG;
		*blocks += blocks_of(files[i].size);
	}
	return *blocks > MAX_IMAGE_SIZE / ISO9660_BLOCK_SIZE ? -E2BIG : 0;
}

int iso9660_make(const char *label, const struct iso9660_file *files, unsigned int nfiles,
		 uint8_t **image, size_t *size)
{
	uint64_t blocks;
	uint8_t *made;
	int err;

	if (strlen(label) > LABEL_SIZE)
		return -EINVAL;
	err = check_files(files, nfiles, &blocks);
	if (err < 0)
		return err;
	made = calloc(blocks, ISO9660_BLOCK_SIZE);
	if (!made)
		return -ENOMEM;
	fill_primary(made + BLOCK_PRIMARY * ISO9660_BLOCK_SIZE, label, (uint32_t)blocks);
	fill_descriptor(made + BLOCK_TERMINATOR * ISO9660_BLOCK_SIZE, 255);
	fill_path_tables(made + BLOCK_PATHS_LE * ISO9660_BLOCK_SIZE,
			 made + BLOCK_PATHS_BE * ISO9660_BLOCK_SIZE);
	fill_files(made, files, nfiles);
	*image = made;
	*size = blocks * ISO9660_BLOCK_SIZE;
	return 0;
}
