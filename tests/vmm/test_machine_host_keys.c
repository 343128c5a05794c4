/* test_machine_host_keys.c: a key is made once, and whole. ssh-keygen is a script here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/state.h"
#include "tests/fake/temp_file.h"
#include "vmm/machine_host_keys.h"
#include "vmm/util.h"

static char folder[STATE_PATH_BYTES], programs[STATE_PATH_BYTES], old_path[4096];

static int setup(void **state)
{
	int err = state_set_up(state);

	state_path(folder, "keys");
	state_path(programs, "programs");
	snprintf(old_path, sizeof(old_path), "%s", getenv("PATH"));
	if (err || mkdir(folder, 0700) < 0 || mkdir(programs, 0700) < 0)
		return -1;
	return setenv("PATH", programs, 1);
}

static int teardown(void **state)
{
	setenv("PATH", old_path, 1);
	return state_tear_down(state);
}

/* Makes files as the real one does, after a look at how it was called. */
static void have_ssh_keygen(void)
{
	state_write(
		"programs/ssh-keygen",
		"#!/bin/sh\n"
		"[ \"$1 $2 $3 $4 $5 $6\" = '-q -t ed25519 -N  -C' ] && [ ! -e \"$9\" ] || exit 1\n"
		"echo private >\"$9\"\n"
		"echo \"ssh-ed25519 AAAA $7\" >\"$9.pub\"\n",
		0700);
}

static void a_key_is_made_once(void **state)
{
	char text[64];

	(void)state;
	have_ssh_keygen();
	assert_int_equal(machine_host_keys_make(folder, "web1"), 0);
	state_read("keys/ssh_host_ed25519_key.pub", text, sizeof(text));
	assert_string_equal(text, "ssh-ed25519 AAAA root@web1\n");
	state_write("keys/ssh_host_ed25519_key", "as it was\n", 0600);
	assert_int_equal(machine_host_keys_make(folder, "web2"), 0);
	state_read("keys/ssh_host_ed25519_key", text, sizeof(text));
	assert_string_equal(text, "as it was\n");
}

/* What a power failure may leave: either half missing, or there without what was in it. */
static void half_a_key_is_made_anew(void **state)
{
	static const struct {
		const char *private, *public;
	} rows[] = {{"half", NULL},
		    {"half", ""},
		    {"", "ssh-ed25519 AAAA\n"},
		    {NULL, "ssh-ed25519 AAAA\n"}};
	char text[64];

	(void)state;
	have_ssh_keygen();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		char path[STATE_PATH_BYTES];

		state_path(path, "keys/ssh_host_ed25519_key");
		unlink(path);
		state_path(path, "keys/ssh_host_ed25519_key.pub");
		unlink(path);
		if (rows[i].private)
			state_write("keys/ssh_host_ed25519_key", rows[i].private, 0600);
		if (rows[i].public)
			state_write("keys/ssh_host_ed25519_key.pub", rows[i].public, 0644);
		assert_int_equal(machine_host_keys_make(folder, "web1"), 0);
		state_read("keys/ssh_host_ed25519_key", text, sizeof(text));
		assert_string_equal(text, "private\n");
		state_read("keys/ssh_host_ed25519_key.pub", text, sizeof(text));
		assert_string_equal(text, "ssh-ed25519 AAAA root@web1\n");
	}
}

static int make(void *hostname)
{
	return machine_host_keys_make(folder, hostname);
}

static void a_host_without_ssh_keygen_is_told_apart(void **state)
{
	char said[256], name[] = "web1";

	(void)state;
	assert_int_equal(said_by(make, name, said, sizeof(said)), -ENOENT);
	assert_string_equal(said, "");
	state_write("programs/ssh-keygen", "#!/bin/sh\necho no luck >&2; exit 3\n", 0700);
	assert_int_equal(said_by(make, name, said, sizeof(said)), -EIO);
	assert_non_null(strstr(said, "ssh-keygen '"));
	assert_non_null(strstr(said, ": no luck\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_key_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_host_without_ssh_keygen_is_told_apart, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
