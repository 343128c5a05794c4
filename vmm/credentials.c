/* credentials.c: see credentials.h. */
#include "vmm/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base64.h"
#include "vmm/log.h"
#include "vmm/small_file.h"

enum { NAME_MAX_BYTES = 255, VALUE_MAX_BYTES = 32768 };

const struct credential *credentials_find(const struct credentials *credentials, const char *name)
{
	for (unsigned int i = 0; i < credentials->n; i++) {
		if (strcmp(credentials->items[i].name, name) == 0)
			return &credentials->items[i];
	}
	return NULL;
}

/* It becomes a file's name in the guest, and ends at the first ':' or '='. */
static bool name_valid(const char *name, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == ':')
			return false;
	}
	return true;
}

static int add(struct credentials *credentials, const char *name, size_t name_len,
	       const char *value, size_t len)
{
	struct credential made = {.len = len};

	if (credentials->n == CREDENTIALS_MAX)
		return -E2BIG;
	made.name = strndup(name, name_len);
	made.value = calloc(1, len + 1);
	if (!made.name || !made.value) {
		free(made.name);
		free(made.value);
		return -ENOMEM;
	}
	memcpy(made.value, value, len);
	credentials->items[credentials->n++] = made;
	return 0;
}

static char *undouble_commas(const char *text)
{
	char *copy = malloc(strlen(text) + 1), *to = copy;

	if (!copy)
		return NULL;
	for (; *text; text++) {
		if (*text == ',' && text[1] == ',')
			text++;
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

static int add_file(struct credentials *credentials, const char *text, size_t name_len)
{
	char *path = undouble_commas(text + name_len + 2), *bytes = NULL;
	size_t len;
	int err =
		path ? small_file_read("credential", path, VALUE_MAX_BYTES, &bytes, &len) : -ENOMEM;

	if (!err)
		err = add(credentials, text, name_len, bytes, len);
	free(bytes);
	free(path);
	return err;
}

int credentials_parse(struct credentials *credentials, const char *option, const char *text)
{
	size_t name_len = strcspn(text, "=");
	char name[NAME_MAX_BYTES + 1];

	if (text[name_len] != '=') {
		log_error(0, "--%s '%s': want NAME=VALUE or NAME=@FILE", option, text);
		return -EINVAL;
	}
	if (!name_valid(text, name_len)) {
		log_error(0,
			  "--%s '%.*s': not a credential's name (want up to %d printable "
			  "characters, no '/' or ':', no '.' first)",
			  option, (int)name_len, text, NAME_MAX_BYTES);
		return -EINVAL;
	}
	memcpy(name, text, name_len);
	name[name_len] = '\0';
	if (credentials_find(credentials, name)) {
		log_error(0, "--%s '%s': given twice; a guest takes one only", option, name);
		return -EINVAL;
	}
	if (text[name_len + 1] == '@')
		return add_file(credentials, text, name_len);
	return add(credentials, text, name_len, text + name_len + 1, strlen(text + name_len + 1));
}

int credentials_append(struct credentials *credentials, const char *name, const char *value,
		       size_t len)
{
	struct credential *there = NULL;
	bool gap;
	char *joined;

	for (unsigned int i = 0; i < credentials->n && !there; i++) {
		if (strcmp(credentials->items[i].name, name) == 0)
			there = &credentials->items[i];
	}
	if (!there)
		return add(credentials, name, strlen(name), value, len);
	gap = there->len > 0 && there->value[there->len - 1] != '\n';
	joined = realloc(there->value, there->len + gap + len + 1);
	if (!joined)
		return -ENOMEM;
	if (gap)
		joined[there->len++] = '\n';
	memcpy(joined + there->len, value, len);
	there->len += len;
	joined[there->len] = '\0';
	there->value = joined;
	return 0;
}

static bool is_text(const struct credential *credential)
{
	for (size_t i = 0; i < credential->len; i++) {
		if (credential->value[i] < ' ' || credential->value[i] > '~')
			return false;
	}
	return true;
}

char *credential_oem_string(const struct credential *credential)
{
	char *text = NULL, *base64;
	int n;

	if (is_text(credential)) {
		n = asprintf(&text, "io.systemd.credential:%s=%s", credential->name,
			     credential->value);
		return n < 0 ? NULL : text;
	}
	base64 = malloc(BASE64_SIZE(credential->len));
	if (!base64)
		return NULL;
	base64_encode(credential->value, credential->len, base64);
	n = asprintf(&text, "io.systemd.credential.binary:%s=%s", credential->name, base64);
	free(base64);
	return n < 0 ? NULL : text;
}

void credentials_free(struct credentials *credentials)
{
	while (credentials->n > 0) {
		struct credential *last = &credentials->items[--credentials->n];

		free(last->name);
		free(last->value);
	}
}
