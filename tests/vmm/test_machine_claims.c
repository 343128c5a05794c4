/* test_machine_claims.c: no two machines of a host share an id or a disk. */
#include "vmm/machine_claims.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fake/temp_file.h"

#define UUID_A "00112233-4455-4677-8899-aabbccddeeff"
#define UUID_B "00112233-4455-4677-8899-aabbccddeef0"

static char path[] = "/tmp/minivmm-claim-XXXXXX";
static struct identity a, b;
static struct machine_claims first, second;

static int set_up(void **state)
{
	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	if (!mkdtemp(path) || chmod(path, 01777) < 0)
		return -1;
	setenv("MINIVMM_CLAIMS", path, 1);
	return identity_create(&a, &(struct identity_options){.name = "a", .uuid = UUID_A}) ||
	       identity_create(&b, &(struct identity_options){.name = "b", .uuid = UUID_B}) ||
	       machine_claims_init(&first, &a);
}

static int tear_down(void **state)
{
	(void)state;
	machine_claims_release(&first);
	unsetenv("MINIVMM_CLAIMS");
	return rmdir(path);
}

static int start_second(void *arg)
{
	(void)arg;
	return machine_claims_init(&second, &a);
}

/* The other process would have another id; here it is the claim that says so. */
static void pretend_first_is_another_process(void)
{
	char file[128];
	FILE *claim;

	for (unsigned int i = 0; i < first.n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, first.items[i].file);
		claim = fopen(file, "we");
		fprintf(claim, "1 %s a\n", UUID_A);
		fclose(claim);
	}
}

static void one_uuid_runs_once(void **state)
{
	char said[256];

	(void)state;
	pretend_first_is_another_process();
	assert_int_equal(said_by(start_second, NULL, said, sizeof(said)), -EBUSY);
	assert_string_equal(said,
			    "minivmm: error: UUID " UUID_A ": in use by machine 'a' (process 1)\n");
	machine_claims_release(&second);
	assert_int_equal(machine_claims_init(&second, &b), 0);
	machine_claims_release(&second);
}

static int claim_mac(void *arg)
{
	return machine_claims_mac(arg, a.macs[0]);
}

static void one_mac_runs_once(void **state)
{
	char said[256];

	(void)state;
	assert_int_equal(machine_claims_mac(&first, a.macs[0]), 0);
	pretend_first_is_another_process();
	assert_int_equal(machine_claims_init(&second, &b), 0);
	assert_int_equal(said_by(claim_mac, &second, said, sizeof(said)), -EBUSY);
	assert_non_null(strstr(said, ": in use by machine 'a' (process 1)\n"));
	assert_int_equal(machine_claims_mac(&second, b.macs[0]), 0);
	machine_claims_release(&second);
}

static void a_disk_has_one_writer_or_many_readers(void **state)
{
	char disk[TEMP_PATH_BYTES], other_name[TEMP_PATH_BYTES + 2];

	(void)state;
	temp_file_make(disk, 512);
	snprintf(other_name, sizeof(other_name), "%s.l", disk);
	assert_int_equal(symlink(disk, other_name), 0);
	assert_int_equal(machine_claims_init(&second, &b), 0);

	assert_int_equal(machine_claims_disk(&first, disk, true), 0);
	assert_int_equal(machine_claims_disk(&second, other_name, false), -EBUSY);
	assert_int_equal(machine_claims_disk(&second, disk, true), 0);
	machine_claims_release(&second);
	assert_int_equal(machine_claims_init(&second, &b), 0);
	assert_int_equal(machine_claims_disk(&first, "/nonexistent", false), 0);
	machine_claims_release(&second);
	unlink(other_name);
	unlink(disk);
}

static int claim_twice(void *arg)
{
	const char *disk = arg;
	int err = machine_claims_disk(&first, disk, false);

	return err ? err : machine_claims_disk(&first, disk, false);
}

static void a_disk_given_twice_is_called_that(void **state)
{
	char disk[TEMP_PATH_BYTES], said[256];

	(void)state;
	temp_file_make(disk, 512);
	assert_int_equal(said_by(claim_twice, disk, said, sizeof(said)), -EBUSY);
	assert_non_null(strstr(said, "': given twice\n"));
	unlink(disk);
}

static void note(void *arg, const struct holder *holder)
{
	strcat(arg, holder->name);
	strcat(arg, " ");
	strcat(arg, holder->uuid);
}

static void running_machines_are_found_and_those_gone_are_not(void **state)
{
	char stale[128], found[256] = "";
	FILE *file;

	(void)state;
	snprintf(stale, sizeof(stale), "%s/uuid-%s", path, UUID_B);
	file = fopen(stale, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(machine_claims_each(note, found), 0);
	assert_string_equal(found, "a " UUID_A);
	unlink(stale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_uuid_runs_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_mac_runs_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_disk_has_one_writer_or_many_readers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_disk_given_twice_is_called_that, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(running_machines_are_found_and_those_gone_are_not,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
