/* test_outcome.c: the exit-status contract, and the status file. */
#include "vmm/outcome.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/util.h"
#include "vmm/uuid.h"

static void every_end_has_its_status(void **state)
{
	static const struct {
		struct outcome outcome;
		int status;
	} rows[] = {
		{{OUTCOME_POWEROFF, 0}, 0},	  {{OUTCOME_DEBUG_EXIT, 0}, 0},
		{{OUTCOME_DEBUG_EXIT, 1}, 1},	  {{OUTCOME_DEBUG_EXIT, 255}, 255},
		{{OUTCOME_DEBUG_EXIT, 256}, 255}, {{OUTCOME_DEBUG_EXIT, UINT32_MAX}, 255},
		{{OUTCOME_HOST, 0}, 1},		  {{OUTCOME_RESET, 0}, 120},
		{{OUTCOME_CRASH, 0}, 121},	  {{OUTCOME_PANIC, 0}, 122},
		{{OUTCOME_TIMEOUT, 0}, 124},	  {{OUTCOME_SIGNAL, 15}, 143},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(outcome_status(&rows[i].outcome), rows[i].status);
}

static void the_status_file_is_one_json_object(void **state)
{
	static const struct outcome outcome = {.kind = OUTCOME_DEBUG_EXIT, .value = 300};
	static const char want[] = "{\"outcome\": \"debug-exit\", \"status\": 255, \"value\": 300, "
				   "\"uuid\": \"00112233-4455-6677-8899-aabbccddeeff\"}\n";
	char directory[] = "/tmp/outcomeXXXXXX", path[64], text[256] = "";
	struct uuid uuid;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/status", directory);
	assert_int_equal(uuid_parse(&uuid, "00112233-4455-6677-8899-aabbccddeeff"), 0);
	assert_int_equal(outcome_write(&outcome, &uuid, path), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), strlen(want));
	assert_string_equal(text, want);
	fclose(file);
	unlink(path);
	assert_int_equal(rmdir(directory), 0); /* nothing else was left there */
}

static void a_pipe_is_written_to_and_stays_what_it_is(void **state)
{
	static const struct outcome outcome = {.kind = OUTCOME_POWEROFF};
	char directory[] = "/tmp/outcomeXXXXXX", path[64], text[256] = "";
	struct stat status;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/status", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(outcome_write(&outcome, NULL, path), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISFIFO(status.st_mode));
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "{\"outcome\": \"poweroff\", \"status\": 0}\n");
	close(fd);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
}

static void a_link_stays_one_and_what_it_leads_to_is_written(void **state)
{
	static const struct outcome outcome = {.kind = OUTCOME_POWEROFF};
	char directory[] = "/tmp/outcomeXXXXXX", path[64], link[64];
	struct stat status;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/status", directory);
	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink(path, link), 0);
	for (int i = 0; i < 2; i++) { /* first it leads to nothing */
		assert_int_equal(outcome_write(&outcome, NULL, link), 0);
		assert_int_equal(lstat(link, &status), 0);
		assert_true(S_ISLNK(status.st_mode));
		assert_int_equal(stat(path, &status), 0);
		assert_true(status.st_size > 0);
		assert_int_equal(truncate(path, 0), 0);
	}
	unlink(link);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
}

static void a_status_file_that_cannot_be_written_is_an_error(void **state)
{
	static const struct outcome outcome = {.kind = OUTCOME_POWEROFF};

	(void)state;
	assert_true(outcome_write(&outcome, NULL, "/nonexistent/status") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_end_has_its_status),
		cmocka_unit_test(the_status_file_is_one_json_object),
		cmocka_unit_test(a_pipe_is_written_to_and_stays_what_it_is),
		cmocka_unit_test(a_link_stays_one_and_what_it_leads_to_is_written),
		cmocka_unit_test(a_status_file_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
