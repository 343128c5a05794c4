/* state.c: see state.h. */
#include "tests/fake/state.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char root[] = "/dev/shm/minivmm-state-XXXXXX";

int state_set_up(void **state)
{
	char claims[STATE_PATH_BYTES];

	(void)state;
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	state_path(claims, "claims");
	setenv("XDG_STATE_HOME", root, 1);
	setenv("MINIVMM_CLAIMS", claims, 1);
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

int state_tear_down(void **state)
{
	(void)state;
	unsetenv("XDG_STATE_HOME");
	unsetenv("MINIVMM_CLAIMS");
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void state_path(char path[STATE_PATH_BYTES], const char *file)
{
	snprintf(path, STATE_PATH_BYTES, "%s/%s", root, file);
}

char *state_write(const char *file, const char *text, unsigned int mode)
{
	static char path[STATE_PATH_BYTES];
	FILE *out;

	state_path(path, file);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

void state_read(const char *file, char *text, unsigned long size)
{
	char path[STATE_PATH_BYTES];
	size_t n = 0;
	FILE *in;

	state_path(path, file);
	in = fopen(path, "re");
	if (in) {
		n = fread(text, 1, size - 1, in);
		fclose(in);
	}
	text[n] = '\0';
}
