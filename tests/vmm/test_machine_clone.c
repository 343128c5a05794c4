/* test_machine_clone.c: a clone is a machine of its own, or nothing is left of it. */
#include "vmm/machine_clone.h"

#include <dirent.h>
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

#include "devices/backend/file_lock.h"
#include "tests/fake/killed.h"
#include "tests/fake/state.h"
#include "tests/fake/temp_file.h"
#include "vmm/run_options.h"
#include "vmm/util.h"

enum { DISK_BYTES = 6 << 20 };

/* A machine "debian" with a disk of its own, one that is only read, and every kind of pinned id. */
static int make_source(void **state)
{
	char disk[STATE_PATH_BYTES], text[STATE_PATH_BYTES + 32];
	struct record record;
	int fd, err = state_set_up(state);

	if (err || record_take(&record, "debian") < 0)
		return -1;
	state_path(disk, "root.img");
	fd = open(disk, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (ftruncate(fd, DISK_BYTES) < 0 || pwrite(fd, "data", 4, 5 << 20) != 4)
		return -1;
	close(fd);
	record.epoch = 4;
	record.adopted = true;
	snprintf(text, sizeof(text), "%s,serial=S1,direct", disk);
	err = record_mint(&record) || record_add(&record, "kernel", "/boot/vmlinuz") ||
	      record_add(&record, "disk", text) ||
	      record_add(&record, "disk", "/usr/share/tools.img,ro") ||
	      record_add(&record, "net", "tap=t0,mac=02:00:00:00:00:01,mtu=1400") ||
	      record_add(&record, "hostname", "pinned") ||
	      record_add(&record, "machine-id", "00000000000000000000000000000001") ||
	      record_add(&record, "no-reboot", NULL) || record_save(&record);
	record_close(&record);
	return err;
}

static void assert_no_trace(const char *name)
{
	char path[STATE_PATH_BYTES], folder[STATE_PATH_BYTES];

	snprintf(folder, sizeof(folder), "minivmm/%s", name);
	state_path(path, folder);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_clone_has_the_options_and_ids_of_its_own(void **state)
{
	static const struct clone_options as_usual = {.full = false};
	struct run_options run = run_options_default();
	char want[STATE_PATH_BYTES + 32], disk[STATE_PATH_BYTES], data[5] = "";
	struct record source, copy;
	struct stat status;
	int fd;

	(void)state;
	assert_int_equal(machine_clone("debian", "web1", &as_usual), 0);
	assert_int_equal(record_open(&source, "debian"), 0);
	assert_int_equal(record_open(&copy, "web1"), 0);
	assert_int_equal(options_apply(&copy.options, &run), 0);
	assert_string_equal(copy.parent, "debian");
	assert_int_equal(copy.epoch, 5);
	assert_false(copy.adopted);
	assert_false(uuid_equal(&copy.generation_id, &source.generation_id));
	assert_string_not_equal(run.uuid, record_get(&source, "uuid"));
	assert_null(run.hostname);
	assert_null(run.machine_id);
	assert_string_equal(run.kernel, "/boot/vmlinuz");
	assert_true(run.no_reboot);
	assert_string_equal(run.nets.values[0], "tap=t0,mtu=1400");
	assert_string_equal(run.disks.values[1], "/usr/share/tools.img,ro");
	state_path(disk, "minivmm/web1/disk0.img");
	snprintf(want, sizeof(want), "%s,direct", disk);
	assert_string_equal(run.disks.values[0], want);
	record_close(&source);
	record_close(&copy);

	fd = open(disk, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, DISK_BYTES);
	assert_int_equal(pread(fd, data, 4, 5 << 20), 4);
	assert_string_equal(data, "data");
	close(fd);
}

static void a_clone_of_a_clone_goes_on_counting(void **state)
{
	static const struct clone_options as_usual = {.full = true};
	struct record copy;

	(void)state;
	assert_int_equal(machine_clone("debian", "web1", &as_usual), 0);
	assert_int_equal(machine_clone("web1", "web2", &as_usual), 0);
	assert_int_equal(record_open(&copy, "web2"), 0);
	assert_int_equal(copy.epoch, 6);
	assert_string_equal(copy.parent, "web1");
	record_close(&copy);
}

struct attempt {
	const char *source, *name;
	struct clone_options options;
};

static int try_to_clone(void *arg)
{
	const struct attempt *attempt = arg;

	return machine_clone(attempt->source, attempt->name, &attempt->options);
}

static void what_cannot_be_cloned_is_refused_in_one_line(void **state)
{
	static const struct {
		struct attempt attempt;
		int err;
		const char *said;
	} rows[] = {
		{{"debina", "web1", {0}}, -ENOENT, "no machine 'debina'; did you mean 'debian'?"},
		{{"debian", "a b", {0}}, -EINVAL, "'a b': not a machine's name"},
		{{"debian", "../x", {0}}, -EINVAL, "'../x': not a machine's name"},
		{{"../debian", "x", {0}}, -EINVAL, "'../debian': not a machine's name"},
		{{"debian", "taken", {0}}, -EEXIST, "machine 'taken' exists already"},
		{{"debian", "web1", {.disk_dir = "/nonexistent"}},
		 -ENOENT,
		 "--disk-dir '/nonexistent': no folder to put disks into"},
		{{"debian", "web1", {.disk_dir = "/dev/null"}},
		 -ENOTDIR,
		 "--disk-dir '/dev/null': no folder to put disks into"},
		{{"debian", "web1", {.new_fs_uuid = true}},
		 -EINVAL,
		 "--new-fs-uuid: no disk of 'debian' is an ext file system"},
	};
	static const struct clone_options as_usual = {.full = false};

	(void)state;
	assert_int_equal(machine_clone("debian", "taken", &as_usual), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct attempt attempt = rows[i].attempt;
		char said[512];

		assert_int_equal(said_by(try_to_clone, &attempt, said, sizeof(said)), rows[i].err);
		if (!strstr(said, rows[i].said) || strchr(said, '\n')[1])
			fail_msg("said: %s, not: %s", said, rows[i].said);
		assert_no_trace("web1");
	}
}

static void a_machine_id_on_the_command_line_is_told(void **state)
{
	struct attempt attempt = {"debian", "web1", {0}};
	struct record record;
	char said[2048];

	(void)state;
	assert_int_equal(record_take(&record, "debian"), 0);
	assert_int_equal(record_set(&record, "append", "systemd.machine_id=ff"), 0);
	assert_int_equal(record_save(&record), 0);
	record_close(&record);
	assert_int_equal(said_by(try_to_clone, &attempt, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "--append: its systemd.machine_id= is the clone's, too"));
}

static void a_machine_in_use_is_not_cloned(void **state)
{
	struct attempt attempt = {"debian", "web1", {0}};
	struct record running;
	char said[512];

	(void)state;
	assert_int_equal(record_take(&running, "debian"), 0);
	assert_int_equal(said_by(try_to_clone, &attempt, said, sizeof(said)), -EBUSY);
	assert_non_null(strstr(said, "machine 'debian': in use by process "));
	assert_no_trace("web1");
	record_close(&running);
}

static void a_machine_is_cloned_by_several_at_once_and_not_run_meanwhile(void **state)
{
	static const struct clone_options as_usual = {.full = false};
	struct record cloning, running;

	(void)state;
	assert_int_equal(record_share(&cloning, "debian"), 0);
	assert_int_equal(machine_clone("debian", "web1", &as_usual), 0);
	assert_int_equal(record_take(&running, "debian"), -EBUSY);
	record_close(&cloning);
	assert_int_equal(record_take(&running, "debian"), 0);
	assert_int_equal(record_share(&cloning, "debian"), -EBUSY);
	record_close(&running);
}

static void a_machine_whose_disk_is_in_use_is_not_cloned(void **state)
{
	struct attempt attempt = {"debian", "web1", {0}};
	char disk[STATE_PATH_BYTES], said[512], want[512];
	pid_t holder;
	int fd;

	(void)state;
	state_path(disk, "root.img");
	fd = open(disk, O_RDWR | O_CLOEXEC);
	assert_int_equal(file_lock(fd, true, &holder), 0);
	assert_int_equal(said_by(try_to_clone, &attempt, said, sizeof(said)), -EBUSY);
	snprintf(want, sizeof(want), "minivmm: error: disk '%s': in use by another program\n",
		 disk);
	assert_string_equal(said, want);
	assert_no_trace("web1");
	close(fd);
}

/* A limit on the size of files stands for a disk that fills up in the middle. */
static void a_clone_that_fails_in_its_middle_leaves_nothing(void **state)
{
	struct attempt attempt = {"debian", "web1", {0}};
	char elsewhere[STATE_PATH_BYTES], said[512];
	struct rlimit limit, unlimited;

	(void)state;
	state_path(elsewhere, "disks");
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	limit = unlimited;
	limit.rlim_cur = 2 << 20;
	for (int i = 0; i < 2; i++) {
		int err;

		setrlimit(RLIMIT_FSIZE, &limit);
		err = said_by(try_to_clone, &attempt, said, sizeof(said));
		setrlimit(RLIMIT_FSIZE, &unlimited);
		assert_int_equal(err, -EFBIG);
		assert_non_null(strstr(said, "cannot copy to"));
		assert_no_trace("web1");
		attempt.options.disk_dir = elsewhere;
	}
	assert_int_equal(rmdir(elsewhere), 0);
}

static void a_signal_ends_a_clone_and_leaves_nothing(void **state)
{
	struct attempt attempt = {"debian", "web1", {0}};
	const struct timespec at_once = {0};
	sigset_t signals;
	char said[512];

	(void)state;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	raise(SIGTERM);
	assert_int_equal(said_by(try_to_clone, &attempt, said, sizeof(said)), -EINTR);
	assert_string_equal(said, "minivmm: error: interrupted: there is no machine 'web1'\n");
	assert_no_trace("web1");
	sigtimedwait(&signals, NULL, &at_once);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

/* What is there when a clone is killed between its first disk and its record. */
static void what_a_killed_clone_left_goes_with_the_next(void **state)
{
	static const struct clone_options as_usual = {.full = false};
	char here[STATE_PATH_BYTES], elsewhere[STATE_PATH_BYTES];
	char own[] = "disk1.img", *list[2] = {elsewhere, own};
	struct state_folder folder;
	struct record copy;

	(void)state;
	state_path(here, "minivmm/web1/disk1.img");
	state_path(elsewhere, "web1-disk0-00112233.img");
	assert_int_equal(state_folder_take(&folder, "web1"), 0);
	assert_int_equal(state_folder_list_disks(&folder, list, 2), 0);
	close(open(here, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(open(elsewhere, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	state_folder_close(&folder);

	assert_int_equal(record_open(&copy, "web1"), -ENOENT);
	assert_int_equal(machine_clone("debian", "web1", &as_usual), 0);
	assert_int_equal(access(here, F_OK), -1);
	assert_int_equal(access(elsewhere, F_OK), -1);
}

/* Somebody keeps a disk where the clone's is to be. */
static void a_disk_that_is_there_already_stays(void **state)
{
	struct attempt attempt = {"debian", "web1", {0}};
	char folder[STATE_PATH_BYTES], disk[STATE_PATH_BYTES], said[512];

	(void)state;
	state_path(folder, "minivmm/web1");
	state_path(disk, "minivmm/web1/disk0.img");
	assert_int_equal(mkdir(folder, 0700), 0);
	close(open(disk, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(said_by(try_to_clone, &attempt, said, sizeof(said)), -EEXIST);
	assert_non_null(strstr(said, "/disk0.img': cannot make it: there is a file of that name"));
	assert_int_equal(access(disk, F_OK), 0);
}

static void clone_elsewhere(void *arg)
{
	const struct clone_options options = {.disk_dir = arg};

	machine_clone("debian", "web1", &options);
}

static void delete_web1(void)
{
	struct record copy;

	assert_int_equal(record_take(&copy, "web1"), 0);
	assert_int_equal(state_folder_clear(&copy.folder), 0);
	record_close(&copy);
	assert_no_trace("web1");
}

/* The clone is whole, or there is none and the next of its name finds nothing in its way. */
static void a_clone_killed_at_any_call_is_whole_or_no_machine(void **state)
{
	unsigned int call, whole = 0;
	char elsewhere[STATE_PATH_BYTES];

	(void)state;
	state_path(elsewhere, "disks");
	assert_int_equal(mkdir(elsewhere, 0700), 0);
	for (call = 0; killed_before_call(call, clone_elsewhere, elsewhere); call++) {
		struct record copy;

		if (record_open(&copy, "web1") == 0) {
			assert_string_equal(copy.parent, "debian");
			record_close(&copy);
			whole++;
		} else {
			clone_elsewhere(elsewhere);
			assert_int_equal(record_open(&copy, "web1"), 0);
			record_close(&copy);
		}
		delete_web1();
		assert_int_equal(rmdir(elsewhere), 0); /* no disk is left there */
		assert_int_equal(mkdir(elsewhere, 0700), 0);
	}
	assert_true(whole > 0 && whole < call);
	delete_web1();
}

#define CLONE_TEST(name) cmocka_unit_test_setup_teardown(name, make_source, state_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLONE_TEST(a_clone_has_the_options_and_ids_of_its_own),
		CLONE_TEST(a_clone_of_a_clone_goes_on_counting),
		CLONE_TEST(what_cannot_be_cloned_is_refused_in_one_line),
		CLONE_TEST(a_machine_id_on_the_command_line_is_told),
		CLONE_TEST(a_machine_in_use_is_not_cloned),
		CLONE_TEST(a_machine_is_cloned_by_several_at_once_and_not_run_meanwhile),
		CLONE_TEST(a_machine_whose_disk_is_in_use_is_not_cloned),
		CLONE_TEST(a_clone_that_fails_in_its_middle_leaves_nothing),
		CLONE_TEST(a_signal_ends_a_clone_and_leaves_nothing),
		CLONE_TEST(what_a_killed_clone_left_goes_with_the_next),
		CLONE_TEST(a_disk_that_is_there_already_stays),
		CLONE_TEST(a_clone_killed_at_any_call_is_whole_or_no_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
