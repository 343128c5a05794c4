/* fake_tool.c: see fake_tool.h. */
#include "tests/fake/fake_tool.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/minivmm-tools-XXXXXX";
static char *path_before;

int fake_tools_set_up(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	path_before = strdup(getenv("PATH"));
	return setenv("PATH", folder, 1);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

int fake_tools_tear_down(void **state)
{
	(void)state;
	setenv("PATH", path_before, 1);
	free(path_before);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fake_tool_path(const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return path;
}

void fake_tool_write(const char *file, const char *text)
{
	FILE *out = fopen(fake_tool_path(file), "we");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

void fake_tool_make(const char *name, const char *script)
{
	char text[1024];

	snprintf(text, sizeof(text), "#!/bin/sh\nPATH=/usr/bin:/bin\nHERE=%s\n%s\n", folder,
		 script);
	fake_tool_write(name, text);
	assert_int_equal(chmod(fake_tool_path(name), 0755), 0);
}

void fake_tool_read(const char *file, char *text, size_t size)
{
	FILE *in = fopen(fake_tool_path(file), "re");
	size_t n = 0;

	if (in) {
		n = fread(text, 1, size - 1, in);
		fclose(in);
	}
	text[n] = '\0';
}
