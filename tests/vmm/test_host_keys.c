/* test_host_keys.c: keys as a folder holds them, lines for the guest and for its clients. */
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
#include "vmm/host_keys.h"
#include "vmm/util.h"

static struct host_keys keys;
static char folder[STATE_PATH_BYTES];

static int setup(void **state)
{
	int err = state_set_up(state);

	keys = (struct host_keys){0};
	state_path(folder, "keys");
	return err || mkdir(folder, 0700) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	host_keys_free(&keys);
	return state_tear_down(state);
}

static void the_guest_gets_its_keys_in_place_of_those_it_has(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	state_write("keys/ssh_host_ed25519_key", "k1\n", 0600);
	state_write("keys/ssh_host_ed25519_key.pub", "t k c d\nrest", 0644);
	state_write("keys/ssh_host_rsa_key", "k2", 0600);
	state_write("keys/ssh_host_rsa_key.pub", "r k", 0644);
	assert_int_equal(host_keys_read(&keys, folder), 0);
	assert_int_equal(host_keys_write_tmpfiles(&keys, out), 0);
	fclose(out);
	assert_string_equal(text,
			    "r! /etc/ssh/ssh_host_*\n"
			    "f+~ /etc/ssh/ssh_host_ed25519_key 0600 root root - azEK\n"
			    "f+~ /etc/ssh/ssh_host_ed25519_key.pub 0644 root root - dCBrCg==\n"
			    "f+~ /etc/ssh/ssh_host_rsa_key 0600 root root - azI=\n"
			    "f+~ /etc/ssh/ssh_host_rsa_key.pub 0644 root root - ciBrCg==\n");
	free(text);
}

static int tell(void *hostname)
{
	host_keys_tell(&keys, hostname);
	return 0;
}

static void clients_get_lines_for_known_hosts(void **state)
{
	char said[256], name[] = "web1";

	(void)state;
	state_write("keys/ssh_host_ed25519_key", "k1\n", 0600);
	state_write("keys/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@web1\n", 0644);
	assert_int_equal(host_keys_read(&keys, folder), 0);
	said_by(tell, name, said, sizeof(said));
	assert_string_equal(said, "minivmm: known_hosts: web1 ssh-ed25519 AAAA\n");
}

/* Without keys of ours nothing is taken away: an sshd that has none does not start. */
static void without_keys_nothing_is_removed(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(host_keys_write_tmpfiles(&keys, out), 0);
	fclose(out);
	assert_string_equal(text, "");
	free(text);
}

static int read_them(void *where)
{
	return host_keys_read(&keys, where);
}

static void folders_without_whole_keys_are_refused(void **state)
{
	char said[512];

	(void)state;
	assert_int_equal(said_by(read_them, folder, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "': no SSH host keys"));
	state_write("keys/ssh_host_rsa_key", "k", 0600);
	assert_int_equal(said_by(read_them, folder, said, sizeof(said)), -ENOENT);
	assert_non_null(strstr(said, "ssh_host_rsa_key.pub': cannot read"));
	host_keys_free(&keys);
	state_write("keys/ssh_host_rsa_key.pub", "garbage\n", 0600);
	assert_int_equal(said_by(read_them, folder, said, sizeof(said)), -EINVAL);
	assert_non_null(strstr(said, "not a public key"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_guest_gets_its_keys_in_place_of_those_it_has,
						setup, teardown),
		cmocka_unit_test_setup_teardown(clients_get_lines_for_known_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(without_keys_nothing_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_without_whole_keys_are_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
