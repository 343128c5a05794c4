/* identity_initrd.c: see identity_initrd.h. */
#include "vmm/identity_initrd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cpio.h"
#include "vmm/util.h"

bool identity_initrd_fits(const uint8_t begin[IDENTITY_INITRD_MAGIC])
{
	/* lib/decompress.c of Linux, and cpio itself. */
	static const struct {
		uint8_t len, bytes[IDENTITY_INITRD_MAGIC];
	} magics[] = {
		{6, "070701"},
		{6, "070702"},
		{2, {0x1f, 0x8b}} /* gzip */,
		{2, {0x1f, 0x9e}},
		{3, "BZh"},
		{3, {0x5d, 0x00, 0x00}} /* lzma */,
		{6, {0xfd, '7', 'z', 'X', 'Z'}},
		{4, {0x89, 'L', 'Z', 'O'}},
		{4, {0x02, 0x21, 0x4c, 0x18}},
		{4, {0x28, 0xb5, 0x2f, 0xfd}} /* zstd */,
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (memcmp(begin, magics[i].bytes, magics[i].len) == 0)
			return true;
	}
	return false;
}

__attribute__((format(printf, 3, 4))) static void add_text(struct cpio *cpio, const char *name,
							   const char *format, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cpio_file(cpio, name, 0644, text, (size_t)len);
}

/* As one word of a shell, whatever is in it. */
static void write_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (const char[]){*text, '\0'}, out);
	fputc('\'', out);
}

/* What nobody else would tell an initramfs: in lines that a shell can source. */
static int add_identity(struct cpio *cpio, const struct identity *identity, unsigned int nnics,
			unsigned int ndisks)
{
	char uuid[UUID_TEXT_SIZE], generation[UUID_TEXT_SIZE], mac[IDENTITY_MAC_TEXT_SIZE];
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	uuid_format(&identity->uuid, uuid);
	uuid_format(&identity->generation_id, generation);
	fprintf(out, "NAME=%s\nUUID=%s\nMACHINE_ID=%s\nHOSTNAME=%s\n", identity->name, uuid,
		identity->machine_id, identity->hostname);
	fprintf(out, "GENERATION_ID=%s\nEPOCH=%" PRIu32 "\nPARENT=%s\n", generation,
		identity->epoch, identity->parent);
	for (unsigned int i = 0; i < nnics; i++) {
		identity_format_mac(identity->macs[i], mac);
		fprintf(out, "MAC_%u=%s\n", i, mac);
	}
	for (unsigned int i = 0; i < ndisks; i++) {
		fprintf(out, "DISK_SERIAL_%u=", i);
		write_quoted(out, identity->disk_serials[i]);
		fputc('\n', out);
	}
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	cpio_file(cpio, "etc/minivmm/identity", 0644, text, len);
	free(text);
	return 0;
}

/*
 * Sourced after every boot script, so also before there is a root. /etc/machine-id may be what
 * D-Bus' file links to; a file of its own is brought in line. All of it fails in silence where the
 * root is mounted read-only.
 */
static void add_param_conf(struct cpio *cpio, const struct identity *identity)
{
	add_text(cpio, "conf/param.conf",
		 "if [ -n \"$rootmnt\" ] && [ -d \"$rootmnt/etc\" ]; then\n"
		 "\t{\n"
		 "\t\techo %s >\"$rootmnt/etc/machine-id\"\n"
		 "\t\techo %s >\"$rootmnt/etc/hostname\"\n"
		 "\t\tif [ -f \"$rootmnt/var/lib/dbus/machine-id\" ] &&\n"
		 "\t\t\t[ ! -h \"$rootmnt/var/lib/dbus/machine-id\" ]; then\n"
		 "\t\t\techo %s >\"$rootmnt/var/lib/dbus/machine-id\"\n"
		 "\t\tfi\n"
		 "\t} 2>/dev/null\n"
		 "fi\n",
		 identity->machine_id, identity->hostname, identity->machine_id);
}

int identity_initrd_make(const struct identity *identity, unsigned int nnics, unsigned int ndisks,
			 bool root_files, char **archive, size_t *size)
{
	FILE *out = open_memstream(archive, size);
	struct cpio cpio;
	int err;

	if (!out)
		return -ENOMEM;
	cpio_init(&cpio, out);
	cpio_directory(&cpio, "etc", 0755);
	add_text(&cpio, "etc/machine-id", "%s\n", identity->machine_id);
	add_text(&cpio, "etc/hostname", "%s\n", identity->hostname);
	cpio_directory(&cpio, "etc/minivmm", 0755);
	err = add_identity(&cpio, identity, nnics, ndisks);
	if (root_files) {
		cpio_directory(&cpio, "conf", 0755);
		add_param_conf(&cpio, identity);
	}
	if (!err)
		err = cpio_finish(&cpio);
	if (fclose(out) != 0 && !err)
		err = -ENOMEM;
	if (err) {
		free(*archive);
		*archive = NULL;
	}
	return err;
}
