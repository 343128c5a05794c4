/* test_disk_ids.c: what an image holds is told by its marks, whatever else a guest wrote. */
#include "vmm/disk_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"

#define BYTES "\x00\x11\x22\x33\x44\x55\x46\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
#define TEXT "00112233-4455-4677-8899-aabbccddeeff"

struct patch {
	off_t offset;
	const char *bytes;
	size_t len;
};

static int make_image(off_t size, const struct patch *patches, size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	for (size_t i = 0; i < n && patches[i].bytes; i++)
		assert_int_equal(pwrite(fd, patches[i].bytes, patches[i].len, patches[i].offset),
				 patches[i].len);
	return fd;
}

static void every_format_is_found_by_its_mark(void **state)
{
	static const struct {
		const char *kind, *id;
		struct patch patches[4];
	} rows[] = {
		{NULL, "", {{0, NULL, 0}}},
		{"ext file system", TEXT, {{1080, "\x53\xef", 2}, {1128, BYTES, 16}}},
		{"ext file system",
		 TEXT,
		 {{510, "\x55\xaa", 2}, {1080, "\x53\xef", 2}, {1128, BYTES, 16}}},
		{"XFS file system", TEXT, {{0, "XFSB", 4}, {32, BYTES, 16}}},
		{"btrfs file system", TEXT, {{0x10040, "_BHRfS_M", 8}, {0x10020, BYTES, 16}}},
		{"swap space", TEXT, {{4086, "SWAPSPACE2", 10}, {1036, BYTES, 16}}},
		{"LUKS volume", TEXT, {{0, "LUKS\xba\xbe", 6}, {168, TEXT, 36}}},
		{"LUKS volume", "a", {{0, "LUKS\xba\xbe", 6}, {168, "a\033[2J", 5}}},
		{"partition table (GPT)",
		 "33221100-5544-7746-8899-aabbccddeeff",
		 {{510, "\x55\xaa", 2}, {512, "EFI PART", 8}, {568, BYTES, 16}}},
		{"partition table (MBR)",
		 "78563412",
		 {{510, "\x55\xaa", 2}, {440, "\x12\x34\x56\x78", 4}}},
		{"FAT file system",
		 "78563412",
		 {{510, "\x55\xaa", 2}, {82, "FAT32   ", 8}, {67, "\x12\x34\x56\x78", 4}}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = make_image(1 << 20, rows[i].patches, 4);
		struct disk_ids ids;

		assert_int_equal(disk_ids_read(fd, &ids), 0);
		close(fd);
		if (!rows[i].kind) {
			assert_null(ids.kind);
			continue;
		}
		assert_string_equal(ids.kind, rows[i].kind);
		assert_string_equal(ids.id, rows[i].id);
		assert_int_equal(ids.ext, strcmp(ids.kind, "ext file system") == 0);
		assert_int_equal(ids.partitioned, strstr(ids.kind, "partition") != NULL);
	}
}

static void an_ext_file_system_tells_whether_it_is_clean(void **state)
{
	static const struct {
		const char *fs_state, *incompat;
		bool unclean;
	} rows[] = {
		{"\1\0", "\0\0", false},
		{"\0\0", "\0\0", true},
		{"\1\0", "\4\0", true},
		{"\1\0", "\xc2\x02", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct patch patches[] = {{1080, "\x53\xef", 2},
						{1082, rows[i].fs_state, 2},
						{1120, rows[i].incompat, 2}};
		int fd = make_image(1 << 20, patches, ARRAY_SIZE(patches));
		struct disk_ids ids;

		assert_int_equal(disk_ids_read(fd, &ids), 0);
		assert_int_equal(ids.ext_unclean, rows[i].unclean);
		close(fd);
	}
}

static void a_short_image_holds_nothing(void **state)
{
	static const off_t sizes[] = {0, 1, 511, 512, 1081};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = make_image(sizes[i], NULL, 0);
		struct disk_ids ids;

		assert_int_equal(disk_ids_read(fd, &ids), 0);
		assert_null(ids.kind);
		close(fd);
	}
}

static void what_cannot_be_read_is_an_error(void **state)
{
	int fd = open("/tmp", O_RDONLY | O_CLOEXEC);
	struct disk_ids ids;

	(void)state;
	assert_int_equal(disk_ids_read(fd, &ids), -EISDIR);
	close(fd);
}

static void two_are_the_same_by_kind_and_id(void **state)
{
	static const struct {
		struct disk_ids a, b;
		bool same;
	} rows[] = {
		{{.kind = "swap space", .id = TEXT}, {.kind = "swap space", .id = TEXT}, true},
		{{.kind = "swap space", .id = TEXT}, {.kind = "LUKS volume", .id = TEXT}, false},
		{{.kind = "swap space", .id = "1"}, {.kind = "swap space", .id = "2"}, false},
		{{.kind = "swap space", .id = TEXT}, {.kind = NULL}, false},
		{{.kind = NULL}, {.kind = NULL}, false},
		{{.kind = "LUKS volume"}, {.kind = "LUKS volume"}, false},
		{{.kind = "MBR", .id = "00000000"}, {.kind = "MBR", .id = "00000000"}, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(disk_ids_same(&rows[i].a, &rows[i].b), rows[i].same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_is_found_by_its_mark),
		cmocka_unit_test(an_ext_file_system_tells_whether_it_is_clean),
		cmocka_unit_test(a_short_image_holds_nothing),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
		cmocka_unit_test(two_are_the_same_by_kind_and_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
