/* keep.c: a test's products as files. */
#include "tests/fake/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void keep_file(const char *name, size_t offset, const void *data, size_t len)
{
	const char *directory = getenv("TEST_OUT");
	char path[512];
	FILE *file;

	if (!directory)
		return;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
	assert_int_equal(fwrite(data, len, 1, file), 1);
	assert_int_equal(fclose(file), 0);
}
