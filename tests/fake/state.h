/* state.h: folders of a test's own for records and claims. */
#ifndef TESTS_FAKE_STATE_H
#define TESTS_FAKE_STATE_H

enum { STATE_PATH_BYTES = 256 };

/* Makes them and lets XDG_STATE_HOME and MINIVMM_CLAIMS name them: set-up of a test. */
int state_set_up(void **state);
/* Removes them with all that is in them. */
int state_tear_down(void **state);

/* The name of a file or folder in the test's folder; the records are in "minivmm". */
void state_path(char path[STATE_PATH_BYTES], const char *file);

/* Makes a file that holds a text, of that mode: its name, until the next call. */
char *state_write(const char *file, const char *text, unsigned int mode);

/* What a file holds, as text, cut to fit; "" when there is none. */
void state_read(const char *file, char *text, unsigned long size);

#endif
