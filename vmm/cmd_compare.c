/* cmd_compare.c: "minivmm compare": one guest, three ways of virtualization, one table. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/cmd.h"
#include "vmm/compare.h"
#include "vmm/compare_initramfs.h"
#include "vmm/json.h"
#include "vmm/log.h"
#include "vmm/machine_trial.h"
#include "vmm/options.h"
#include "vmm/util.h"

enum { FD_PATH_SIZE = 32 };

struct compare_options {
	const char *kernel, *modules, *disk, *plot;
	unsigned int rounds;
	bool json;
};

#define FIELD(field) .offset = offsetof(struct compare_options, field)

static const struct option options[] = {
	{.name = "kernel",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 FIELD(kernel),
	 .help = "the kernel to boot (required)"},
	{.name = "modules",
	 .value = "DIR",
	 .kind = OPTION_FILE,
	 FIELD(modules),
	 .help = "its modules (default: lib/modules/VERSION, beside the kernel or /)"},
	{.name = "disk",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 FIELD(disk),
	 .help = "what the guests read, and do not write (default: a temporary sparse\nfile)"},
	{.name = "rounds",
	 .value = "N",
	 .kind = OPTION_COUNT,
	 .min = 1,
	 .max = TRIAL_ROUNDS_MAX,
	 FIELD(rounds),
	 .help = "boot each so many times, in turn, and print medians (default: 1)"},
	{.name = "json", .kind = OPTION_FLAG, FIELD(json), .help = "print JSON, with all counters"},
	{.name = "plot",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 FIELD(plot),
	 .help = "draw the table as grouped bars, an SVG file, by gnuplot"},
	{0},
};

static const struct command command = {
	.name = "compare",
	.summary = "Boots one guest in full, para and hybrid mode, has it do the same small work, "
		   "and prints\nwhat that cost in each.",
	.options = options,
};

/* The machines, in the order of the table's columns. */
static const struct {
	const char *name, *mode, *console;
	bool tsc_hint;
} machines[] = {
	{"full", "full", NULL, false},
	{"full, hinted", "full", NULL, true},
	{"para", "para", NULL, false},
	{"hybrid", "hybrid", "both", false},
};
_Static_assert(ARRAY_SIZE(machines) <= COMPARE_MAX, "a column for each");

struct run {
	struct compare_options options;
	struct trial *trials; /* owned, shared with child processes */
	int initramfs, disk;  /* owned; -1: none */
	char initramfs_path[FD_PATH_SIZE];
	char *disk_value; /* owned: as --disk of a run takes it */
	/* In hand. */
	const struct trial *trial; /* borrowed */
	unsigned int round;
};

static void show(void *arg, enum workload_phase phase)
{
	const struct run *run = arg;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s: %s", run->trial->name, trial_phases[phase].name);
	if (run->options.rounds > 1)
		fprintf(stderr, " (%u of %u)", run->round, run->options.rounds);
	fputs("\033[K", stderr);
}

static void show_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* A comma in a name is written twice. */
static char *disk_value(const char *path)
{
	char *value = malloc(2 * strlen(path) + sizeof(",ro")), *to = value;

	if (!value)
		return NULL;
	for (; *path; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	strcpy(to, ",ro");
	return value;
}

/* A file without a name: nothing is left of it, however this ends. */
static int make_disk(struct run *run)
{
	const char *folder = getenv("TMPDIR");
	char path[PATH_MAX];
	int err = 0;

	if (!run->options.disk) {
		snprintf(path, sizeof(path), "%s/minivmm-disk.XXXXXX", folder ? folder : "/tmp");
		run->disk = mkostemp(path, O_CLOEXEC);
		if (run->disk < 0 || unlink(path) < 0 ||
		    ftruncate(run->disk, WORKLOAD_DISK_SIZE) < 0) {
			err = -errno;
			log_error(err, "cannot make the temporary disk '%s'", path);
			return err;
		}
		snprintf(path, sizeof(path), "/proc/self/fd/%d", run->disk);
	}
	run->disk_value = disk_value(run->options.disk ? run->options.disk : path);
	return run->disk_value ? 0 : -ENOMEM;
}

static size_t trials_size(const struct run *run)
{
	return ARRAY_SIZE(machines) * run->options.rounds * sizeof(*run->trials);
}

/* All rounds of a machine are one array. */
static struct trial *trials_of(const struct run *run, size_t machine)
{
	return &run->trials[machine * run->options.rounds];
}

static int prepare(struct run *run)
{
	int err = make_disk(run);

	if (!err)
		err = compare_initramfs(run->options.kernel, run->options.modules, &run->initramfs);
	if (err)
		return err;
	snprintf(run->initramfs_path, sizeof(run->initramfs_path), "/proc/self/fd/%d",
		 run->initramfs);
	run->trials = mmap(NULL, trials_size(run), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run->trials != MAP_FAILED)
		return 0;
	run->trials = NULL;
	return -ENOMEM;
}

/* Every machine, even if a guest fails: the others' numbers are as good. */
static int run_round(struct run *run, unsigned int round)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		struct trial *trial = &trials_of(run, i)[round];
		const struct trial_request request = {
			.kernel = run->options.kernel,
			.initramfs = run->initramfs_path,
			.mode = machines[i].mode,
			.console = machines[i].console,
			.disk = run->disk_value,
			.tsc_hint = machines[i].tsc_hint,
		};

		snprintf(trial->name, sizeof(trial->name), "%s", machines[i].name);
		run->round = round + 1;
		run->trial = trial;
		show(run, WORKLOAD_BOOT);
		if (machine_trial_run(&request, show, run, trial) < 0)
			err = -EIO;
		show_end();
		if (!trial->begins[WORKLOAD_BOOT].taken)
			return -EIO; /* nor would the host make another */
	}
	return err;
}

/* Whether a round's last machine was. */
static bool was_made(const struct run *run, unsigned int round)
{
	return trials_of(run, ARRAY_SIZE(machines) - 1)[round].begins[WORKLOAD_BOOT].taken;
}

static int run_all(struct run *run)
{
	int err = 0;

	for (unsigned int i = 0; i < run->options.rounds; i++) {
		if (run_round(run, i) < 0)
			err = -EIO;
		if (!was_made(run, i))
			break;
	}
	return err;
}

static bool has_gnuplot(void)
{
	return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static int plot(const struct comparison *comparison, const char *svg)
{
	FILE *gnuplot = popen("gnuplot", "w");

	if (gnuplot)
		compare_plot(comparison, svg, gnuplot);
	if (gnuplot && pclose(gnuplot) == 0)
		return 0;
	log_error(0, "--plot '%s': gnuplot failed", svg);
	return -EIO;
}

static int tell(const struct run *run)
{
	struct comparison comparison = {
		.kernel = run->options.kernel,
		.host = arch_host_kind(),
		.n = ARRAY_SIZE(machines),
		.rounds = run->options.rounds,
	};
	struct json json;

	for (unsigned int i = 0; i < comparison.n; i++)
		comparison.trials[i] = trials_of(run, i);
	if (run->options.json) {
		json_init(&json, stdout);
		compare_write(&comparison, &json);
		json_finish(&json);
	} else {
		compare_print(&comparison, stdout);
	}
	return run->options.plot ? plot(&comparison, run->options.plot) : 0;
}

static void release(struct run *run)
{
	free(run->disk_value);
	if (run->trials)
		munmap(run->trials, trials_size(run));
	if (run->initramfs >= 0)
		close(run->initramfs);
	if (run->disk >= 0)
		close(run->disk);
}

static int check_plot(const char *svg)
{
	int fd;

	if (!has_gnuplot()) {
		log_error(0, "--plot: gnuplot draws it, and is not installed "
			     "(Debian's package gnuplot-nox)");
		return EXIT_HOST;
	}
	/* Only tried: gnuplot makes it, and a comparison that fails leaves none. */
	fd = open(svg, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0)
		unlink(svg);
	else if (errno == EEXIST)
		fd = open(svg, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		log_error(-errno, "--plot '%s': cannot write", svg);
		return EXIT_HOST;
	}
	close(fd);
	return EXIT_SUCCESS;
}

/* Before minutes are spent on it. */
static int check_options(const struct compare_options *given)
{
	if (!given->kernel) {
		log_error(0, "--kernel is missing; see 'minivmm compare --help'");
		return EXIT_USAGE;
	}
	return given->plot ? check_plot(given->plot) : EXIT_SUCCESS;
}

int cmd_compare(int argc, char **argv)
{
	struct run run = {.options.rounds = 1, .initramfs = -1, .disk = -1};
	int noperands, status, err;

	status = cmd_parse(&command, argc, argv, &run.options, &noperands);
	if (status != CMD_GO_ON)
		return status;
	status = check_options(&run.options);
	if (status != EXIT_SUCCESS)
		return status;
	err = prepare(&run);
	if (!err) {
		err = run_all(&run);
		if (was_made(&run, 0) && tell(&run) < 0)
			err = -EIO;
	}
	release(&run);
	return err ? EXIT_HOST : EXIT_SUCCESS;
}
