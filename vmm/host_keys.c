/* host_keys.c: see host_keys.h. */
#include "vmm/host_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base64.h"
#include "vmm/log.h"
#include "vmm/small_file.h"
#include "vmm/util.h"

enum { KEY_MAX_BYTES = 8192 };

/* In the order in which clients like them. */
static const char *const key_files[HOST_KEYS_MAX] = {
	HOST_KEYS_MADE,
	"ssh_host_ecdsa_key",
	"ssh_host_rsa_key",
};

static char *path_of(const char *folder, const char *file, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%s%s", folder, file, suffix) < 0 ? NULL : path;
}

static bool is_there(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0;
}

static bool has_content(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && status.st_size > 0;
}

/* Both halves: power can fail between them, and before what is in them is on the disk. */
bool host_keys_are_in(const char *folder)
{
	char *path = path_of(folder, HOST_KEYS_MADE, "");
	char *public_path = path_of(folder, HOST_KEYS_MADE, ".pub");
	bool there = path && public_path && has_content(path) && has_content(public_path);

	free(path);
	free(public_path);
	return there;
}

/* Its type and value, as known_hosts has them. */
static int read_public(struct host_key *key, const char *path)
{
	size_t len, type;
	int err = small_file_read("SSH host key", path, KEY_MAX_BYTES, &key->public_line, &len);

	if (err)
		return err;
	type = strcspn(key->public_line, " \r\n");
	if (key->public_line[type] == ' ') {
		char *value = key->public_line + type + 1;

		value[strcspn(value, " \r\n")] = '\0';
		return 0;
	}
	log_error(0, "SSH host key '%s': not a public key (want 'TYPE BASE64')", path);
	return -EINVAL;
}

static int read_key(struct host_keys *keys, const char *path, const char *public_path,
		    const char *file)
{
	struct host_key *key = &keys->keys[keys->n++];
	int err;

	key->file = file;
	err = small_file_read("SSH host key", path, KEY_MAX_BYTES, &key->private_text,
			      &key->private_len);
	return err ? err : read_public(key, public_path);
}

int host_keys_read(struct host_keys *keys, const char *folder)
{
	int err = 0;

	for (unsigned int i = 0; i < HOST_KEYS_MAX && !err; i++) {
		char *path = path_of(folder, key_files[i], "");
		char *public_path = path_of(folder, key_files[i], ".pub");

		if (!path || !public_path)
			err = -ENOMEM;
		else if (is_there(path))
			err = read_key(keys, path, public_path, key_files[i]);
		free(path);
		free(public_path);
	}
	if (!err && keys->n == 0) {
		log_error(0, "'%s': no SSH host keys (ssh_host_ed25519_key or its like) in it",
			  folder);
		err = -ENOENT;
	}
	return err;
}

static int write_file(FILE *out, const char *file, const char *suffix, const char *permissions,
		      const char *text, size_t len)
{
	char *base64 = malloc(BASE64_SIZE(len));

	if (!base64)
		return -ENOMEM;
	base64_encode(text, len, base64);
	fprintf(out, "f+~ /etc/ssh/%s%s %s root root - %s\n", file, suffix, permissions, base64);
	free(base64);
	return 0;
}

/* Removal comes before creation, whatever the order of lines; '!' is for boot only. */
int host_keys_write_tmpfiles(const struct host_keys *keys, FILE *out)
{
	int err = 0;

	if (keys->n > 0)
		fputs("r! /etc/ssh/ssh_host_*\n", out);
	for (unsigned int i = 0; i < keys->n && !err; i++) {
		const struct host_key *key = &keys->keys[i];
		char line[KEY_MAX_BYTES + 2];
		int len = snprintf(line, sizeof(line), "%s\n", key->public_line);

		err = write_file(out, key->file, "", "0600", key->private_text, key->private_len);
		if (!err)
			err = write_file(out, key->file, ".pub", "0644", line, (size_t)len);
	}
	return err;
}

void host_keys_tell(const struct host_keys *keys, const char *hostname)
{
	for (unsigned int i = 0; i < keys->n; i++)
		log_notice("known_hosts: %s %s", hostname, keys->keys[i].public_line);
}

void host_keys_free(struct host_keys *keys)
{
	while (keys->n > 0) {
		struct host_key *key = &keys->keys[--keys->n];

		if (key->private_text)
			explicit_bzero(key->private_text, key->private_len);
		free(key->private_text);
		free(key->public_line);
		*key = (struct host_key){0};
	}
}
