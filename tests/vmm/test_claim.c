/* test_claim.c: claims last as long as who has them, and a hostile folder is no way around or in.
 */
#include "vmm/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"

#define UUID "00112233-4455-4677-8899-aabbccddeeff"

/* In memory, as the real one: a file system that waits for a disk would be in everybody's way. */
static char path[] = "/dev/shm/minivmm-claim-XXXXXX";
static int folder;

static int make_folder(void **state)
{
	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	if (!mkdtemp(path))
		return -1;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	close(folder);
	return rmdir(path); /* fails when a test or a claim left something */
}

static struct holder self(const char *name)
{
	struct holder holder = {.pid = getpid(), .uuid = UUID};

	strcpy(holder.name, name);
	return holder;
}

static int take(struct claim *claim, bool shared, const char *name, struct holder *other)
{
	const struct holder holder = self(name);

	return claim_take(claim, folder, "x", shared, &holder, other);
}

static void the_second_is_told_who_is_the_first(void **state)
{
	struct claim first, second;
	struct holder other;
	char text[HOLDER_TEXT_SIZE], want[HOLDER_TEXT_SIZE];

	(void)state;
	assert_int_equal(take(&first, false, "web1", &other), 0);
	assert_int_equal(take(&second, false, "web2", &other), -EBUSY);
	assert_int_equal(second.fd, -1);
	assert_string_equal(other.uuid, UUID);
	holder_format(&other, text);
	snprintf(want, sizeof(want), "machine 'web1' (process %d)", (int)getpid());
	assert_string_equal(text, want);
	claim_release(&first);
	assert_int_equal(take(&second, false, "web2", &other), 0);
	claim_release(&second);
}

static void readers_share_and_a_writer_waits_for_the_last(void **state)
{
	struct claim readers[2], writer;
	struct holder other;

	(void)state;
	assert_int_equal(take(&readers[0], true, "a", &other), 0);
	assert_int_equal(take(&readers[1], true, "b", &other), 0);
	assert_int_equal(take(&writer, false, "c", &other), -EBUSY);
	assert_string_equal(other.name, "a");
	claim_release(&readers[0]);
	assert_int_equal(take(&writer, false, "c", &other), -EBUSY);
	claim_release(&readers[1]);
	assert_int_equal(take(&writer, false, "c", &other), 0);
	assert_int_equal(take(&readers[0], true, "a", &other), -EBUSY);
	claim_release(&writer);
}

/* A process that has the claim and says so in the pipe. */
static pid_t start_holder(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct holder other;
		struct claim claim;

		if (take(&claim, false, "victim", &other) == 0 && write(fds[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	return pid;
}

static void a_claim_goes_with_a_killed_process_and_its_file_means_nothing(void **state)
{
	pid_t pid = start_holder();
	struct holder other;
	struct claim claim;

	(void)state;
	assert_true(claim_held(folder, "x", &other));
	assert_int_equal(other.pid, pid);
	assert_string_equal(other.name, "victim");
	assert_int_equal(take(&claim, false, "next", &other), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(faccessat(folder, "x", F_OK, 0), 0);
	assert_false(claim_held(folder, "x", &other));
	assert_int_equal(take(&claim, false, "next", &other), 0);
	claim_release(&claim);
}

static void what_killed_processes_left_is_swept_and_what_is_held_is_not(void **state)
{
	pid_t pid = start_holder();
	struct holder other;
	struct claim stale;

	(void)state;
	assert_int_equal(symlinkat("x", folder, "link"), 0);
	claim_sweep(folder);
	assert_true(claim_held(folder, "x", &other));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	claim_sweep(folder);
	assert_int_equal(faccessat(folder, "x", F_OK, 0), -1);
	assert_int_equal(unlinkat(folder, "link", 0), 0);
	assert_int_equal(take(&stale, false, "next", &other), 0);
	claim_release(&stale);
}

/* Takes, gives back and sweeps again and again; true if nobody was ever in its way. */
static bool take_often(bool shared)
{
	bool well = true;

	for (int i = 0; i < 200; i++) {
		const struct holder me = self("busy");
		struct holder other;
		struct claim claim;
		char file[32];

		snprintf(file, sizeof(file), shared ? "shared" : "own-%d", (int)getpid());
		well = claim_take(&claim, folder, file, shared, &me, &other) == 0 && well;
		claim_release(&claim);
		claim_sweep(folder);
	}
	return well;
}

static void who_comes_and_goes_is_in_nobody_s_way(void **state)
{
	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		pid_t children[3];

		for (int i = 0; i < 3; i++) {
			children[i] = fork();
			if (children[i] == 0)
				_exit(!take_often(shared));
		}
		for (int i = 0; i < 3; i++) {
			int status;

			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_int_equal(status, 0);
		}
	}
}

static void links_and_devices_are_refused_and_left_alone(void **state)
{
	char victim[sizeof(path) + 16], text[8] = "";
	struct holder other;
	struct claim claim;
	int fd;

	(void)state;
	snprintf(victim, sizeof(victim), "%s/victim", path);
	fd = open(victim, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "keep", 4), 4);

	assert_int_equal(symlinkat(victim, folder, "x"), 0);
	assert_int_equal(take(&claim, false, "me", &other), -ELOOP);
	unlinkat(folder, "x", 0);
	assert_int_equal(linkat(folder, "victim", folder, "x", 0), 0);
	assert_int_equal(take(&claim, false, "me", &other), -EPERM);
	unlinkat(folder, "x", 0);
	assert_int_equal(mkfifoat(folder, "x", 0666), 0);
	assert_int_equal(take(&claim, false, "me", &other), -EPERM);
	assert_false(claim_held(folder, "x", &other));
	unlinkat(folder, "x", 0);
	assert_int_equal(mkdirat(folder, "x", 0777), 0);
	assert_int_equal(take(&claim, false, "me", &other), -EISDIR);
	unlinkat(folder, "x", AT_REMOVEDIR);

	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 4);
	assert_string_equal(text, "keep");
	close(fd);
	unlink(victim);
}

static void what_a_claim_says_is_checked_before_it_is_shown(void **state)
{
	static const struct {
		const char *content, *shown;
	} rows[] = {
		{"", "another machine"},
		{"x", "another machine"},
		{"-5 - web1", "another machine"},
		{"99999999999999999999 - -", "another machine"},
		{"7 - -", "another machine (process 7)"},
		{"7 " UUID " -", "machine " UUID " (process 7)"},
		{"7 " UUID " we\033[2Jb", "machine " UUID " (process 7)"},
		{"7 \033[2J web1", "machine 'web1' (process 7)"},
		{"7 - web1 and more\n", "machine 'web1' (process 7)"},
		{"7 - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "machine 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' "
		 "(process 7)"},
	};
	char text[HOLDER_TEXT_SIZE];
	struct holder other;
	struct claim claim;

	(void)state;
	assert_int_equal(take(&claim, false, "me", &other), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].content);

		assert_int_equal(ftruncate(claim.fd, 0), 0);
		assert_int_equal(pwrite(claim.fd, rows[i].content, len, 0), len);
		assert_true(claim_held(folder, "x", &other));
		holder_format(&other, text);
		assert_string_equal(text, rows[i].shown);
	}
	claim_release(&claim);
}

static void the_folder_is_sticky_or_not_taken(void **state)
{
	char inner[sizeof(path) + 16];
	struct stat status;
	mode_t mask;
	int fd;

	(void)state;
	snprintf(inner, sizeof(inner), "%s/claims", path);
	setenv("MINIVMM_CLAIMS", inner, 1);
	mask = umask(077);
	fd = claim_folder_open();
	assert_int_equal(umask(mask), 077);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 01777);
	assert_int_equal(fchmod(fd, 0777), 0);
	assert_int_equal(claim_folder_open(), -EPERM);
	close(fd);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(symlink("/tmp", inner), 0);
	assert_int_equal(claim_folder_open(), -ENOTDIR);
	unlink(inner);
	unsetenv("MINIVMM_CLAIMS");
}

enum { NOBODY = 65534 };

/* As another user: can it not have what we have, and have what we do not? */
static int try_as_nobody(void)
{
	const struct holder me = self("theirs");
	struct holder other;
	struct claim taken, own;

	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 1;
	if (take(&taken, false, "theirs", &other) != -EBUSY || strcmp(other.name, "ours") != 0)
		return 2;
	if (claim_take(&own, folder, "y", false, &me, &other) != 0)
		return 3;
	raise(SIGKILL);
	return 4;
}

static void all_users_claim_from_the_same(void **state)
{
	const struct holder me = self("ours");
	struct holder other;
	struct claim claim;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(fchmod(folder, 01777), 0);
	assert_int_equal(take(&claim, false, "ours", &other), 0);
	pid = fork();
	if (pid == 0)
		_exit(try_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* else its status tells where it went wrong */
	claim_release(&claim);
	/* The file is another user's, and its holder is gone. */
	assert_int_equal(claim_take(&claim, folder, "y", false, &me, &other), 0);
	claim_release(&claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_is_told_who_is_the_first),
		cmocka_unit_test(readers_share_and_a_writer_waits_for_the_last),
		cmocka_unit_test(a_claim_goes_with_a_killed_process_and_its_file_means_nothing),
		cmocka_unit_test(what_killed_processes_left_is_swept_and_what_is_held_is_not),
		cmocka_unit_test(who_comes_and_goes_is_in_nobody_s_way),
		cmocka_unit_test(links_and_devices_are_refused_and_left_alone),
		cmocka_unit_test(what_a_claim_says_is_checked_before_it_is_shown),
		cmocka_unit_test(all_users_claim_from_the_same),
		cmocka_unit_test(the_folder_is_sticky_or_not_taken),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
