/*
 * test_compare_initramfs.c: a kernel that has nothing but its version, modules beside it, and the
 * guest's programs beside this test.
 */
#include "vmm/compare_initramfs.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/temp_file.h"

enum { KERNEL_SIZE = 0x400, VERSION_AT = 0x300 };

static char top[64], guest[PATH_MAX], path[PATH_MAX + 64], archive[1 << 20];
static size_t archive_size;

static const char *in(const char *folder, const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *content, size_t len)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text));
}

static void write_kernel(const char *version)
{
	char kernel[KERNEL_SIZE] = {0};

	memcpy(kernel + 0x202, "HdrS", 4);
	kernel[0x20e] = (VERSION_AT - 0x200) & 0xff; /* kernel_version, counted from 0x200 */
	kernel[0x20f] = (VERSION_AT - 0x200) >> 8;
	snprintf(kernel + VERSION_AT, KERNEL_SIZE - VERSION_AT, "%s (somebody) #1", version);
	write_file(in(top, "boot/vmlinuz"), kernel, sizeof(kernel));
}

static const char *const folders[] = {"boot", "lib", "lib/modules", "lib/modules/9.9-test"};
static const char *const files[] = {"boot/vmlinuz", "lib/modules/9.9-test/modules.dep",
				    "lib/modules/9.9-test/e1000.ko"};

static int make_tree(void **state)
{
	ssize_t len = readlink("/proc/self/exe", guest, sizeof(guest) - 1);

	(void)state;
	assert_true(len > 0);
	guest[len] = '\0';
	dirname(guest);
	strcat(guest, "/guest");
	mkdir(guest, 0755);
	write_text(in(guest, "init"), "the init");
	write_text(in(guest, "workload"), "the workload");
	strcpy(top, "/tmp/test_initramfs.XXXXXX");
	assert_non_null(mkdtemp(top));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(mkdir(in(top, folders[i]), 0755), 0);
	write_kernel("9.9-test");
	write_text(in(top, files[1]), "e1000.ko:\n");
	write_text(in(top, files[2]), "the module");
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		unlink(in(top, files[i]));
	for (size_t i = 4; i-- > 0;)
		rmdir(in(top, folders[i]));
	unlink(in(guest, "init"));
	unlink(in(guest, "workload"));
	rmdir(guest);
	return rmdir(top);
}

static int make(void *modules)
{
	char kernel[PATH_MAX];
	int fd, err;

	snprintf(kernel, sizeof(kernel), "%s", in(top, "boot/vmlinuz"));
	err = compare_initramfs(kernel, modules, &fd);
	if (err)
		return err;
	archive_size = (size_t)pread(fd, archive, sizeof(archive), 0);
	close(fd);
	return 0;
}

static bool contains(const char *text)
{
	return memmem(archive, archive_size, text, strlen(text)) != NULL;
}

static void programs_and_modules_beside_the_kernel_are_in_it(void **state)
{
	(void)state;
	assert_int_equal(make(NULL), 0);
	assert_true(contains("the init") && contains("the workload") && contains("the module"));
	assert_true(contains("bin/workload") && contains("/modules/e1000.ko\n"));
	assert_memory_equal(archive, "070701", 6);
}

static void a_kernel_without_modules_is_told_of_and_goes_without(void **state)
{
	char said[256];

	(void)state;
	write_kernel("9.8-other");
	assert_int_equal(said_by(make, NULL, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "no modules of the kernel '9.8-other'"));
	assert_true(contains("the init") && !contains("the module"));
}

/* A version is a folder's name, and not a way out of lib/modules. */
static void a_version_with_a_way_elsewhere_is_none(void **state)
{
	static const char *const versions[] = {"../modules/9.9-test", "..", "./9.9-test", ""};
	char said[256];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		write_kernel(versions[i]);
		assert_int_equal(said_by(make, NULL, said, sizeof(said)), 0);
		assert_false(contains("the module"));
	}
}

static void a_folder_that_has_no_modules_is_an_error(void **state)
{
	char said[256];

	(void)state;
	assert_int_equal(said_by(make, top, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "modules.dep': cannot open"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(programs_and_modules_beside_the_kernel_are_in_it,
						make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(
			a_kernel_without_modules_is_told_of_and_goes_without, make_tree,
			remove_tree),
		cmocka_unit_test_setup_teardown(a_version_with_a_way_elsewhere_is_none, make_tree,
						remove_tree),
		cmocka_unit_test_setup_teardown(a_folder_that_has_no_modules_is_an_error, make_tree,
						remove_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
