/* machine_claims.c: one claim for each id, its file named after it. */
#include "vmm/machine_claims.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/log.h"

static const char uuid_prefix[] = "uuid-";

/* what: the subject of messages, "MAC 52:54:00:12:34:56". */
static int take(struct machine_claims *claims, const char *file, bool shared, const char *what)
{
	char text[HOLDER_TEXT_SIZE];
	struct holder other;
	int err;

	if (claims->n == MACHINE_CLAIMS_MAX)
		return -E2BIG;
	err = claim_take(&claims->items[claims->n], claims->folder, file, shared, &claims->self,
			 &other);
	if (!err) {
		claims->n++;
	} else if (err == -EBUSY && other.pid == claims->self.pid) {
		log_error(0, "%s: given twice", what);
	} else if (err == -EBUSY) {
		holder_format(&other, text);
		log_error(0, "%s: in use by %s", what, text);
	} else {
		log_error(err, "%s: cannot find out whether it is in use ('%s')", what, file);
	}
	return err;
}

int machine_claims_init(struct machine_claims *claims, const struct identity *identity)
{
	char file[CLAIM_FILE_SIZE], what[CLAIM_FILE_SIZE];
	int err;

	*claims = (struct machine_claims){.self = {.pid = getpid()}};
	strcpy(claims->self.name, identity->name);
	uuid_format(&identity->uuid, claims->self.uuid);
	claims->folder = claim_folder_open();
	if (claims->folder < 0)
		return claims->folder;
	snprintf(file, sizeof(file), "%s%s", uuid_prefix, claims->self.uuid);
	snprintf(what, sizeof(what), "UUID %s", claims->self.uuid);
	err = take(claims, file, false, what);
	if (err)
		return err;
	snprintf(file, sizeof(file), "cid-%u", identity->vsock_cid);
	snprintf(what, sizeof(what), "vsock CID %u", identity->vsock_cid);
	return take(claims, file, false, what);
}

int machine_claims_mac(struct machine_claims *claims, const uint8_t mac[IDENTITY_MAC_SIZE])
{
	char text[IDENTITY_MAC_TEXT_SIZE], file[CLAIM_FILE_SIZE], what[CLAIM_FILE_SIZE];

	identity_format_mac(mac, text);
	snprintf(file, sizeof(file), "mac-%s", text);
	snprintf(what, sizeof(what), "MAC %s", text);
	return take(claims, file, false, what);
}

int machine_claims_disk(struct machine_claims *claims, const char *path, bool read_only)
{
	char file[CLAIM_FILE_SIZE], what[512];
	struct stat status;

	if (stat(path, &status) < 0)
		return 0;
	if (S_ISBLK(status.st_mode))
		snprintf(file, sizeof(file), "disk-%u:%u", major(status.st_rdev),
			 minor(status.st_rdev));
	else if (S_ISREG(status.st_mode))
		snprintf(file, sizeof(file), "disk-%u:%u-%llu", major(status.st_dev),
			 minor(status.st_dev), (unsigned long long)status.st_ino);
	else
		return 0;
	snprintf(what, sizeof(what), "disk '%s'", path);
	return take(claims, file, read_only, what);
}

void machine_claims_release(struct machine_claims *claims)
{
	while (claims->n > 0)
		claim_release(&claims->items[--claims->n]);
	if (claims->folder >= 0) {
		claim_sweep(claims->folder);
		close(claims->folder);
	}
	claims->folder = -1;
}

int machine_claims_each(void (*found)(void *arg, const struct holder *holder), void *arg)
{
	int folder = claim_folder_open();
	struct dirent *entry;
	DIR *entries;

	if (folder < 0)
		return folder;
	entries = fdopendir(folder);
	if (!entries) {
		close(folder);
		return -ENOMEM;
	}
	while ((entry = readdir(entries)) != NULL) {
		const char *uuid = entry->d_name + strlen(uuid_prefix);
		struct holder holder;
		struct uuid parsed;

		if (strncmp(entry->d_name, uuid_prefix, strlen(uuid_prefix)) != 0 ||
		    uuid_parse(&parsed, uuid) < 0 || !claim_held(folder, entry->d_name, &holder))
			continue;
		uuid_format(&parsed, holder.uuid); /* the name is what is claimed */
		found(arg, &holder);
	}
	closedir(entries);
	return 0;
}
