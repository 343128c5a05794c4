/* test_state_folder.c: machines' folders: where they are, whose they are, and what survives. */
#include "vmm/state_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/state.h"
#include "tests/fake/temp_file.h"

static void folders_are_where_xdg_says(void **state)
{
	char want[STATE_PATH_BYTES];
	char *base = state_folder_base();

	(void)state;
	state_path(want, "minivmm");
	assert_string_equal(base, want);
	free(base);
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", "/home/somebody", 1);
	base = state_folder_base();
	assert_string_equal(base, geteuid() == 0 ? "/var/lib/minivmm"
						 : "/home/somebody/.local/state/minivmm");
	free(base);
}

static void there_is_no_folder_to_read_before_one_was_made(void **state)
{
	struct state_folder folder;
	char **names;

	(void)state;
	assert_int_equal(state_folder_open(&folder, "web1"), -ENOENT);
	names = state_folder_names();
	assert_non_null(names);
	assert_null(names[0]);
	state_folder_names_free(names);
}

static void a_folder_is_private_and_vanishes_when_nothing_came_of_it(void **state)
{
	char path[STATE_PATH_BYTES];
	struct state_folder folder;
	struct stat status;

	(void)state;
	state_path(path, "minivmm/web1");
	assert_int_equal(state_folder_take(&folder, "web1"), 0);
	assert_string_equal(folder.path, path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 0700);
	state_folder_close(&folder);
	assert_int_equal(stat(path, &status), -1);
}

static struct state_folder first, second;

static int take_second(void *arg)
{
	(void)arg;
	return state_folder_take(&second, "web1");
}

static void two_cannot_have_one_machine(void **state)
{
	char said[256], want[256];

	(void)state;
	assert_int_equal(state_folder_take(&first, "web1"), 0);
	assert_int_equal(said_by(take_second, NULL, said, sizeof(said)), -EBUSY);
	snprintf(want, sizeof(want), "minivmm: error: machine 'web1': in use by process %d\n",
		 (int)getpid());
	assert_string_equal(said, want);
	assert_int_equal(state_folder_take(&second, "web2"), 0);
	state_folder_close(&second);
	state_folder_close(&first);
	assert_int_equal(state_folder_take(&second, "web1"), 0);
	state_folder_close(&second);
}

static int write_big(void *arg)
{
	static char big[8192];

	(void)arg;
	return state_folder_write(&first, "record", big, sizeof(big));
}

/* A limit on the size of files fails a write in its middle, as a full disk does. */
static void a_write_that_fails_leaves_what_was_there(void **state)
{
	struct rlimit limit, unlimited;
	char said[512], text[64];
	int err;

	(void)state;
	assert_int_equal(state_folder_take(&first, "web1"), 0);
	assert_int_equal(state_folder_write(&first, "record", "old\n", 4), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	limit = unlimited;
	limit.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &limit);
	err = said_by(write_big, NULL, said, sizeof(said));
	setrlimit(RLIMIT_FSIZE, &unlimited);
	assert_int_equal(err, -EFBIG);
	assert_non_null(strstr(said, "/minivmm/web1/record': cannot write: File too large\n"));
	state_read("minivmm/web1/record", text, sizeof(text));
	assert_string_equal(text, "old\n");
	assert_int_equal(faccessat(first.fd, "new", F_OK, 0), -1);
	assert_int_equal(state_folder_clear(&first), 0);
	state_folder_close(&first);
}

/* What a process killed in the middle of a write leaves is overwritten by the next. */
static void a_write_that_never_ended_is_in_nobodys_way(void **state)
{
	char text[64];
	int fd;

	(void)state;
	assert_int_equal(state_folder_take(&first, "web1"), 0);
	assert_int_equal(state_folder_write(&first, "record", "old\n", 4), 0);
	fd = openat(first.fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "half of something longer", 24), 24);
	close(fd);
	assert_int_equal(state_folder_write(&first, "record", "new\n", 4), 0);
	state_read("minivmm/web1/record", text, sizeof(text));
	assert_string_equal(text, "new\n");
	state_folder_close(&first);
}

static void clearing_removes_what_is_listed_elsewhere_and_no_more(void **state)
{
	char paths[3][STATE_PATH_BYTES], *list[2] = {paths[0], paths[1]};
	char **names;
	int fd;

	(void)state;
	state_path(paths[0], "own.img");
	state_path(paths[1], "never made.img");
	state_path(paths[2], "somebody's.img");
	for (int i = 0; i < 3; i += 2) {
		fd = open(paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		close(fd);
	}
	assert_int_equal(state_folder_take(&first, "web1"), 0);
	assert_int_equal(state_folder_list_disks(&first, list, 2), 0);
	assert_int_equal(state_folder_write(&first, "record", "x", 1), 0);
	names = state_folder_names();
	assert_string_equal(names[0], "web1");
	assert_null(names[1]);
	state_folder_names_free(names);
	assert_int_equal(state_folder_clear(&first), 0);
	state_folder_close(&first);
	assert_int_equal(access(paths[0], F_OK), -1);
	assert_int_equal(access(paths[2], F_OK), 0);
	assert_int_equal(state_folder_open(&first, "web1"), -ENOENT);
}

/* Its own disk is in the folder, too, and other things that somebody keeps there. */
static void clearing_leaves_what_minivmm_did_not_put_there(void **state)
{
	static const char *const files[] = {"disk0.img", "ssh_host_ed25519_key", "mine.img"};
	char own[] = "disk0.img", *list[1] = {own};
	struct stat status;

	(void)state;
	assert_int_equal(state_folder_take(&first, "web1"), 0);
	assert_int_equal(state_folder_list_disks(&first, list, 1), 0);
	assert_int_equal(state_folder_write(&first, "record", "x", 1), 0);
	for (unsigned int i = 0; i < 3; i++)
		close(openat(first.fd, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(mkdirat(first.fd, "notes", 0700), 0);
	assert_int_equal(state_folder_clear(&first), 0);
	assert_int_equal(fstatat(first.fd, "mine.img", &status, 0), 0);
	assert_int_equal(fstatat(first.fd, "notes", &status, 0), 0);
	assert_int_equal(fstatat(first.fd, "disk0.img", &status, 0), -1);
	assert_int_equal(fstatat(first.fd, "ssh_host_ed25519_key", &status, 0), -1);
	assert_int_equal(fstatat(first.fd, "record", &status, 0), -1);
	state_folder_close(&first);
}

static void a_list_can_only_name_the_folder_s_files_and_absolute_ones(void **state)
{
	char path[STATE_PATH_BYTES], outside[] = "../outside.img", *list[1] = {outside};

	(void)state;
	state_path(path, "minivmm/outside.img");
	assert_int_equal(state_folder_take(&first, "web1"), 0);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(state_folder_list_disks(&first, list, 1), 0);
	assert_int_equal(state_folder_clear(&first), 0);
	assert_int_equal(access(path, F_OK), 0);
	state_folder_close(&first);
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, state_set_up, state_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATE_TEST(folders_are_where_xdg_says),
		STATE_TEST(there_is_no_folder_to_read_before_one_was_made),
		STATE_TEST(a_folder_is_private_and_vanishes_when_nothing_came_of_it),
		STATE_TEST(two_cannot_have_one_machine),
		STATE_TEST(a_write_that_fails_leaves_what_was_there),
		STATE_TEST(a_write_that_never_ended_is_in_nobodys_way),
		STATE_TEST(clearing_removes_what_is_listed_elsewhere_and_no_more),
		STATE_TEST(clearing_leaves_what_minivmm_did_not_put_there),
		STATE_TEST(a_list_can_only_name_the_folder_s_files_and_absolute_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
