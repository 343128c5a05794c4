/* fake_tool.h: a host's program that a test stands in for. */
#ifndef TESTS_FAKE_FAKE_TOOL_H
#define TESTS_FAKE_FAKE_TOOL_H

#include <stddef.h>

/* Makes PATH a folder of the test's own, empty but for what fake_tool_make() puts there. */
int fake_tools_set_up(void **state);
int fake_tools_tear_down(void **state);

/* A shell script; in it $HERE is the test's folder. */
void fake_tool_make(const char *name, const char *script);

/* A file in the test's folder. */
void fake_tool_write(const char *file, const char *text);
void fake_tool_read(const char *file, char *text, size_t size); /* "" when there is none */
/* Its absolute name, until the next call. */
const char *fake_tool_path(const char *file);

#endif
