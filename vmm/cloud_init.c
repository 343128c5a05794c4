/* cloud_init.c: see cloud_init.h. */
#include "vmm/cloud_init.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/iso9660.h"
#include "vmm/log.h"
#include "vmm/small_file.h"
#include "vmm/util.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static const char label[] = "CIDATA";

/* The word at text, up to the next comma that stands alone, its double ones made one; allocated. */
static char *take_word(const char **text)
{
	char *word = malloc(strlen(*text) + 1), *to = word;
	const char *from = *text;

	if (!word)
		return NULL;
	for (; *from && (*from != ',' || from[1] == ','); from++) {
		if (*from == ',')
			from++;
		*to++ = *from;
	}
	*to = '\0';
	*text = *from ? from + 1 : from;
	return word;
}

/* word is "NAME=FILE". */
static int set_file(struct cloud_init *cloud_init, const char *word)
{
	const struct {
		const char *name;
		char **path;
	} files[] = {
		{"user-data", &cloud_init->user_data},
		{"network-config", &cloud_init->network_config},
		{"meta-data", &cloud_init->meta_data},
	};
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strlen(files[i].name) != len || memcmp(files[i].name, word, len) != 0)
			continue;
		if (!word[len] || !word[len + 1]) {
			log_error(0, "--cloud-init: %s= needs the name of a file", files[i].name);
			return -EINVAL;
		}
		if (*files[i].path) {
			log_error(0, "--cloud-init: %s= is given twice", files[i].name);
			return -EINVAL;
		}
		*files[i].path = strdup(word + len + 1);
		return *files[i].path ? 0 : -ENOMEM;
	}
	log_error(0, "--cloud-init: unknown '%s': user-data=, network-config= or meta-data=", word);
	return -EINVAL;
}

int cloud_init_parse(struct cloud_init *cloud_init, const char *text)
{
	int err = 0;

	*cloud_init = (struct cloud_init){0};
	while (*text && !err) {
		char *word = take_word(&text);

		err = word ? set_file(cloud_init, word) : -ENOMEM;
		free(word);
	}
	if (err)
		cloud_init_free(cloud_init);
	return err;
}

void cloud_init_free(struct cloud_init *cloud_init)
{
	free(cloud_init->user_data);
	free(cloud_init->network_config);
	free(cloud_init->meta_data);
	*cloud_init = (struct cloud_init){0};
}

bool cloud_init_has_files(const struct cloud_init *cloud_init)
{
	return cloud_init->user_data || cloud_init->network_config || cloud_init->meta_data;
}

/* Another instance id makes cloud-init set the guest up anew: it is the machine's, for ever. */
void cloud_init_serial(const struct identity *identity, char serial[IDENTITY_SERIAL_SIZE])
{
	char uuid[UUID_TEXT_SIZE];

	_Static_assert(sizeof("ds=nocloud;i=iid-;h=") + UUID_TEXT_SIZE + IDENTITY_NAME_SIZE <=
			       IDENTITY_SERIAL_SIZE,
		       "it fits");
	uuid_format(&identity->uuid, uuid);
	snprintf(serial, IDENTITY_SERIAL_SIZE, "ds=nocloud;i=iid-%s;h=%s", uuid,
		 identity->hostname);
}

/* Has the YAML text a line that begins so? */
static bool has_key(const char *text, const char *key)
{
	const char *at = text;

	while ((at = strstr(at, key))) {
		if (at == text || at[-1] == '\n')
			return true;
		at++;
	}
	return false;
}

/* What the user's leaves out; one that is JSON is taken as it is. Allocated, or NULL. */
static char *complete_meta_data(const struct identity *identity, const char *given)
{
	bool as_it_is = given[strspn(given, " \t\r\n")] == '{';
	char uuid[UUID_TEXT_SIZE], *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	uuid_format(&identity->uuid, uuid);
	if (!as_it_is && !has_key(given, "instance-id:"))
		fprintf(out, "instance-id: iid-%s\n", uuid);
	if (!as_it_is && !has_key(given, "local-hostname:"))
		fprintf(out, "local-hostname: %s\n", identity->hostname);
	fputs(given, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Adds a file to the list; what the user gave, else text, unless that is NULL. */
static int add(struct iso9660_file *files, unsigned int *n, const char *name, const char *path,
	       const char *text)
{
	char *bytes = NULL;
	size_t len;
	int err = 0;

	if (path) {
		err = small_file_read(name, path, FILE_MAX_BYTES, &bytes, &len);
	} else if (text) {
		bytes = strdup(text);
		len = strlen(text);
		err = bytes ? 0 : -ENOMEM;
	}
	if (bytes)
		files[(*n)++] = (struct iso9660_file){.name = name, .data = bytes, .size = len};
	return err;
}

static int add_meta_data(struct iso9660_file *files, unsigned int *n, const char *path,
			 const struct identity *identity)
{
	char *given = NULL, *text;
	size_t len;
	int err = path ? small_file_read("meta-data", path, FILE_MAX_BYTES, &given, &len) : 0;

	if (err)
		return err;
	text = complete_meta_data(identity, given ? given : "");
	free(given);
	err = text ? add(files, n, "meta-data", NULL, text) : -ENOMEM;
	free(text);
	return err;
}

int cloud_init_make_seed(const struct cloud_init *cloud_init, const struct identity *identity,
			 bool keep_host_keys, uint8_t **image, size_t *size)
{
	struct iso9660_file files[4];
	unsigned int n = 0;
	int err = add_meta_data(files, &n, cloud_init->meta_data, identity);

	if (!err)
		err = add(files, &n, "network-config", cloud_init->network_config, NULL);
	/* Without a user-data file a seed is none. */
	if (!err)
		err = add(files, &n, "user-data", cloud_init->user_data, "#cloud-config\n{}\n");
	/* The user's own goes before the vendor's. */
	if (!err && keep_host_keys)
		err = add(files, &n, "vendor-data", NULL, "#cloud-config\nssh_deletekeys: false\n");
	if (!err)
		err = iso9660_make(label, files, n, image, size);
	while (n > 0)
		free((void *)(uintptr_t)files[--n].data);
	return err;
}
