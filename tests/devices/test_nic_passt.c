/*
 * Tests of devices/backend/nic_passt.c, with shell scripts in passt's place: no network is needed.
 */
#include <fcntl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_options.h"
#include "tests/fake/wire.h"

struct fixture {
	struct wire wire;
	char directory[32];
	struct nic_options options;
};

/* A program that does what body says, in a folder of the test's own. */
static void set_up(struct fixture *fixture, const char *body)
{
	FILE *file;

	wire_init(&fixture->wire);
	strcpy(fixture->directory, "/tmp/test-passt-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	fixture->options = (struct nic_options){.kind = NIC_PASST, .queues = 1};
	snprintf(fixture->options.passt, sizeof(fixture->options.passt), "%s/passt",
		 fixture->directory);
	file = fopen(fixture->options.passt, "w");
	fprintf(file, "#!/bin/sh\ncd '%s'\n%s\n", fixture->directory, body);
	fclose(file);
	chmod(fixture->options.passt, 0755);
}

static void tear_down(struct fixture *fixture)
{
	char path[64];

	wire_free(&fixture->wire);
	unlink(fixture->options.passt);
	snprintf(path, sizeof(path), "%s/arguments", fixture->directory);
	unlink(path);
	rmdir(fixture->directory);
}

static void read_arguments(struct fixture *fixture, char *line, int size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/arguments", fixture->directory);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, size, file));
	fclose(file);
}

static void passt_gets_a_socket_and_the_ports(void **state)
{
	struct fixture fixture;
	struct nic *nic;
	char line[200];

	(void)state;
	set_up(&fixture, "echo \"$*\" >arguments");
	fixture.options.nforwards = 3;
	fixture.options.forwards[0] = (struct nic_forward){8080, 80, false};
	fixture.options.forwards[1] = (struct nic_forward){5353, 53, true};
	fixture.options.forwards[2] = (struct nic_forward){2222, 22, false};
	assert_int_equal(nic_open_passt(&fixture.options, &fixture.wire.loop, &nic), 0);
	assert_int_equal(nic->mtu, 65520);
	wire_connect(&fixture.wire, nic);
	read_arguments(&fixture, line, sizeof(line));
	assert_string_equal(line, "--fd 3 --mtu 65520 -t 8080:80,2222:22 -u 5353:53\n");
	tear_down(&fixture);
}

static void an_emulated_card_keeps_the_usual_mtu(void **state)
{
	struct fixture fixture;
	struct nic *nic;
	char line[200];

	(void)state;
	set_up(&fixture, "echo \"$*\" >arguments");
	fixture.options.model = NIC_MODEL_E1000;
	assert_int_equal(nic_open_passt(&fixture.options, &fixture.wire.loop, &nic), 0);
	wire_connect(&fixture.wire, nic);
	read_arguments(&fixture, line, sizeof(line));
	assert_string_equal(line, "--fd 3 --mtu 1500\n");
	tear_down(&fixture);
}

/* What stays in the background holds the socket alone; frames come and go through it. */
static void frames_pass_and_the_end_of_passt_is_seen(void **state)
{
	static const char echo_once[] = "(dd bs=64 count=1 <&3 >&3) 2>/dev/null &";
	struct fixture fixture;
	uint8_t frame[60], got[100];
	struct nic *nic;

	(void)state;
	set_up(&fixture, echo_once);
	assert_int_equal(nic_open_passt(&fixture.options, &fixture.wire.loop, &nic), 0);
	wire_connect(&fixture.wire, nic);
	wire_frame(frame, sizeof(frame), 1);
	assert_int_equal(wire_send(&fixture.wire, frame, sizeof(frame)), 0);
	wire_wait(&fixture.wire);
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	wire_wait(&fixture.wire);
	assert_int_equal(wire_recv(&fixture.wire, got, sizeof(got), NULL), -ENOTCONN);
	assert_int_equal(fixture.wire.link_changes, 1);
	tear_down(&fixture);
}

/* It does not wait for us to read: what its end has no room for is lost. */
static void passt_has_room_for_several_of_the_largest_frames(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture, "dd if=/dev/zero bs=65538 count=5 >&3 2>/dev/null");
	assert_int_equal(nic_open_passt(&fixture.options, &fixture.wire.loop, &nic), 0);
	wire_connect(&fixture.wire, nic);
	tear_down(&fixture);
}

static void a_passt_that_ends_at_its_start_is_an_error(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture, "echo hello >&2; echo 'No external routable interface' >&2; exit 1");
	assert_int_equal(nic_open_passt(&fixture.options, &fixture.wire.loop, &nic), -ECANCELED);
	tear_down(&fixture);
}

static void a_missing_passt_is_an_error(void **state)
{
	struct fixture fixture;
	struct nic *nic;

	(void)state;
	set_up(&fixture, "");
	unlink(fixture.options.passt);
	assert_int_equal(nic_open_passt(&fixture.options, &fixture.wire.loop, &nic), -ENOENT);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passt_gets_a_socket_and_the_ports),
		cmocka_unit_test(an_emulated_card_keeps_the_usual_mtu),
		cmocka_unit_test(frames_pass_and_the_end_of_passt_is_seen),
		cmocka_unit_test(passt_has_room_for_several_of_the_largest_frames),
		cmocka_unit_test(a_passt_that_ends_at_its_start_is_an_error),
		cmocka_unit_test(a_missing_passt_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
