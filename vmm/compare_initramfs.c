/* compare_initramfs.c: finds the parts, and puts them into an archive. */
#include "vmm/compare_initramfs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/boot_file.h"
#include "vmm/bytes.h"
#include "vmm/cpio.h"
#include "vmm/log.h"
#include "vmm/modules.h"
#include "vmm/util.h"

/* What the devices of the three modes need, where it is not built in. */
static const char *const drivers[] = {"virtio_pci", "virtio_blk", "virtio_net", "virtio_console",
				      "nvme",	    "e1000",	  NULL};

/* Where guest/init lies: in the build's own tree, or as "make install" puts it. */
static const char *const folders[] = {"guest", "../lib/minivmm"};

static int add_program(struct cpio *cpio, const char *name, const char *as)
{
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	void *data = NULL;
	struct boot_file file;
	int err;

	if (len < 0)
		return -errno;
	self[len] = '\0';
	dirname(self);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", self, folders[i], name);
		if (access(path, R_OK) == 0)
			break;
	}
	err = boot_file_open(&file, "guest program", path);
	if (err)
		return err;
	data = malloc(file.size);
	err = data ? boot_file_read(&file, 0, data, file.size) : -ENOMEM;
	if (!err)
		cpio_file(cpio, as, 0755, data, file.size);
	free(data);
	boot_file_close(&file);
	return err;
}

/* The kernel's release, as a bzImage tells it (Linux, arch/x86/boot.rst, kernel_version). */
static int find_version(const char *kernel, char version[256])
{
	enum { MAGIC = 0x202, KERNEL_VERSION = 0x20e, BASE = 0x200 };
	uint8_t header[KERNEL_VERSION + 2];
	struct boot_file file;
	int err = boot_file_open(&file, "kernel", kernel);
	size_t room;
	uint16_t at;

	version[0] = '\0';
	if (err)
		return err;
	if (file.size < sizeof(header) || boot_file_read(&file, 0, header, sizeof(header)) < 0 ||
	    memcmp(header + MAGIC, "HdrS", 4) != 0) {
		boot_file_close(&file);
		return 0; /* no bzImage: no version, which is no error */
	}
	at = load_le16(header + KERNEL_VERSION);
	room = file.size - BASE > at ? file.size - BASE - at : 0;
	room = room < 255 ? room : 255;
	if (at && room && boot_file_read(&file, (uint64_t)at + BASE, version, room) == 0)
		version[room] = '\0';
	version[strcspn(version, " ")] = '\0';
	boot_file_close(&file);
	return 0;
}

/* A version is a name of one folder and no way elsewhere. */
static bool is_version(const char *version)
{
	return *version && *version != '.' && !strchr(version, '/');
}

/* Allocated; NULL when there is none. */
static char *find_modules(const char *kernel, const char *version)
{
	char *place = realpath(kernel, NULL), *candidates[2] = {NULL, NULL}, *found = NULL;

	if (!is_version(version) || !place ||
	    asprintf(&candidates[0], "%s/../lib/modules/%s", dirname(place), version) < 0)
		candidates[0] = NULL;
	if (!is_version(version) || asprintf(&candidates[1], "/lib/modules/%s", version) < 0)
		candidates[1] = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (candidates[i] && !found && access(candidates[i], R_OK) == 0)
			found = candidates[i];
		else
			free(candidates[i]);
	}
	free(place);
	return found;
}

static int add_module(struct cpio *cpio, const char *folder, const char *path, FILE *order)
{
	char as[PATH_MAX];
	const char *name;
	size_t len, size = 0;
	void *data = NULL;
	int err = modules_read(folder, path, &data, &size);

	if (err)
		return err;
	len = modules_name(path, &name);
	snprintf(as, sizeof(as), "modules/%.*s", (int)len, name);
	cpio_file(cpio, as, 0644, data, size);
	fprintf(order, "/%s\n", as);
	free(data);
	return 0;
}

static int add_modules(struct cpio *cpio, const char *folder)
{
	struct module_list list = {.n = 0};
	char *text = NULL;
	size_t len = 0;
	FILE *order = open_memstream(&text, &len);
	int err = order ? modules_order(folder, drivers, &list) : -ENOMEM;

	for (unsigned int i = 0; i < list.n && !err; i++)
		err = add_module(cpio, folder, list.paths[i], order);
	if (order && fclose(order) == 0 && !err)
		cpio_file(cpio, "modules/order", 0644, text, len);
	free(text);
	modules_free(&list);
	return err;
}

static int add_all(struct cpio *cpio, const char *kernel, const char *modules)
{
	static const char *const places[] = {"bin", "dev", "proc", "sys", "run", "tmp", "modules"};
	char version[256], *found = NULL;
	int err = find_version(kernel, version);

	if (err)
		return err;
	if (!modules)
		modules = found = find_modules(kernel, version);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		cpio_directory(cpio, places[i], 0755);
	err = add_program(cpio, "init", "init");
	if (!err)
		err = add_program(cpio, "workload", "bin/workload");
	if (!err && modules)
		err = add_modules(cpio, modules);
	else if (!err)
		log_notice("no modules of the kernel '%s' here: only drivers that are built in "
			   "(--modules DIR)",
			   version);
	free(found);
	return err;
}

int compare_initramfs(const char *kernel, const char *modules, int *fd)
{
	int file = memfd_create("initramfs", MFD_CLOEXEC), err;
	int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	struct cpio cpio;

	if (!out) {
		err = -errno;
		log_error(err, "cannot make an initramfs in memory");
		close(copy);
		close(file);
		return err;
	}
	cpio_init(&cpio, out);
	err = add_all(&cpio, kernel, modules);
	if (!err && cpio_finish(&cpio) < 0)
		log_error(err = -EIO, "cannot write the initramfs");
	fclose(out);
	if (err)
		close(file);
	else
		*fd = file;
	return err;
}
