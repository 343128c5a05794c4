/* keep.h: leaves what a test made to other programs, see tests/formats. */
#ifndef TESTS_FAKE_KEEP_H
#define TESTS_FAKE_KEEP_H

#include <stddef.h>

/* Writes data to $TEST_OUT/name, at offset, if TEST_OUT is set. The test fails if that fails. */
void keep_file(const char *name, size_t offset, const void *data, size_t len);

#endif
