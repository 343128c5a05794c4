/* machine_clone.c: plan, make the disks, write the record: in this order. */
#include "vmm/machine_clone.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "devices/backend/disk_copy.h"
#include "devices/backend/disk_options.h"
#include "devices/backend/ext_image.h"
#include "devices/backend/file_lock.h"
#include "vmm/disk_ids.h"
#include "vmm/levers.h"
#include "vmm/log.h"
#include "vmm/progress.h"
#include "vmm/util.h"

enum { UUID_PREFIX_LEN = 8 };

struct cloned_disk {
	char *from_path, *path; /* owned */
	int from, to;		/* owned */
	bool shared;		/* its blocks are the source's until they are written */
	uint64_t bytes;		/* to be copied, else */
	struct disk_ids ids;	/* as in the source */
};

struct machine_clone {
	const struct clone_options *options;
	struct record source, copy;
	char *folder; /* owned: where the disks go */
	struct cloned_disk disks[IDENTITY_MAX_DISKS];
	unsigned int ndisks;
	struct disk_copy_watch watch;
	struct progress progress;
};

static int open_records(struct machine_clone *clone, const char *source, const char *name)
{
	int err = record_share(&clone->source, source);

	if (!err)
		err = record_take(&clone->copy, name);
	if (!err && clone->copy.stored) {
		log_error(0, "machine '%s' exists already", name);
		err = -EEXIST;
	}
	return err;
}

/* A name that nobody has: in the folder of disks they stand beside those of others. */
static char *name_disk(const struct machine_clone *clone)
{
	const char *uuid = record_get(&clone->copy, "uuid");
	char *path = NULL;
	int n;

	if (clone->options->disk_dir)
		n = asprintf(&path, "%s/%s-disk%u-%.*s.img", clone->folder, clone->copy.name,
			     clone->ndisks, UUID_PREFIX_LEN, uuid);
	else
		n = asprintf(&path, "%s/disk%u.img", clone->folder, clone->ndisks);
	return n < 0 ? NULL : path;
}

static int open_source_disk(struct cloned_disk *disk)
{
	struct stat status;
	pid_t holder;
	int err;

	disk->from = open(disk->from_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (disk->from < 0 || fstat(disk->from, &status) < 0) {
		err = -errno;
		log_error(err, "disk '%s': cannot open", disk->from_path);
		return err;
	}
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
		log_error(0, "disk '%s': is neither a file nor a block device", disk->from_path);
		return -EINVAL;
	}
	err = file_lock(disk->from, false, &holder);
	if (err == -EBUSY) {
		file_lock_refused(disk->from_path, holder);
		return err;
	}
	if (!err)
		err = disk_ids_read(disk->from, &disk->ids);
	if (err)
		log_error(err, "disk '%s': cannot read", disk->from_path);
	return err;
}

/* As the first word of --disk, where a comma is written twice; allocated. */
static char *double_commas(const char *path)
{
	char *text = malloc(2 * strlen(path) + 1), *to = text;

	if (!text)
		return NULL;
	for (; *path; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	*to = '\0';
	return text;
}

/* A disk that is only read is nobody's own: both machines use it. */
static int plan_disk(struct machine_clone *clone, const struct option_value *value)
{
	struct cloned_disk *disk = &clone->disks[clone->ndisks];
	struct disk_options parsed;
	char *first = NULL, *text;
	int err = disk_options_parse(value->value, &parsed);

	if (err)
		return err;
	if (!parsed.read_only) {
		*disk = (struct cloned_disk){.from = -1, .to = -1};
		disk->from_path = strdup(parsed.path);
		disk->path = name_disk(clone);
		first = disk->path ? double_commas(disk->path) : NULL;
		clone->ndisks++;
		err = disk->from_path && first ? open_source_disk(disk) : -ENOMEM;
	}
	text = err ? NULL : option_value_without_ids(value, first);
	if (!err)
		err = text ? record_add(&clone->copy, value->option->name, text) : -ENOMEM;
	free(first);
	free(text);
	return err;
}

static int plan_option(struct machine_clone *clone, const struct option_value *value)
{
	char *text = NULL;
	int err = 0;

	if (value->option->scope != OPTION_OF_MACHINE)
		return 0;
	if (strcmp(value->option->name, "disk") == 0)
		return plan_disk(clone, value);
	if (strcmp(value->option->name, "append") == 0)
		levers_tell_shared(value->value);
	if (value->value) {
		text = option_value_without_ids(value, NULL);
		err = text ? 0 : -ENOMEM;
	}
	if (!err)
		err = record_add(&clone->copy, value->option->name, text);
	free(text);
	return err;
}

static int choose_folder(struct machine_clone *clone)
{
	const char *dir = clone->options->disk_dir;
	struct stat status;
	int err = 0;

	clone->folder = dir ? realpath(dir, NULL) : strdup(clone->copy.folder.path);
	if (!dir)
		return clone->folder ? 0 : -ENOMEM;
	if (!clone->folder || stat(clone->folder, &status) < 0)
		err = -errno;
	else if (!S_ISDIR(status.st_mode))
		err = -ENOTDIR;
	if (err) {
		log_error(err, "--disk-dir '%s': no folder to put disks into", dir);
		return err;
	}
	if (!strchr(clone->folder, '\n'))
		return 0;
	log_error(0, "--disk-dir '%s': a line end in its name", dir);
	return -EINVAL;
}

static int plan(struct machine_clone *clone)
{
	struct record *copy = &clone->copy;
	const struct record *source = &clone->source;
	int err = record_mint(copy);

	if (err)
		return err;
	copy->epoch = source->epoch + 1;
	strcpy(copy->parent, source->name);
	err = choose_folder(clone);
	for (unsigned int i = 0; i < source->options.n && !err; i++)
		err = plan_option(clone, &source->options.items[i]);
	return err;
}

static int check_new_fs_uuid(const struct machine_clone *clone)
{
	if (!clone->options->new_fs_uuid)
		return 0;
	for (unsigned int i = 0; i < clone->ndisks; i++) {
		if (clone->disks[i].ids.ext)
			return 0;
	}
	log_error(0, "--new-fs-uuid: no disk of '%s' is an ext file system without partitions",
		  clone->source.name);
	return -EINVAL;
}

/*
 * Before any is made: what an interrupted clone leaves can be told from what was there. A file that
 * is there already is somebody's.
 */
static int list_disks(const struct machine_clone *clone)
{
	size_t folder_len = clone->options->disk_dir ? 0 : strlen(clone->folder) + 1;
	char *names[IDENTITY_MAX_DISKS];

	if (clone->ndisks == 0)
		return 0;
	for (unsigned int i = 0; i < clone->ndisks; i++) {
		char *path = clone->disks[i].path;

		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
			log_error(0, "disk '%s': cannot make it: there is a file of that name",
				  path);
			return -EEXIST;
		}
		names[i] = path + folder_len;
	}
	return state_folder_list_disks(&clone->copy.folder, names, clone->ndisks);
}

static int make_disk(const struct machine_clone *clone, struct cloned_disk *disk)
{
	bool full = clone->options->full;
	int err = 0;

	disk->to = open(disk->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (disk->to < 0) {
		err = -errno;
		log_error(err, "disk '%s': cannot make it", disk->path);
		return err;
	}
	disk->shared = !full && disk_copy_share(disk->from, disk->to) == 0;
	if (disk->shared)
		return 0;
	if (full)
		disk->bytes = (uint64_t)lseek(disk->from, 0, SEEK_END);
	else
		err = disk_copy_measure(disk->from, &disk->bytes);
	if (err)
		log_error(err, "disk '%s': cannot tell its size", disk->from_path);
	return err;
}

static int check_space(const struct machine_clone *clone, uint64_t needed)
{
	char need[PROGRESS_SIZE_TEXT], has[PROGRESS_SIZE_TEXT];
	struct statvfs fs;
	uint64_t available;

	if (statvfs(clone->folder, &fs) < 0)
		return 0; /* the copy will show */
	available = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (needed <= available)
		return 0;
	progress_format_size(needed, need);
	progress_format_size(available, has);
	log_error(0, "'%s': not enough space for the disks: %s needed, %s there", clone->folder,
		  need, has);
	return -ENOSPC;
}

/* Between two parts of a copy: does somebody want us to end? */
static int moved(struct disk_copy_watch *watch, uint64_t bytes)
{
	struct machine_clone *clone = container_of(watch, struct machine_clone, watch);
	sigset_t pending;

	progress_add(&clone->progress, bytes);
	sigpending(&pending);
	if (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	    sigismember(&pending, SIGHUP))
		return -EINTR;
	return 0;
}

static int copy_disks(struct machine_clone *clone)
{
	uint64_t needed = 0;
	int err = 0;

	for (unsigned int i = 0; i < clone->ndisks && !err; i++) {
		err = make_disk(clone, &clone->disks[i]);
		needed += clone->disks[i].bytes;
	}
	if (!err)
		err = check_space(clone, needed);
	clone->watch.moved = moved;
	progress_start(&clone->progress, "copying", needed);
	for (unsigned int i = 0; i < clone->ndisks && !err; i++) {
		struct cloned_disk *disk = &clone->disks[i];

		if (disk->shared)
			err = fsync(disk->to) < 0 ? -errno : 0;
		else
			err = disk_copy(disk->from, disk->to, clone->options->full, &clone->watch);
		if (err)
			progress_end(&clone->progress);
		if (err == -EINTR)
			log_error(0, "interrupted: there is no machine '%s'", clone->copy.name);
		else if (err)
			log_error(err, "disk '%s': cannot copy to '%s'", disk->from_path,
				  disk->path);
	}
	progress_end(&clone->progress);
	return err;
}

/* tune2fs only changes what was checked since it was mounted last. */
static int renew_fs_uuids(const struct machine_clone *clone)
{
	int err = 0;

	for (unsigned int i = 0; i < clone->ndisks && !err; i++) {
		const struct cloned_disk *disk = &clone->disks[i];

		if (!clone->options->new_fs_uuid || !disk->ids.ext)
			continue;
		err = ext_image_repair(disk->path);
		if (!err)
			err = ext_image_renew_uuid(disk->path);
		if (!err)
			err = fsync(disk->to) < 0 ? -errno : 0;
	}
	return err;
}

static void tell_disk(const struct machine_clone *clone, const struct cloned_disk *disk)
{
	const struct disk_ids *old = &disk->ids;
	char size[PROGRESS_SIZE_TEXT];
	struct disk_ids now;

	progress_format_size(disk->bytes, size);
	log_notice("disk '%s': %s%s", disk->path, disk->shared ? "shares the blocks of " : size,
		   disk->shared ? disk->from_path : " copied");
	if (!old->kind || disk_ids_read(disk->to, &now) < 0)
		return;
	if (clone->options->new_fs_uuid && old->ext)
		log_notice("disk '%s': its %s has the UUID %s now; whatever names the old one, %s, "
			   "is to be changed (--append, /etc/fstab)",
			   disk->path, old->kind, now.id, old->id);
	else
		log_notice("disk '%s': its %s keeps the %s %s%s", disk->path, old->kind,
			   old->id_name, old->id,
			   old->ext	      ? " (--new-fs-uuid gives it one of its own)"
			   : old->partitioned ? ", and what is in its partitions their ids"
					      : "");
}

static void tell(const struct machine_clone *clone)
{
	log_notice("machine '%s', a clone of '%s': uuid %s", clone->copy.name, clone->source.name,
		   record_get(&clone->copy, "uuid"));
	for (unsigned int i = 0; i < clone->ndisks; i++)
		tell_disk(clone, &clone->disks[i]);
}

static void end(struct machine_clone *clone, int err)
{
	for (unsigned int i = 0; i < clone->ndisks; i++) {
		struct cloned_disk *disk = &clone->disks[i];

		if (disk->from >= 0)
			close(disk->from);
		if (disk->to >= 0)
			close(disk->to);
		free(disk->from_path);
		free(disk->path);
	}
	if (err && clone->copy.folder.path && !clone->copy.stored)
		state_folder_clear(&clone->copy.folder);
	record_close(&clone->copy);
	record_close(&clone->source);
	free(clone->folder);
}

int machine_clone(const char *source, const char *name, const struct clone_options *options)
{
	struct machine_clone clone = {
		.options = options, .source.folder.fd = -1, .copy.folder.fd = -1};
	int err = open_records(&clone, source, name);

	if (!err)
		err = plan(&clone);
	if (!err)
		err = check_new_fs_uuid(&clone);
	if (!err)
		err = list_disks(&clone);
	if (!err)
		err = copy_disks(&clone);
	if (!err)
		err = renew_fs_uuids(&clone);
	if (!err)
		err = record_save(&clone.copy);
	if (!err)
		tell(&clone);
	end(&clone, err);
	return err;
}
