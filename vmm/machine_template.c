/* machine_template.c: the table of items against what is in an image. */
#include "vmm/machine_template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/backend/ext_image.h"
#include "devices/backend/file_lock.h"
#include "vmm/log.h"

enum { DEPTH_MAX = 16, FOLDERS_MAX = 1000, PATH_TEXT_SIZE = 1024, ID_DIGITS = 32 };

/* The image, locked against machines that would write to it, or against all when it is to change.
 * Its descriptor, or -errno, logged. */
static int open_image(const char *image, bool change, struct disk_ids *ids)
{
	int fd = open(image, (change ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err = fd < 0 ? -errno : 0;
	pid_t holder;

	if (err) {
		log_error(err, "disk '%s': cannot open", image);
		return err;
	}
	err = file_lock(fd, change, &holder);
	if (err == -EBUSY)
		file_lock_refused(image, holder);
	else if (!err)
		err = disk_ids_read(fd, ids);
	if (err && err != -EBUSY)
		log_error(err, "disk '%s': cannot read", image);
	if (!err && !ids->ext) {
		log_error(0, "disk '%s': not an ext file system without partitions (found: %s)",
			  image, ids->kind ? ids->kind : "nothing that is known");
		err = -EINVAL;
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

/* One folder for each item, in the order of the table, so that an entry's folder is its item. */
static int list_items(const char *image, struct ext_listing *listing)
{
	const char *folders[TEMPLATE_MAX_ROWS];
	unsigned int n = 0;
	int err;

	for (; template_items[n].what; n++)
		folders[n] = template_items[n].folder;
	err = ext_image_list(image, folders, n, listing);
	if (!err && !listing->found[TEMPLATE_MACHINE_ID]) {
		log_error(0, "disk '%s': there is no /etc in it: not a root file system", image);
		err = -EINVAL;
	}
	return err;
}

static bool is_item(const struct ext_entry *entry)
{
	return template_item_matches(&template_items[entry->folder], entry->name);
}

static bool is_wanted(const struct template_item *item, bool logs)
{
	return item->fix == TEMPLATE_REMOVE || (item->fix == TEMPLATE_LOGS && logs);
}

/* How machine-id stands. Returns whether a clone does well with it. */
static bool judge_machine_id(const char *image, const struct ext_entry *entry,
			     struct template_row *row)
{
	static const char own_by_uuid[] = "its own, from its UUID";
	char text[ID_DIGITS + 2] = "";

	if (!entry) {
		strcpy(row->state, "missing");
		row->clone = "none, where /etc is read-only at first";
		return false;
	}
	if (S_ISREG(entry->mode) && entry->size == 0) {
		strcpy(row->state, "empty");
		row->clone = own_by_uuid;
		return true;
	}
	if (S_ISREG(entry->mode))
		ext_image_read(image, "/etc/machine-id", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "uninitialized") == 0) {
		strcpy(row->state, text);
		row->clone = own_by_uuid;
		return true;
	}
	if (strspn(text, "0123456789abcdef") == ID_DIGITS)
		snprintf(row->state, sizeof(row->state), "%s", text);
	else
		strcpy(row->state, "not an id");
	return false;
}

static bool judge_dbus_id(const struct ext_entry *entry, struct template_row *row)
{
	if (!entry || S_ISLNK(entry->mode)) {
		strcpy(row->state, entry ? "a link" : "none");
		return true;
	}
	strcpy(row->state, "a file of its own");
	row->clone = "the old one, until a credential makes it a link";
	return false;
}

/* first: NULL when there is none of it. */
static void add_row(const char *image, struct template *template, unsigned int index,
		    const struct ext_entry *first, unsigned int count, bool logs)
{
	const struct template_item *item = &template_items[index];
	struct template_row *row = &template->rows[template->n];
	const char *name = strchr(item->patterns, '|') ? "" : item->patterns;
	bool fit = !(first && is_wanted(item, logs));

	*row = (struct template_row){.item = item, .clone = item->clone};
	if (count == 1 && ext_name_is_plain(first->name))
		name = first->name;
	snprintf(row->where, sizeof(row->where), "%s/%.60s", item->folder, name);
	if (index == TEMPLATE_MACHINE_ID)
		fit = judge_machine_id(image, first, row);
	else if (index == TEMPLATE_DBUS_ID)
		fit = judge_dbus_id(first, row);
	else if (!first)
		return;
	else if (count > 1)
		snprintf(row->state, sizeof(row->state), "%u of them", count);
	else
		strcpy(row->state, "there");
	row->unfit = !fit;
	template->unfit += !fit;
	template->n++;
}

int machine_template_check(const char *image, bool logs, struct template *template)
{
	struct ext_listing listing = {.n = 0};
	int fd, err;

	*template = (struct template){.n = 0};
	fd = open_image(image, false, &template->ids);
	if (fd < 0)
		return fd;
	if (template->ids.ext_unclean)
		log_warning("disk '%s': was not unmounted, what it shows may be old", image);
	err = list_items(image, &listing);
	for (unsigned int item = 0; template_items[item].what && !err; item++) {
		const struct ext_entry *first = NULL;
		unsigned int count = 0;

		for (unsigned int i = 0; i < listing.n; i++) {
			const struct ext_entry *entry = &listing.entries[i];

			if (entry->folder != item || !is_item(entry))
				continue;
			first = first ? first : entry;
			count++;
		}
		add_row(image, template, item, first, count, logs);
	}
	ext_listing_free(&listing);
	close(fd);
	return err;
}

/* The commands that remove things, as they are found. */
struct removal {
	const char *image;
	FILE *commands;
	unsigned int folders; /* looked into so far: a broken file system has no end */
};

static int add_removal(struct removal *removal, const char *folder, const struct ext_entry *entry,
		       unsigned int depth);

/* What is in a folder, and then the folder. */
static int add_tree_removal(struct removal *removal, const char *path, unsigned int depth)
{
	const char *const folders[] = {path};
	struct ext_listing listing;
	int err = ext_image_list(removal->image, folders, 1, &listing);

	removal->folders++;
	for (unsigned int i = 0; i < listing.n && !err; i++)
		err = add_removal(removal, path, &listing.entries[i], depth + 1);
	ext_listing_free(&listing);
	fprintf(removal->commands, "rmdir %s\n", path);
	return err;
}

/* What is named strangely, or lies too deep, stays, and is found again by the next check. */
static int add_removal(struct removal *removal, const char *folder, const struct ext_entry *entry,
		       unsigned int depth)
{
	char path[PATH_TEXT_SIZE];
	int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->name);

	if (!ext_name_is_plain(entry->name) || depth > DEPTH_MAX ||
	    removal->folders > FOLDERS_MAX || (size_t)len >= sizeof(path)) {
		log_warning("disk '%s': something in '%s' stays: its name is unusual, or it lies "
			    "deep",
			    removal->image, folder);
		return 0;
	}
	if (S_ISDIR(entry->mode))
		return add_tree_removal(removal, path, depth);
	fprintf(removal->commands, "rm %s\n", path);
	return 0;
}

/* It must be there, and empty: where it is missing, systemd cannot write one into a read-only /etc.
 */
static void add_empty_machine_id(bool exists, FILE *commands)
{
	if (exists)
		fputs("rm /etc/machine-id\n", commands);
	fputs("write /dev/null /etc/machine-id\n"
	      "set_inode_field /etc/machine-id mode 0100444\n",
	      commands);
}

static int add_fixes(const char *image, const struct ext_listing *listing, bool logs,
		     FILE *commands)
{
	struct removal removal = {.image = image, .commands = commands};
	bool machine_id = false, machine_id_is_fit = false;
	struct template_row row;
	int err = 0;

	for (unsigned int i = 0; i < listing->n && !err; i++) {
		const struct ext_entry *entry = &listing->entries[i];
		const struct template_item *item = &template_items[entry->folder];

		if (!is_item(entry))
			continue;
		if (entry->folder == TEMPLATE_MACHINE_ID) {
			machine_id = true;
			machine_id_is_fit = judge_machine_id(image, entry, &row);
		} else if (entry->folder == TEMPLATE_DBUS_ID && !S_ISLNK(entry->mode)) {
			fputs("rm /var/lib/dbus/machine-id\n"
			      "symlink /var/lib/dbus/machine-id /etc/machine-id\n",
			      commands);
		} else if (is_wanted(item, logs)) {
			err = add_removal(&removal, item->folder, entry, 0);
		}
	}
	if (!machine_id_is_fit)
		add_empty_machine_id(machine_id, commands);
	return err;
}

int machine_template_fix(const char *image, bool logs)
{
	struct ext_listing listing = {.n = 0};
	char *commands = NULL;
	struct disk_ids ids;
	size_t size;
	FILE *out;
	int fd = open_image(image, true, &ids), err;

	if (fd < 0)
		return fd;
	err = ext_image_repair(image);
	if (!err)
		err = list_items(image, &listing);
	out = open_memstream(&commands, &size);
	if (!err)
		err = out ? add_fixes(image, &listing, logs, out) : -ENOMEM;
	if (out && fclose(out) != 0 && !err)
		err = -ENOMEM;
	if (!err && *commands)
		err = ext_image_edit(image, commands);
	if (!err && fsync(fd) < 0)
		err = -errno;
	free(commands);
	ext_listing_free(&listing);
	close(fd);
	return err;
}
