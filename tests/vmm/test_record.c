/* test_record.c: what is kept of a machine comes back as it was, or not at all. */
#include "vmm/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/killed.h"
#include "tests/fake/state.h"
#include "tests/fake/temp_file.h"
#include "vmm/run_options.h"
#include "vmm/sha256.h"
#include "vmm/util.h"

#define UUID "00112233-4455-4677-8899-aabbccddeeff"

static struct option_values given;

static const struct option_values *options(const char *const *words)
{
	static char *argv[16];
	int argc = 0, noperands;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	assert_int_equal(options_split(&run_command, argc, argv, &given, &noperands), OPTIONS_OK);
	return &given;
}

/* A record with something of everything. */
static void fill(struct record *record)
{
	static const char *const words[] = {
		"--kernel=vmlinuz", "--disk=/a,,b.img,ro", "--disk=c.img", "--append=a\\b\nc=d",
		"--no-reboot",	    "--timeout=5",	   "--name=web1",  NULL};

	assert_int_equal(record_init(record, "web1"), 0);
	assert_int_equal(record_set(record, "uuid", UUID), 0);
	assert_int_equal(chdir("/usr"), 0);
	assert_int_equal(record_keep(record, options(words)), 0);
	assert_int_equal(uuid_parse(&record->generation_id, UUID), 0);
	record->epoch = 7;
	record->adopted = true;
	strcpy(record->parent, "debian");
}

static void assert_filled(const struct record *record)
{
	struct run_options run = run_options_default();
	struct identity identity = {.epoch = 0};
	char text[UUID_TEXT_SIZE];

	assert_int_equal(options_apply(&record->options, &run), 0);
	assert_string_equal(run.uuid, UUID);
	assert_string_equal(run.kernel, "/usr/vmlinuz");
	assert_int_equal(run.disks.n, 2);
	assert_string_equal(run.disks.values[0], "/a,,b.img,ro");
	assert_string_equal(run.disks.values[1], "/usr/c.img");
	assert_string_equal(run.append, "a\\b\nc=d");
	assert_true(run.no_reboot);
	assert_int_equal(run.timeout, 0);
	assert_null(run.name);
	assert_true(record->adopted);
	record_complete_identity(record, &identity);
	uuid_format(&identity.generation_id, text);
	assert_string_equal(text, UUID);
	assert_int_equal(identity.epoch, 7);
	assert_string_equal(identity.parent, "debian");
}

static void a_record_comes_back_as_it_was(void **state)
{
	char file[4096];
	struct record record;

	(void)state;
	assert_int_equal(record_take(&record, "web1"), 0);
	assert_false(record.stored);
	record_close(&record);

	struct record filled;

	fill(&filled);
	assert_int_equal(state_folder_take(&filled.folder, "web1"), 0);
	assert_int_equal(record_save(&filled), 0);
	record_close(&filled);
	state_read("minivmm/web1/record", file, sizeof(file));
	assert_non_null(strstr(file, "\noption.kernel=/usr/vmlinuz\n"));

	assert_int_equal(record_take(&record, "web1"), 0);
	assert_true(record.stored);
	assert_filled(&record);
	record_close(&record);
	assert_int_equal(record_open(&record, "web1"), 0);
	assert_filled(&record);
	record_close(&record);
}

struct damaged {
	const char *text;
	size_t len;
};

static int parse(void *arg)
{
	const struct damaged *damaged = arg;
	struct record record;
	int err = record_init(&record, "web1");

	if (!err)
		err = record_parse(&record, "f", damaged->text, damaged->len);
	record_close(&record);
	return err;
}

static void assert_refused(const char *text, size_t len)
{
	struct damaged damaged = {text, len};
	char said[1024];

	if (said_by(parse, &damaged, said, sizeof(said)) != -EBADMSG)
		fail_msg("taken: %.*s", (int)len, text);
	if (strncmp(said, "minivmm: error: f:", 18) != 0 ||
	    strchr(said, '\n') != said + strlen(said) - 1)
		fail_msg("said: %s", said);
}

static void damage_at_any_byte_is_found(void **state)
{
	struct record record;
	char *text, *copy;
	size_t len;

	(void)state;
	fill(&record);
	text = record_format(&record, &len);
	copy = malloc(len + 1);
	for (size_t at = 0; at < len; at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			memcpy(copy, text, len);
			copy[at] = (char)(copy[at] ^ 1 << bit);
			assert_refused(copy, len);
		}
		assert_refused(text, at); /* cut */
		memcpy(copy, text, at);
		memcpy(copy + at, text + at + 1, len - at - 1); /* one lost */
		assert_refused(copy, len - 1);
		copy[at] = text[at];
		memcpy(copy + at + 1, text + at, len - at); /* one twice */
		assert_refused(copy, len + 1);
	}
	free(copy);
	free(text);
	record_close(&record);
}

/* text and a checksum that fits, allocated. */
static char *with_sum(const char *text, size_t *len)
{
	uint8_t digest[SHA256_SIZE];
	struct sha256 sha;
	char *summed = malloc(*len + 80);

	memcpy(summed, text, *len);
	sha256_init(&sha);
	sha256_update(&sha, text, *len);
	sha256_final(&sha, digest);
	*len += (size_t)sprintf(summed + *len, "sha256=");
	for (unsigned int i = 0; i < SHA256_SIZE; i++)
		*len += (size_t)sprintf(summed + *len, "%02x", digest[i]);
	summed[(*len)++] = '\n';
	return summed;
}

/* Whoever edits one and makes the sum fit is either understood or refused in one line. */
static void no_byte_breaks_the_parser(void **state)
{
	struct record record;
	char *text, said[1024];
	size_t len;

	(void)state;
	fill(&record);
	text = record_format(&record, &len);
	len -= strlen("sha256=\n") + 2 * (size_t)SHA256_SIZE;
	for (size_t at = 0; at < len; at++) {
		static const char bytes[] = {'\0', '\n', '=', '\\', '#', 'x', '\x80', '.'};
		char kept = text[at];

		for (size_t i = 0; i < sizeof(bytes); i++) {
			struct damaged damaged = {.len = len};

			text[at] = bytes[i];
			damaged.text = with_sum(text, &damaged.len);
			if (said_by(parse, &damaged, said, sizeof(said)) == 0)
				assert_true(said[0] == '\0' || strstr(said, "warning"));
			else
				assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
			free((char *)(uintptr_t)damaged.text);
		}
		text[at] = kept;
	}
	free(text);
	record_close(&record);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
#define HEAD "minivmm-record=1\nname=web1\ngeneration-id=" UUID "\nepoch=0\nadopted=no\nparent=\n"
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"", "f:1: damaged: not lines of text"},
		{"minivmm-record=2\n", "f:1: not a record, or one of another version"},
		{"minivmm-record=1\nname=web2\n", "f:2: name: not the name of its folder"},
		{"minivmm-record=1\nname=web1\n\n", "f:3: unknown ''"},
		{"minivmm-record=1\nname\n", "f:2: name: not the name"},
		{"minivmm-record=1\nname=web1\nname=web1\n", "f:3: a second 'name'"},
		{"minivmm-record=1\n# x\nepoch=01\n", "f:3: epoch: not a number"},
		{"minivmm-record=1\nepoch=4294967296\n", "f:2: epoch: not a number"},
		{"minivmm-record=1\nepoch=-1\n", "f:2: epoch: not a number"},
		{"minivmm-record=1\nadopted=maybe\n", "f:2: adopted: not yes or no"},
		{"minivmm-record=1\nparent=..\n", "f:2: parent: not a machine's name"},
		{"minivmm-record=1\ngeneration-id=x\n", "f:2: generation-id: not a UUID"},
		{HEAD, "f:7: no 'option.uuid'"},
		{"minivmm-record=1\nname=web1\n", "f:3: no 'generation-id'"},
		{HEAD "option.kernle=x\n", "f:7: 'kernle' is no option to be kept"},
		{HEAD "option.timeout=5\n", "f:7: 'timeout' is no option to be kept"},
		{HEAD "option.=5\n", "f:7: '' is no option to be kept"},
		{HEAD "option.kernel\n", "f:7: option 'kernel' needs a value"},
		{HEAD "option.no-reboot=yes\n", "f:7: option 'no-reboot' takes no value"},
		{HEAD "option.append=a\\tb\n", "f:7: a '\\' stands before neither"},
		{HEAD "option.append=\\\n", "f:7: a '\\' stands before neither"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct damaged damaged = {.len = strlen(rows[i].text)};
		char said[1024], *summed = with_sum(rows[i].text, &damaged.len);

		damaged.text = summed;
		if (!rows[i].text[0])
			damaged.len = 0;
		assert_int_equal(said_by(parse, &damaged, said, sizeof(said)), -EBADMSG);
		if (!strstr(said, rows[i].said))
			fail_msg("said: %s, not: %s", said, rows[i].said);
		free(summed);
	}
}

static int open_record(void *arg)
{
	struct record record;
	int err = record_open(&record, arg);

	if (!err)
		record_close(&record);
	return err;
}

static void a_machine_that_is_not_there_is_called_that(void **state)
{
	struct record record;
	char said[256];

	(void)state;
	assert_int_equal(said_by(open_record, (char[]){"web1"}, said, sizeof(said)), -ENOENT);
	assert_string_equal(said, "minivmm: error: no machine 'web1'; see 'minivmm list'\n");
	assert_int_equal(record_take(&record, "web1"), 0);
	assert_int_equal(record_set(&record, "uuid", UUID), 0);
	assert_int_equal(record_save(&record), 0);
	record_close(&record);
	assert_int_equal(said_by(open_record, (char[]){"web2"}, said, sizeof(said)), -ENOENT);
	assert_string_equal(said, "minivmm: error: no machine 'web2'; did you mean 'web1'?\n");
	assert_int_equal(said_by(open_record, (char[]){"../web1"}, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "'../web1': not a machine's name"));
}

static int take_record(void *arg)
{
	struct record record;
	int err = record_take(&record, arg);

	if (!err)
		record_close(&record);
	return err;
}

/* Its folder cannot be made: that is another thing than a folder without a record. */
static void a_folder_that_cannot_be_made_is_told_once(void **state)
{
	char path[STATE_PATH_BYTES], said[512];

	(void)state;
	state_path(path, "minivmm");
	assert_int_equal(symlink("/nonexistent/folder", path), 0);
	assert_int_equal(said_by(take_record, (char[]){"web1"}, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "/minivmm/web1': cannot be made or locked: No such file"));
	assert_int_equal(strchr(said, '\n')[1], '\0');
}

static void save_epoch(void *arg)
{
	const unsigned int *epoch = arg;
	struct record record;

	if (record_take(&record, "web1") < 0 || (!record.stored && record_mint(&record) < 0))
		return;
	record.epoch = *epoch;
	record_save(&record);
	record_close(&record);
}

static void a_record_killed_at_any_call_is_the_old_one_or_the_new_one(void **state)
{
	unsigned int old = 7, new = 8, call, found_old = 0, found_new = 0;

	(void)state;
	save_epoch(&old);
	for (call = 0; killed_before_call(call, save_epoch, &new); call++) {
		struct record record;

		assert_int_equal(record_open(&record, "web1"), 0);
		assert_true(record.epoch == old || record.epoch == new);
		if (record.epoch == old)
			found_old++;
		else
			found_new++;
		record_close(&record);
		save_epoch(&old); /* and it is in nobody's way */
	}
	assert_true(found_old > 0 && found_new > 0);
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, state_set_up, state_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(a_record_comes_back_as_it_was),
		cmocka_unit_test(damage_at_any_byte_is_found),
		cmocka_unit_test(no_byte_breaks_the_parser),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		STATE_TEST(a_machine_that_is_not_there_is_called_that),
		STATE_TEST(a_folder_that_cannot_be_made_is_told_once),
		STATE_TEST(a_record_killed_at_any_call_is_the_old_one_or_the_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
