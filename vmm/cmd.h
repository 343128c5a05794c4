/* cmd.h: the sub-commands; argv begins behind the command's name. Each returns minivmm's exit
 * status. */
#ifndef VMM_CMD_H
#define VMM_CMD_H

struct command;

enum { EXIT_HOST = 1, EXIT_USAGE = 2, CMD_GO_ON = -1 };

/* options_parse(), and what it means for a command: CMD_GO_ON, or the exit status to end
 * with now. */
int cmd_parse(const struct command *command, int argc, char **argv, void *into, int *noperands);

int cmd_run(int argc, char **argv);
int cmd_identity(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_clone(int argc, char **argv);
int cmd_template(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_delete(int argc, char **argv);

#endif
