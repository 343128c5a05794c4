/* test_modules.c: a folder of modules, made here: what needs what, and packed ones. */
#include "vmm/modules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/temp_file.h"

static char folder[] = "/tmp/test_modules.XXXXXX", path[128];
static struct module_list list;

static void write_file(const char *name, const char *content)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	write_file("modules.dep", "kernel/net/core/failover.ko:\n"
				  "a/virtio_net.ko.xz: a/net_failover.ko.xz a/failover.ko.xz\n"
				  "a/net_failover.ko.xz: a/failover.ko.xz\n"
				  "a/nvme-core.ko: a/t10-pi.ko\n"
				  "a/nvme.ko: a/nvme-core.ko a/t10-pi.ko\n");
	write_file("plain.ko", "bytes of a module");
	write_file("packed.ko.gz", "no gzip at all");
	list = (struct module_list){.n = 0};
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const files[] = {"modules.dep", "plain.ko", "packed.ko.gz"};

	(void)state;
	modules_free(&list);
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void a_module_stands_behind_what_it_needs_and_once(void **state)
{
	static const char *const names[] = {"virtio_net", "nvme", "nvme_core", "built_in", NULL};
	static const char *const order[] = {"a/failover.ko.xz",	  "a/net_failover.ko.xz",
					    "a/virtio_net.ko.xz", "a/t10-pi.ko",
					    "a/nvme-core.ko",	  "a/nvme.ko"};

	(void)state;
	assert_int_equal(modules_order(folder, names, &list), 0);
	assert_int_equal(list.n, 6);
	for (unsigned int i = 0; i < 6; i++)
		assert_string_equal(list.paths[i], order[i]);
}

static void names_lose_folder_and_packing(void **state)
{
	const char *name;

	(void)state;
	assert_int_equal(modules_name("a/b/nvme-core.ko.xz", &name), strlen("nvme-core.ko"));
	assert_memory_equal(name, "nvme-core.ko", strlen("nvme-core.ko"));
	assert_int_equal(modules_name("x", &name), 1);
}

static void a_plain_module_is_read_whole(void **state)
{
	void *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(modules_read(folder, "plain.ko", &data, &len), 0);
	assert_int_equal(len, strlen("bytes of a module"));
	assert_memory_equal(data, "bytes of a module", len);
	free(data);
}

static int read_broken(void *arg)
{
	void *data;
	size_t len;

	return modules_read(folder, arg, &data, &len);
}

static int order_nothing(void *arg)
{
	static const char *const names[] = {"x", NULL};

	return modules_order(arg, names, &list);
}

static void what_is_missing_or_broken_is_told_by_name(void **state)
{
	char broken[] = "packed.ko.gz", missing[] = "missing.ko", nowhere[] = "/nowhere";
	char said[512];

	(void)state;
	assert_int_equal(said_by(read_broken, missing, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "missing.ko': cannot read"));
	assert_true(said_by(read_broken, broken, said, sizeof(said)) < 0);
	assert_non_null(strstr(said, "packed.ko.gz': cannot unpack it with gzip"));
	assert_int_equal(said_by(order_nothing, nowhere, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "modules '/nowhere/modules.dep': cannot open"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_module_stands_behind_what_it_needs_and_once,
						make_folder, remove_folder),
		cmocka_unit_test(names_lose_folder_and_packing),
		cmocka_unit_test_setup_teardown(a_plain_module_is_read_whole, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_is_missing_or_broken_is_told_by_name,
						make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
