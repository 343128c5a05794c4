/* ext_image.c: e2fsck, tune2fs and debugfs, run on an image. */
#include "devices/backend/ext_image.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/backend/child.h"
#include "vmm/log.h"

enum { OUTPUT_MAX_BYTES = 16 << 20, WORDS = 6 };

enum { E2FSCK_LEFT_ERRORS = 4, E2FSCK_DONE = 7 }; /* a bit of its status, and all such bits */

/* debugfs shows each command that it read from a file before what came of it. */
static const char list_echo[] = "debugfs: ls -p ";
static const char cat_echo[] = "debugfs: cat ";

/*
 * words: ended by NULL. room: bytes that it may write to a file, 0: any number. most: the largest
 * status that is no failure, and is returned. Where PATH has no sbin, the programs are found too.
 */
static int run(const char *const words[WORDS], int commands, int output, uint64_t room, int most)
{
	char line[CHILD_LINE_SIZE], elsewhere[64], *argv[WORDS];
	int status;

	for (unsigned int i = 0; i < WORDS; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	status = child_run_output(argv, commands, output, room, -1, line);
	if (status == -ENOENT) {
		snprintf(elsewhere, sizeof(elsewhere), "/usr/sbin/%s", words[0]);
		argv[0] = elsewhere;
		status = child_run_output(argv, commands, output, room, -1, line);
	}
	if (status >= 0 && status <= most)
		return status;
	if (status < 0)
		log_error(status, "%s: cannot run it (Debian: package e2fsprogs)", words[0]);
	else if (status == 128 + SIGXFSZ)
		log_error(0, "%s: more than %d MiB of output: damaged?", words[0],
			  OUTPUT_MAX_BYTES >> 20);
	else
		log_error(0, "%s: %s", words[0], line[0] ? line : "failed without a word");
	return status < 0 ? status : -EIO;
}

/* The image's name as an argument: never an option, never one with "?" options behind it. */
static int check_name(const char *image)
{
	if (*image == '/' && !strchr(image, '?'))
		return 0;
	log_error(0, "disk '%s': want an absolute name without '?'", image);
	return -EINVAL;
}

/* The program's output is allocated and ended by a NUL. */
static int run_debugfs(const char *image, bool change, const char *commands, char **output)
{
	const char *const reading[WORDS] = {"debugfs", "-f", "/dev/fd/3", image};
	const char *const changing[WORDS] = {"debugfs", "-w", "-f", "/dev/fd/3", image};
	int in = memfd_create("commands", MFD_CLOEXEC), out = memfd_create("output", MFD_CLOEXEC);
	size_t len = strlen(commands);
	int err = check_name(image);
	ssize_t n = -1;

	*output = NULL;
	if (!err && (in < 0 || out < 0 || write(in, commands, len) != (ssize_t)len))
		err = -errno;
	if (!err)
		err = run(change ? changing : reading, in, out, change ? 0 : OUTPUT_MAX_BYTES, 0);
	if (!err) {
		*output = malloc(OUTPUT_MAX_BYTES + 1);
		n = *output ? pread(out, *output, OUTPUT_MAX_BYTES, 0) : -1;
		err = n < 0 ? -errno : 0;
	}
	if (!err)
		(*output)[n] = '\0';
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return err;
}

static struct ext_entry *append(struct ext_listing *listing)
{
	struct ext_entry *grown =
		reallocarray(listing->entries, listing->n + 1, sizeof(*listing->entries));

	if (!grown)
		return NULL;
	listing->entries = grown;
	return &grown[listing->n++];
}

/* "/13/100644/0/0/machine-id/33/"; a folder has no size. The name is what a guest wrote. Inode 0 is
 * where something was removed. */
static int read_entry(struct ext_listing *listing, unsigned int folder, const char *line)
{
	unsigned long long inode, size = 0;
	unsigned int mode, uid, gid;
	struct ext_entry *entry;
	int begin = 0;
	const char *end;

	if (sscanf(line, "/%llu/%o/%u/%u/%n", &inode, &mode, &uid, &gid, &begin) != 4 || !begin ||
	    inode == 0)
		return 0;
	end = strchr(line + begin, '/');
	if (!end || end == line + begin || end - line - begin >= EXT_NAME_SIZE)
		return 0;
	if (end - line - begin <= 2 &&
	    strncmp(line + begin, "..", (size_t)(end - line - begin)) == 0)
		return 0;
	listing->found[folder] = true;
	sscanf(end, "/%llu/", &size);
	entry = append(listing);
	if (!entry)
		return -ENOMEM;
	*entry = (struct ext_entry){.folder = folder, .mode = (mode_t)mode, .size = size};
	memcpy(entry->name, line + begin, (size_t)(end - line - begin));
	return 0;
}

/* Is this where the listing of a folder begins? */
static bool is_echo(const char *line, const char *folder)
{
	size_t begin = strlen(list_echo), len = strlen(folder);

	return strncmp(line, list_echo, begin) == 0 && strncmp(line + begin, folder, len) == 0 &&
	       strcmp(line + begin + len, "/") == 0;
}

static int read_listing(struct ext_listing *listing, char *output, const char *const *folders,
			unsigned int nfolders)
{
	unsigned int folder = 0, begun = 0; /* those before begun have had their turn */
	char *rest = output, *line;
	int err = 0;

	while (!err && (line = strsep(&rest, "\n")) != NULL) {
		if (begun < nfolders && is_echo(line, folders[begun]))
			folder = begun++;
		else if (begun > 0 && *line == '/')
			err = read_entry(listing, folder, line);
	}
	return err;
}

int ext_image_list(const char *image, const char *const *folders, unsigned int nfolders,
		   struct ext_listing *listing)
{
	char *commands = NULL, *output = NULL;
	size_t size;
	FILE *out;
	int err;

	*listing = (struct ext_listing){.found = calloc(nfolders, sizeof(bool))};
	out = listing->found ? open_memstream(&commands, &size) : NULL;
	if (!out)
		return -ENOMEM;
	for (unsigned int i = 0; i < nfolders; i++) /* '/': also where it is a link to one */
		fprintf(out, "ls -p %s/\n", folders[i]);
	err = fclose(out) ? -ENOMEM : run_debugfs(image, false, commands, &output);
	if (!err)
		err = read_listing(listing, output, folders, nfolders);
	free(commands);
	free(output);
	return err;
}

void ext_listing_free(struct ext_listing *listing)
{
	free(listing->entries);
	free(listing->found);
	*listing = (struct ext_listing){.n = 0};
}

int ext_image_read(const char *image, const char *path, char *text, size_t size)
{
	char command[EXT_NAME_SIZE], *output;
	const char *content = NULL;
	int err;

	text[0] = '\0';
	snprintf(command, sizeof(command), "cat %s\n", path);
	err = run_debugfs(image, false, command, &output);
	if (!err && strncmp(output, cat_echo, strlen(cat_echo)) == 0)
		content = strchr(output, '\n');
	if (content)
		snprintf(text, size, "%s", content + 1);
	free(output);
	return err;
}

int ext_image_edit(const char *image, const char *commands)
{
	char *output;
	int err = run_debugfs(image, true, commands, &output);

	free(output);
	return err;
}

int ext_image_repair(const char *image)
{
	const char *const words[WORDS] = {"e2fsck", "-fp", image};
	int status = check_name(image);

	if (!status)
		status = run(words, -1, -1, 0, E2FSCK_DONE);
	if (status < 0 || !(status & E2FSCK_LEFT_ERRORS))
		return status < 0 ? status : 0;
	log_error(0, "disk '%s': damaged; 'e2fsck -f %s' tells more, and asks what to mend", image,
		  image);
	return -EIO;
}

int ext_image_renew_uuid(const char *image)
{
	const char *const words[WORDS] = {"tune2fs", "-U", "random", image};
	int err = check_name(image);

	return err ? err : run(words, -1, -1, 0, 0);
}

bool ext_name_is_plain(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._:@+-";

	return *name && name[strspn(name, plain)] == '\0';
}
