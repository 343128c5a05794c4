/* test_machine_template.c: what an image shows is judged, and strange names never become commands.
 */
#include "vmm/machine_template.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/file_lock.h"
#include "tests/fake/fake_tool.h"
#include "tests/fake/temp_file.h"
#include "vmm/util.h"

/* Answers a list of folders with the files of the test's folder that are named after them. */
#define DEBUGFS                                                                  \
	"while [ \"$1\" != -f ]; do shift; done\n"                               \
	"while read -r a b c; do echo \"debugfs: $a $b${c:+ $c}\"; case $a in\n" \
	"ls) cat $HERE/ls$(echo ${c%/} | tr / _) 2>/dev/null;;\n"                \
	"cat) cat $HERE/cat$(echo $b | tr / _) 2>/dev/null;;\n"                  \
	"*) echo \"$a $b $c\" >>$HERE/edits;; esac; done <\"$2\"\nexit 0\n"

static char image[256];

/* An image that looks like an ext file system; what is in it is debugfs' to say. */
static int set_up(void **state)
{
	int fd;

	if (fake_tools_set_up(state))
		return -1;
	fake_tool_make("debugfs", DEBUGFS);
	fake_tool_make("e2fsck", "exit 0");
	snprintf(image, sizeof(image), "%s", fake_tool_path("disk.img"));
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return ftruncate(fd, 1 << 20) || pwrite(fd, "\1\0", 2, 1082) != 2 ||
	       pwrite(fd, "\x53\xef", 2, 1080) != 2 || close(fd);
}

static void edits(char *text, size_t size)
{
	assert_int_equal(machine_template_fix(image, false), 0);
	fake_tool_read("edits", text, size);
}

#define EMPTY_MACHINE_ID \
	"write /dev/null /etc/machine-id\nset_inode_field /etc/machine-id mode 0100444\n"

static void machine_id_and_dbus_id_are_judged(void **state)
{
	static const struct {
		const char *etc, *content, *dbus;  /* what is there */
		const char *id_state, *dbus_state; /* what is said of it */
		unsigned int unfit;
		const char *edits;
	} rows[] = {
		{"/1/100444/0/0/machine-id/0/\n", "", "", "empty", "none", 0, ""},
		{"/1/100444/0/0/machine-id/14/\n", "uninitialized\n", "", "uninitialized", "none",
		 0, ""},
		{"/1/100444/0/0/machine-id/33/\n", "00112233445566778899aabbccddeeff\n",
		 "/1/120777/0/0/machine-id/15/\n", "00112233445566778899aabbccddeeff", "a link", 1,
		 "rm /etc/machine-id \n" EMPTY_MACHINE_ID},
		{"/1/100444/0/0/hosts/0/\n", "", "/1/100644/0/0/machine-id/33/\n", "missing",
		 "a file of its own", 2,
		 "rm /var/lib/dbus/machine-id \n"
		 "symlink /var/lib/dbus/machine-id /etc/machine-id\n" EMPTY_MACHINE_ID},
		{"/1/100444/0/0/machine-id/5/\n", "\033[2J!\n", "", "not an id", "none", 1,
		 "rm /etc/machine-id \n" EMPTY_MACHINE_ID},
		{"/1/120777/0/0/machine-id/5/\n", "", "", "not an id", "none", 1,
		 "rm /etc/machine-id \n" EMPTY_MACHINE_ID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct template template;
		char text[1024];

		fake_tool_write("ls_etc", rows[i].etc);
		fake_tool_write("cat_etc_machine-id", rows[i].content);
		fake_tool_write("ls_var_lib_dbus", rows[i].dbus);
		assert_int_equal(machine_template_check(image, false, &template), 0);
		assert_string_equal(template.rows[0].state, rows[i].id_state);
		assert_string_equal(template.rows[1].state, rows[i].dbus_state);
		assert_int_equal(template.unfit, rows[i].unfit);
		fake_tool_write("edits", "");
		edits(text, sizeof(text));
		assert_string_equal(text, rows[i].edits);
	}
}

static void keys_and_trees_are_removed_and_logs_on_request(void **state)
{
	struct template template;
	char text[1024];

	(void)state;
	fake_tool_write("ls_etc", "/1/100444/0/0/machine-id/0/\n");
	fake_tool_write("ls_etc_ssh", "/1/100600/0/0/ssh_host_rsa_key/9/\n"
				      "/1/100644/0/0/ssh_host_rsa_key.pub/9/\n"
				      "/1/100644/0/0/sshd_config/9/\n");
	fake_tool_write("ls_var_lib_cloud", "/1/120777/0/0/instance/9/\n"
					    "/1/040755/0/0/instances//\n"
					    "/1/040755/0/0/seed//\n");
	fake_tool_write("ls_var_lib_cloud_instances", "/1/040755/0/0/i-1//\n");
	fake_tool_write("ls_var_lib_cloud_instances_i-1", "/1/100644/0/0/x/1/\n");
	fake_tool_write("ls_var_log", "/1/100644/0/0/syslog/1/\n");
	assert_int_equal(machine_template_check(image, false, &template), 0);
	assert_int_equal(template.unfit, 2);
	assert_int_equal(machine_template_check(image, true, &template), 0);
	assert_int_equal(template.unfit, 3);
	edits(text, sizeof(text));
	assert_string_equal(text, "rm /etc/ssh/ssh_host_rsa_key \n"
				  "rm /etc/ssh/ssh_host_rsa_key.pub \n"
				  "rm /var/lib/cloud/instance \n"
				  "rm /var/lib/cloud/instances/i-1/x \n"
				  "rmdir /var/lib/cloud/instances/i-1 \n"
				  "rmdir /var/lib/cloud/instances \n");
}

/* debugfs could be told to write to the host. */
static void a_strange_name_stays_and_is_no_command(void **state)
{
	struct template template;
	char text[1024];

	(void)state;
	fake_tool_write("ls_etc", "/1/100444/0/0/machine-id/0/\n");
	fake_tool_write("ls_etc_ssh", "/1/100600/0/0/ssh_host_a b/9/\n"
				      "/1/100600/0/0/ssh_host_\"x/9/\n"
				      "/1/100600/0/0/ssh_host_\ndump /etc/x /root/y/9/\n");
	fake_tool_write("ls_var_lib_cloud", "/1/040755/0/0/instances//\n");
	fake_tool_write("ls_var_lib_cloud_instances", "/1/040755/0/0/i 1//\n");
	edits(text, sizeof(text));
	assert_string_equal(text, "rmdir /var/lib/cloud/instances \n");
	assert_int_equal(machine_template_check(image, false, &template), 0);
	for (unsigned int i = 0; i < template.n; i++)
		assert_null(strpbrk(template.rows[i].where, "\"\n"));
}

/* A folder that holds itself, as a broken or hostile file system shows it. */
static void a_tree_without_end_is_given_up(void **state)
{
	char text[4096];

	(void)state;
	fake_tool_make("debugfs", "while [ \"$1\" != -f ]; do shift; done\n"
				  "while read -r a b c; do echo \"debugfs: $a $b${c:+ $c}\"\n"
				  "case $a in ls) echo /1/040755/0/0/instances//;;\n"
				  "*) echo $a >>$HERE/edits;; esac; done <\"$2\"\n");
	edits(text, sizeof(text));
	assert_true(strlen(text) < 1024);
}

static int check(void *arg)
{
	static struct template template;

	return machine_template_check(arg, false, &template);
}

static void what_is_no_root_file_system_is_refused(void **state)
{
	char said[512], empty[TEMP_PATH_BYTES];

	(void)state;
	assert_int_equal(said_by(check, image, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "there is no /etc in it"));
	temp_file_make(empty, 4096);
	assert_int_equal(said_by(check, empty, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "not an ext file system without partitions"));
	unlink(empty);
	assert_int_equal(said_by(check, (char[]){"/nonexistent"}, said, sizeof(said)), -ENOENT);
}

/* By whom cannot always be told: it is ourselves, here. */
static void an_image_in_use_is_refused(void **state)
{
	char said[512], want[512];
	int fd = open(image, O_RDWR | O_CLOEXEC);
	pid_t holder;

	(void)state;
	assert_int_equal(file_lock(fd, true, &holder), 0);
	assert_int_equal(said_by(check, image, said, sizeof(said)), -EBUSY);
	snprintf(want, sizeof(want), "minivmm: error: disk '%s': in use by another program\n",
		 image);
	assert_string_equal(said, want);
	close(fd);
}

#define TEMPLATE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tools_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPLATE_TEST(machine_id_and_dbus_id_are_judged),
		TEMPLATE_TEST(keys_and_trees_are_removed_and_logs_on_request),
		TEMPLATE_TEST(a_strange_name_stays_and_is_no_command),
		TEMPLATE_TEST(a_tree_without_end_is_given_up),
		TEMPLATE_TEST(what_is_no_root_file_system_is_refused),
		TEMPLATE_TEST(an_image_in_use_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
