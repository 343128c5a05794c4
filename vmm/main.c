/* main.c: the sub-commands; the only file that ends the process. */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum { THREAD_STACK_SIZE = 1 << 20 };

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", cmd_run, "boot a kernel in a virtual machine"},
	{"list", cmd_list, "the machines that are known, and those that run"},
	{"identity", cmd_identity, "who a machine is: all of its ids"},
	{"clone", cmd_clone, "make a machine after another, with ids of its own"},
	{"template", cmd_template, "the ids in a disk that its clones would share"},
	{"compare", cmd_compare, "one guest in three ways of virtualization, and what each costs"},
	{"delete", cmd_delete, "forget a machine, and remove the disks that were made for it"},
};

static void print_usage(FILE *to)
{
	fprintf(to, "usage: minivmm COMMAND [options]\n\n"
		    "A small virtual machine monitor for Linux KVM.\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n'minivmm COMMAND --help' tells more; --version prints the version.\n");
}

static int unknown_command(const char *word)
{
	const char *names[ARRAY_SIZE(commands)];
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		names[i] = commands[i].name;
	nearest = nearest_word(word, strlen(word), names, ARRAY_SIZE(names));
	if (nearest)
		log_error(0, "unknown command '%s'; did you mean '%s'?", word, nearest);
	else
		log_error(0, "unknown command '%s'; see 'minivmm --help'", word);
	return EXIT_USAGE;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("minivmm %s\n", MINIVMM_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	}
	return unknown_command(argv[1]);
}

/* Where stdin, stdout or stderr is closed, the next file that is opened would take its place: a
 * disk, and our messages would go into it. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* With 8 MiB, as is usual, a stack can get a huge page, and so has 2 MiB in memory at once. */
static void make_stacks_small(void)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0)
		return;
	if (pthread_attr_setstacksize(&attr, THREAD_STACK_SIZE) == 0)
		pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

int main(int argc, char **argv)
{
	open_standard_files();
	make_stacks_small();
	/* calloc() writes to what malloc() holds in reserve, but not to what is fresh from the
	 * kernel: so large objects of which little is used stay small. */
	mallopt(M_TOP_PAD, 0);
	exit(dispatch(argc, argv));
}
