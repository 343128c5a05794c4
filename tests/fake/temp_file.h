/* temp_file.h: files for tests that need real ones, and what the program says about them. */
#ifndef TESTS_FAKE_TEMP_FILE_H
#define TESTS_FAKE_TEMP_FILE_H

#include <stddef.h>

enum { TEMP_PATH_BYTES = 128 };

/* A new file of size zero bytes (a hole), its name in path. The test unlinks it. */
void temp_file_make(char path[TEMP_PATH_BYTES], size_t size);

/* Runs fn(arg) and returns its result; what it wrote to stderr stands in said, cut to fit. */
int said_by(int (*fn)(void *arg), void *arg, char *said, size_t size);

#endif
