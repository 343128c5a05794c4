/*
 * test_identity_initrd.c: the archive behind an initrd, byte by byte where it matters. With
 * TEST_OUT set to a directory it is left there, for tests/formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/keep.h"
#include "vmm/cpio.h"
#include "vmm/identity_initrd.h"
#include "vmm/util.h"

static struct identity identity;
static char *archive;
static size_t size;

static int setup(void **state)
{
	const struct identity_options options = {.name = "web1",
						 .uuid = "00112233-4455-4677-8899-aabbccddeeff"};

	(void)state;
	archive = NULL;
	return identity_create(&identity, &options);
}

static int teardown(void **state)
{
	(void)state;
	free(archive);
	return 0;
}

/* What a file of the archive holds, or NULL: its header, name and data as they lie there. */
static const char *find(const char *name, size_t *len)
{
	for (size_t at = 0; at < size;) {
		unsigned int file_size, name_size;
		char field[9] = "";
		const char *data;

		memcpy(field, archive + at + 6 + 6 * 8, 8);
		file_size = (unsigned int)strtoul(field, NULL, 16);
		memcpy(field, archive + at + 6 + 11 * 8, 8);
		name_size = (unsigned int)strtoul(field, NULL, 16);
		data = archive + align_up(at + 110 + name_size, CPIO_ALIGNMENT);
		if (strcmp(archive + at + 110, name) == 0) {
			*len = file_size;
			return data;
		}
		at = align_up((size_t)(data - archive) + file_size, CPIO_ALIGNMENT);
	}
	return NULL;
}

static void assert_file(const char *name, const char *want)
{
	size_t len;
	const char *data = find(name, &len);

	assert_non_null(data);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(data, want, len);
}

static void it_says_who_the_machine_is(void **state)
{
	char want[1024], generation[UUID_TEXT_SIZE], mac[IDENTITY_MAC_TEXT_SIZE];
	size_t len;

	(void)state;
	assert_int_equal(identity_initrd_make(&identity, 1, 1, false, &archive, &size), 0);
	assert_file("etc/machine-id", "00112233445546778899aabbccddeeff\n");
	assert_file("etc/hostname", "web1\n");
	uuid_format(&identity.generation_id, generation);
	identity_format_mac(identity.macs[0], mac);
	snprintf(want, sizeof(want),
		 "NAME=web1\nUUID=00112233-4455-4677-8899-aabbccddeeff\n"
		 "MACHINE_ID=00112233445546778899aabbccddeeff\nHOSTNAME=web1\n"
		 "GENERATION_ID=%s\nEPOCH=0\nPARENT=\nMAC_0=%s\nDISK_SERIAL_0='%s'\n",
		 generation, mac, identity.disk_serials[0]);
	assert_file("etc/minivmm/identity", want);
	assert_null(find("conf/param.conf", &len));
	assert_int_equal(size % CPIO_ALIGNMENT, 0);
}

static void a_pinned_serial_is_one_word_of_a_shell(void **state)
{
	static const char want[] = "\nDISK_SERIAL_0='it'\\''s;$(reboot)'\n";
	struct identity pinned = identity;
	const char *text;
	size_t len;

	(void)state;
	assert_int_equal(identity_pin_disk_serial(&pinned, 0, "serial", "it's;$(reboot)"), 0);
	assert_int_equal(identity_initrd_make(&pinned, 0, 1, false, &archive, &size), 0);
	text = find("etc/minivmm/identity", &len);
	assert_non_null(memmem(text, len, want, strlen(want)));
}

static void the_root_s_files_are_changed_only_when_asked_for(void **state)
{
	static const char line[] = "echo 00112233445546778899aabbccddeeff >\"$rootmnt/etc";
	size_t len;
	const char *script;

	(void)state;
	assert_int_equal(identity_initrd_make(&identity, 0, 0, true, &archive, &size), 0);
	keep_file("initrd-identity.cpio", 0, archive, size);
	script = find("conf/param.conf", &len);
	assert_non_null(script);
	assert_non_null(memmem(script, len, line, strlen(line)));
	assert_non_null(find("conf", &len));
}

/* The script, run by a shell over a root file system in a folder. */
static void the_script_does_what_it_shall(void **state)
{
	static const char prepare[] =
		"set -e; cd \"$1\"; mkdir -p root/etc root/var/lib/dbus; cd root\n"
		"echo old >etc/machine-id; echo old >etc/hostname; echo old "
		">var/lib/dbus/machine-id\n";
	static const char look[] =
		"set -e; rootmnt= ; . \"$1/param.conf\"; rootmnt=$1/nowhere; . \"$1/param.conf\"\n"
		"rootmnt=$1/root; . \"$1/param.conf\"; cd \"$1/root\"\n"
		"[ \"$(cat etc/machine-id etc/hostname var/lib/dbus/machine-id | tr '\\n' ' ')\" = "
		"'00112233445546778899aabbccddeeff web1 00112233445546778899aabbccddeeff ' ]\n"
		"ln -sf /etc/no-such-file var/lib/dbus/machine-id; . \"$1/param.conf\"\n"
		"[ -h var/lib/dbus/machine-id ]\n";
	char folder[] = "/tmp/test_identity_initrd.XXXXXX", command[2048], path[64];
	size_t len;
	const char *script;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(identity_initrd_make(&identity, 0, 0, true, &archive, &size), 0);
	script = find("conf/param.conf", &len);
	snprintf(path, sizeof(path), "%s/param.conf", folder);
	file = fopen(path, "w");
	assert_int_equal(fwrite(script, 1, len, file), len);
	fclose(file);
	snprintf(command, sizeof(command), "set -- %s\n%s", folder, prepare);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "set -- %s\n%s", folder, look);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void only_what_is_an_initramfs_takes_more(void **state)
{
	static const struct {
		const char *begin;
		bool fits;
	} cases[] = {
		{"070701", true},
		{"\x1f\x8b\x08xxx", true},
		{"BZh91A", true},
		{"\x5d\0\0\x80\0\0", true},
		{"\xfd"
		 "7zXZ\0",
		 true},
		{"\x89LZO\0\r", true},
		{"\x02\x21\x4c\x18xx", true},
		{"\x28\xb5\x2f\xfdxx", true},
		{"initrd", false},
		{"\0\0\0\0\0\0", false},
		{"\x7f"
		 "ELF\x02\x01",
		 false},
		{"070707", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(identity_initrd_fits((const uint8_t *)cases[i].begin),
				 cases[i].fits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_says_who_the_machine_is, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pinned_serial_is_one_word_of_a_shell, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_root_s_files_are_changed_only_when_asked_for,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_script_does_what_it_shall, setup, teardown),
		cmocka_unit_test(only_what_is_an_initramfs_takes_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
