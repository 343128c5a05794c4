/* test_ext_image.c: what debugfs says is read with care, and what it is told is ours alone. */
#include "devices/backend/ext_image.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/fake/fake_tool.h"
#include "tests/fake/temp_file.h"
#include "vmm/util.h"

#define DEBUGFS                                                               \
	"echo \"$@\" >>$HERE/words\nwhile [ \"$1\" != -f ]; do shift; done\n" \
	"cat \"$2\" >>$HERE/commands\ncat $HERE/output\n"

static const char *const folders[] = {"/etc", "/missing", "/var/lib"};

static void a_listing_is_told_apart_by_folders(void **state)
{
	struct ext_listing listing;
	char text[256];

	(void)state;
	fake_tool_make("debugfs", DEBUGFS);
	fake_tool_write("output", "debugfs: ls -p /etc/\n"
				  "/12/040755/0/0/.//\n"
				  "/2/040755/0/0/..//\n"
				  "/13/100644/0/0/machine-id/33/\n"
				  "\n"
				  "debugfs: ls -p /missing/\n"
				  "debugfs: ls -p /var/lib/\n"
				  "/14/040755/0/0/dbus//\n"
				  "/15/120777/0/0/link/15/\n");
	assert_int_equal(ext_image_list("/a.img", folders, 3, &listing), 0);
	assert_int_equal(listing.n, 3);
	assert_int_equal(listing.entries[0].folder, 0);
	assert_string_equal(listing.entries[0].name, "machine-id");
	assert_int_equal(listing.entries[0].size, 33);
	assert_true(S_ISREG(listing.entries[0].mode));
	assert_int_equal(listing.entries[1].folder, 2);
	assert_true(S_ISDIR(listing.entries[1].mode));
	assert_true(S_ISLNK(listing.entries[2].mode));
	assert_true(listing.found[0]);
	assert_false(listing.found[1]);
	assert_true(listing.found[2]);
	ext_listing_free(&listing);
	fake_tool_read("commands", text, sizeof(text));
	assert_string_equal(text, "ls -p /etc/\nls -p /missing/\nls -p /var/lib/\n");
	fake_tool_read("words", text, sizeof(text));
	assert_string_equal(text, "-f /dev/fd/3 /a.img\n");
}

/* A guest names its files as it likes. */
static void strange_lines_are_passed_over(void **state)
{
	static const char *const outputs[] = {
		"",
		"\n\n\n",
		"/13/100644/0/0/before-any-folder/1/\n",
		"debugfs: ls -p /etc/\n/\n//\n///\n/13\n/13/\n/13/100644/0/0/\n/13/100644/0/0//\n",
		"debugfs: ls -p /etc/\n/x/100644/0/0/a/1/\n/13/9/0/0/a/1/\n",
		"debugfs: ls -p /etc/\n/13/100644/0/0/no-end",
		"debugfs: ls -p /etc/\n/0/000000/0/0/removed/0/\n",
		"debugfs: ls -p /etc\n/13/100644/0/0/another-command/1/\n",
		"debugfs: ls -p /var/lib/\n/13/100644/0/0/out-of-turn/1/\n",
		"debugfs: ls -p /etc/\n/2/040755/0/0/..//\n/2/040755/0/0/.//\n",
	};

	(void)state;
	fake_tool_make("debugfs", DEBUGFS);
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		struct ext_listing listing;

		fake_tool_write("output", outputs[i]);
		assert_int_equal(ext_image_list("/a.img", folders, 3, &listing), 0);
		assert_int_equal(listing.n, 0);
		ext_listing_free(&listing);
	}
}

static void a_name_that_is_too_long_is_passed_over(void **state)
{
	char output[512];
	struct ext_listing listing;
	int len = snprintf(output, sizeof(output), "debugfs: ls -p /etc/\n/13/100644/0/0/");

	(void)state;
	fake_tool_make("debugfs", DEBUGFS);
	memset(output + len, 'a', 256);
	strcpy(output + len + 256, "/1/\n");
	fake_tool_write("output", output);
	assert_int_equal(ext_image_list("/a.img", folders, 1, &listing), 0);
	assert_int_equal(listing.n, 0);
	ext_listing_free(&listing);
	strcpy(output + len + 255, "/1/\n");
	fake_tool_write("output", output);
	assert_int_equal(ext_image_list("/a.img", folders, 1, &listing), 0);
	assert_int_equal(listing.n, 1);
	ext_listing_free(&listing);
}

static void a_file_is_read_as_far_as_it_fits(void **state)
{
	char text[8];

	(void)state;
	fake_tool_make("debugfs", DEBUGFS);
	fake_tool_write("output", "debugfs: cat /etc/x\n0123456789\n");
	assert_int_equal(ext_image_read("/a.img", "/etc/x", text, sizeof(text)), 0);
	assert_string_equal(text, "0123456");
	fake_tool_write("output", "");
	assert_int_equal(ext_image_read("/a.img", "/etc/x", text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

/* A sparse file, or a folder that is its own child: a guest can make an image say much. */
static void an_image_that_says_more_than_anybody_would_is_refused(void **state)
{
	char text[8];

	(void)state;
	fake_tool_make("debugfs", "exec cat /dev/zero");
	assert_int_equal(ext_image_read("/a.img", "/etc/x", text, sizeof(text)), -EIO);
}

static void only_an_edit_opens_it_for_writing(void **state)
{
	char text[256];

	(void)state;
	fake_tool_make("debugfs", DEBUGFS);
	fake_tool_write("output", "");
	assert_int_equal(ext_image_edit("/a.img", "rm /etc/x\n"), 0);
	fake_tool_read("words", text, sizeof(text));
	assert_string_equal(text, "-w -f /dev/fd/3 /a.img\n");
	fake_tool_read("commands", text, sizeof(text));
	assert_string_equal(text, "rm /etc/x\n");
}

static void a_repair_that_mended_something_went_well(void **state)
{
	(void)state;
	fake_tool_make("e2fsck", "exit 1");
	assert_int_equal(ext_image_repair("/a.img"), 0);
}

static int repair(void *arg)
{
	return ext_image_repair(arg);
}

static void failures_are_told_in_the_programs_words(void **state)
{
	char said[256];

	(void)state;
	fake_tool_make("e2fsck", "echo 'UNEXPECTED INCONSISTENCY' >&2; exit 5");
	assert_int_equal(said_by(repair, (char[]){"/a.img"}, said, sizeof(said)), -EIO);
	assert_string_equal(said, "minivmm: error: disk '/a.img': damaged; 'e2fsck -f /a.img' "
				  "tells more, and asks what to mend\n");
	fake_tool_make("e2fsck", "echo 'much is lost' >&2; exit 8");
	assert_int_equal(said_by(repair, (char[]){"/a.img"}, said, sizeof(said)), -EIO);
	assert_string_equal(said, "minivmm: error: e2fsck: much is lost\n");
	fake_tool_make("e2fsck", "exit 8");
	assert_int_equal(said_by(repair, (char[]){"/a.img"}, said, sizeof(said)), -EIO);
	assert_string_equal(said, "minivmm: error: e2fsck: failed without a word\n");
	assert_int_equal(said_by(repair, (char[]){"-a.img"}, said, sizeof(said)), -EINVAL);
	assert_int_equal(said_by(repair, (char[]){"/a?offset=4"}, said, sizeof(said)), -EINVAL);
}

static void names_in_commands_are_plain(void **state)
{
	static const char *const strange[] = {"",	  "a b", "a\nb", "a\"b", "a'b",
					      "a\\b",	  "a;b", "a/b",	 "<12>", "a\033b",
					      "\xc3\xa4", "a$b", "a*b"};

	(void)state;
	assert_true(ext_name_is_plain("ssh_host_ed25519_key.pub"));
	assert_true(ext_name_is_plain("user-1000@0005-a+b:c"));
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
		assert_false(ext_name_is_plain(strange[i]));
}

#define TOOL_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fake_tools_set_up, fake_tools_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOOL_TEST(a_listing_is_told_apart_by_folders),
		TOOL_TEST(strange_lines_are_passed_over),
		TOOL_TEST(a_name_that_is_too_long_is_passed_over),
		TOOL_TEST(a_file_is_read_as_far_as_it_fits),
		TOOL_TEST(an_image_that_says_more_than_anybody_would_is_refused),
		TOOL_TEST(only_an_edit_opens_it_for_writing),
		TOOL_TEST(a_repair_that_mended_something_went_well),
		TOOL_TEST(failures_are_told_in_the_programs_words),
		cmocka_unit_test(names_in_commands_are_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
