/* machine_trial.c: a child process that owns the machine, marks that it takes,
 * the parent's wait. */
#include "vmm/machine_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/machine_levers.h"
#include "vmm/util.h"

enum { TIMEOUT_S = 600, TOLD_LINES_SIZE = 1500 };

/* The child's. */
struct watcher {
	struct machine_watch watch;
	struct trial *trial;   /* shared with the parent */
	int progress;	       /* a pipe: one byte a phase */
	pthread_mutex_t lock;  /* guards trial: any vCPU may mark */
	struct kvm_stats *kvm; /* owned: the VM's, then each vCPU's */
	unsigned int nkvm;
};

static void take_sample(struct watcher *watcher, const struct machine *machine,
			struct sample *sample)
{
	machine_sum_stats(machine, &sample->exits);
	for (unsigned int i = 0; i < watcher->nkvm; i++)
		kvm_stats_add(&watcher->kvm[i],
			      sample->kvm + (i ? watcher->kvm[0].n : 0)); /* vCPUs are summed up */
	sample->ns = monotonic_ns();
	sample->taken = true;
}

static void marked(struct machine_watch *watch, struct machine *machine, uint32_t value)
{
	struct watcher *watcher = container_of(watch, struct watcher, watch);
	uint8_t byte = (uint8_t)value;
	struct sample *sample;

	pthread_mutex_lock(&watcher->lock);
	sample = trial_sample(watcher->trial, value);
	if (sample) {
		/* Nobody who waits costs the phase anything: it begins after that. */
		if (write(watcher->progress, &byte, 1) < 0)
			log_verbose("nobody waits for this trial");
		take_sample(watcher, machine, sample);
	}
	pthread_mutex_unlock(&watcher->lock);
}

/* KVM's counters, the VM's before those that all vCPUs have alike; none where KVM has none. */
static int open_counters(struct watcher *watcher, const struct machine *machine)
{
	unsigned int n = 0;
	struct trial *trial = watcher->trial;

	watcher->kvm = calloc(machine->options->cpus + 1, sizeof(*watcher->kvm));
	if (!watcher->kvm)
		return -ENOMEM;
	if (kvm_stats_open(&watcher->kvm[0], machine->vm.fd) < 0)
		return 0;
	watcher->nkvm = 1;
	for (unsigned int i = 0; i < machine->options->cpus; i++) {
		if (kvm_stats_open(&watcher->kvm[watcher->nkvm], machine->vcpus[i].fd) == 0)
			watcher->nkvm++;
	}
	for (unsigned int group = 0; group < watcher->nkvm && group < 2; group++) {
		struct kvm_stats *stats = &watcher->kvm[group];

		if (stats->n > KVM_STATS_MAX - n)
			stats->n = KVM_STATS_MAX - n;
		for (unsigned int i = 0; i < stats->n; i++)
			memcpy(trial->counters[n++], stats->counters[i].name, KVM_STATS_NAME_SIZE);
	}
	for (unsigned int i = 2; i < watcher->nkvm; i++)
		watcher->kvm[i].n = watcher->kvm[1].n;
	trial->ncounters = n;
	return 0;
}

static void close_counters(struct watcher *watcher)
{
	for (unsigned int i = 0; i < watcher->nkvm; i++)
		kvm_stats_close(&watcher->kvm[i]);
	free(watcher->kvm);
}

static void name_regions(const struct bus *bus, char (*names)[TRIAL_NAME_SIZE])
{
	for (unsigned int i = 0; i < bus->nregions; i++)
		snprintf(names[i], TRIAL_NAME_SIZE, "%s", bus->regions[i]->name);
}

static int run_machine(struct watcher *watcher, const struct machine_config *config)
{
	struct trial *trial = watcher->trial;
	uint64_t begin = monotonic_ns();
	struct machine *machine;
	struct outcome outcome = {.kind = OUTCOME_HOST};
	int err = machine_create(config, &machine);

	if (err)
		return err;
	name_regions(&machine->vm.ports, trial->ports);
	name_regions(&machine->vm.mmio, trial->mmio);
	err = open_counters(watcher, machine);
	if (!err) {
		take_sample(watcher, machine, &trial->begins[WORKLOAD_BOOT]);
		trial->begins[WORKLOAD_BOOT].ns = begin;
		outcome = machine_run(machine);
	}
	close_counters(watcher);
	machine_free(machine);
	return outcome.kind == OUTCOME_DEBUG_EXIT ? 0 : -EIO;
}

static int run_child(const struct trial_request *request, struct trial *trial, int progress)
{
	struct watcher watcher = {
		.watch.mark = marked,
		.trial = trial,
		.progress = progress,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct machine_config config = {
		.options = run_options_default(),
		.watch = &watcher.watch,
	};
	struct run_options *options = &config.options;
	struct machine_levers levers = {.config = NULL};
	int err;

	options->kernel = request->kernel;
	options->initrd = request->initramfs;
	options->append = "panic=-1 -- workload";
	options->mode = request->mode;
	options->console = request->console;
	options->tsc_hint = request->tsc_hint;
	options->disks = (struct option_list){.values = {request->disk}, .n = 1};
	options->nets = (struct option_list){.values = {"peer"}, .n = 1};
	options->no_reboot = true;
	options->timeout = TIMEOUT_S;
	options->grace = 0;
	config.levers = &levers;
	err = machine_config_init(&config);
	if (!err)
		err = machine_levers_init(&levers, &config, NULL);
	if (!err)
		err = run_machine(&watcher, &config);
	machine_levers_destroy(&levers);
	machine_config_destroy(&config);
	return err;
}

/* The guest's console is a file, and nobody types. */
static void redirect(int console)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(nothing, STDIN_FILENO);
	dup2(console, STDOUT_FILENO);
	close(nothing);
}

static int wait_for(pid_t child, int progress, trial_progress told, void *arg)
{
	int status = 0;
	uint8_t mark;

	while (read(progress, &mark, 1) == 1) {
		if (mark % 2 == 0)
			told(arg, mark / 2);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : -EIO;
}

/* The last that the guest said, for who must find out why. */
static void show_end(const char *text, size_t len)
{
	const char *start = len > TOLD_LINES_SIZE ? text + len - TOLD_LINES_SIZE : text;

	fprintf(stderr, "%.*s\n", (int)(text + len - start), start);
}

static int read_console(int console, struct trial *trial)
{
	off_t len = lseek(console, 0, SEEK_END);
	char *text = len > 0 ? malloc((size_t)len + 1) : NULL;
	ssize_t n = text ? pread(console, text, (size_t)len, 0) : 0;
	int err = 0;

	if (n <= 0) {
		free(text);
		log_error(0, "%s: the guest said nothing", trial->name);
		return -EIO;
	}
	text[n] = '\0';
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		trial_take_line(trial, line);
	}
	if (!trial->well) {
		log_error(0,
			  "%s: the guest did not come to its end; the last it said:", trial->name);
		show_end(text, (size_t)n);
		err = -EIO;
	}
	free(text);
	return err;
}

static int run_apart(const struct trial_request *request, trial_progress progress, void *arg,
		     struct trial *trial, int console)
{
	int ends[2], err;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		redirect(console);
		_exit(run_child(request, trial, ends[1]) < 0);
	}
	err = child < 0 ? -errno : 0;
	close(ends[1]);
	if (!err)
		err = wait_for(child, ends[0], progress, arg);
	close(ends[0]);
	return err;
}

int machine_trial_run(const struct trial_request *request, trial_progress progress, void *arg,
		      struct trial *trial)
{
	int console = memfd_create("console", MFD_CLOEXEC), err;

	if (console < 0) {
		err = -errno;
		log_error(err, "%s: cannot keep the guest's console", trial->name);
		return err;
	}
	err = run_apart(request, progress, arg, trial, console);
	if (trial->begins[WORKLOAD_BOOT].taken && read_console(console, trial) < 0)
		err = -EIO;
	close(console);
	return err;
}
