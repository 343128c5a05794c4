/* machine.c: what a machine is made of, and how its life goes: start, reset, end. */
#include "vmm/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/kvm_stats.h"
#include "vmm/log.h"
#include "vmm/machine_boot.h"
#include "vmm/machine_disks.h"
#include "vmm/machine_levers.h"
#include "vmm/signals.h"
#include "vmm/util.h"

enum { FLUSH_TIMEOUT_MS = 2000 };

/* The guest's access that ended the run is its last: no instruction behind it is run. */
static void end_guest(struct machine *machine)
{
	for (unsigned int i = 0; machine->vcpus && i < machine->options->cpus; i++)
		vcpu_leave(&machine->vcpus[i]);
	loop_stop(&machine->loop);
}

/* The guest ended itself, or the host ends it. Any thread. */

static void end_by_guest(struct machine *machine, enum outcome_kind kind, uint32_t value)
{
	ending_by_guest(&machine->ending, kind, value);
	end_guest(machine);
}

static void end_by_host(struct machine *machine, enum outcome_kind kind, uint32_t value)
{
	ending_by_host(&machine->ending, kind, value);
	end_guest(machine);
}

static void panicked(struct machine *machine)
{
	log_guest(&machine->panic_said, "its kernel panicked");
	ending_panic(&machine->ending);
	if (machine->options->no_reboot)
		end_guest(machine);
}

static void take_event(struct event_sink *sink, enum machine_event event, uint32_t value)
{
	struct machine *machine = container_of(sink, struct machine, events);

	switch (event) {
	case MACHINE_POWEROFF:
		end_by_guest(machine, OUTCOME_POWEROFF, 0);
		break;
	case MACHINE_RESET:
		ending_reset(&machine->ending);
		end_guest(machine);
		break;
	case MACHINE_PANICKED:
		panicked(machine);
		break;
	case MACHINE_CRASHLOADED:
		log_guest(&machine->crash_kernel_said,
			  "its kernel panicked and starts its crash kernel");
		break;
	case MACHINE_DEBUG_EXIT:
		end_by_guest(machine, OUTCOME_DEBUG_EXIT, value);
		break;
	case MACHINE_MARK:
		machine->config->watch->mark(machine->config->watch, machine, value);
		break;
	case MACHINE_CRASHED:
		end_by_guest(machine, OUTCOME_CRASH, 0);
		break;
	}
}

static void timeout_fired(struct loop_timer *timer)
{
	struct machine *machine = container_of(timer, struct machine, timeout);

	log_notice("no end within %u s (--timeout)", machine->options->timeout);
	end_by_host(machine, OUTCOME_TIMEOUT, 0);
}

static void grace_fired(struct loop_timer *timer)
{
	struct machine *machine = container_of(timer, struct machine, grace);

	end_by_host(machine, OUTCOME_SIGNAL, machine->ending_signal);
}

static void quit_typed(struct terminal *terminal)
{
	struct machine *machine = container_of(terminal, struct machine, terminal);

	end_by_host(machine, OUTCOME_SIGNAL, SIGTERM);
}

/* The first one asks the guest, the second does not. */
static void ending_signal(struct machine *machine, uint32_t number)
{
	uint64_t grace_ns = (uint64_t)machine->options->grace * 1000000000;

	if (machine->ending_signal || grace_ns == 0) {
		end_by_host(machine, OUTCOME_SIGNAL, number);
		return;
	}
	machine->ending_signal = number;
	log_notice("signal %u: pressing the power button; another one, or %u s, ends the run",
		   number, machine->options->grace);
	arch_power_button(machine);
	loop_timer_set(&machine->grace, grace_ns, 0);
}

void machine_sum_stats(const struct machine *machine, struct exit_stats *sum)
{
	*sum = (struct exit_stats){0};
	for (unsigned int i = 0; i < machine->options->cpus; i++)
		stats_add(sum, &machine->vcpus[i].stats);
}

/* On stderr. */
static void print_stats(const struct machine *machine)
{
	struct exit_stats sum;
	uint64_t all = 0;

	for (unsigned int i = 0; i < machine->options->cpus; i++)
		all += kvm_stats_look_up(machine->vcpus[i].fd, "exits");
	if (all > 0) /* older hosts do not tell */
		fprintf(stderr, "exits in all since the last reset: %" PRIu64 "\n", all);
	machine_sum_stats(machine, &sum);
	stats_print(&sum, &machine->vm.ports, &machine->vm.mmio, stderr);
}

static void signal_came(struct loop_source *source, uint32_t events)
{
	struct machine *machine = container_of(source, struct machine, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		terminal_winch(&machine->terminal);
		break;
	case SIGUSR1:
		print_stats(machine);
		break;
	case SIGUSR2:
		machine_devices_refresh(machine);
		break;
	default:
		ending_signal(machine, info.ssi_signo);
	}
}

static int init_signals(struct machine *machine)
{
	int err;

	vcpu_init_signals();
	machine->signals = (struct loop_source){.fd = signals_open(), .ready = signal_came};
	if (machine->signals.fd < 0)
		return machine->signals.fd;
	err = loop_add(&machine->loop, &machine->signals, EPOLLIN);
	if (err)
		log_error(err, "cannot wait for signals");
	return err;
}

static int init_timers(struct machine *machine)
{
	int err;

	machine->timeout.fired = timeout_fired;
	machine->grace.fired = grace_fired;
	err = loop_timer_init(&machine->loop, &machine->timeout);
	if (!err)
		err = loop_timer_init(&machine->loop, &machine->grace);
	if (err)
		log_error(err, "cannot make a timer");
	return err;
}

static void window_resized(struct terminal *terminal)
{
	machine_devices_resize(container_of(terminal, struct machine, terminal));
}

/* Which devices the terminal is behind. */
static int init_console(struct machine *machine)
{
	const char *console = machine->options->console;
	struct stream *terminal = &machine->terminal.stream;

	stream_null_init(&machine->no_stream);
	machine->serial_stream = &machine->no_stream;
	if (strcmp(console, "none") == 0)
		return 0;
	if (strcmp(console, "serial") == 0) {
		machine->serial_stream = terminal;
	} else if (strcmp(console, "virtio") == 0) {
		machine->console_stream = terminal;
	} else {
		console_hub_init(&machine->hub, terminal);
		machine->serial_stream = &machine->hub.fronts[CONSOLE_SERIAL].stream;
		machine->console_stream = &machine->hub.fronts[CONSOLE_VIRTIO].stream;
	}
	machine->has_terminal = true;
	machine->terminal.quit = quit_typed;
	machine->terminal.resized = window_resized;
	return terminal_init(&machine->terminal, &machine->loop, STDIN_FILENO, STDOUT_FILENO);
}

static int create_vcpus(struct machine *machine)
{
	int err = 0;

	for (unsigned int i = 0; i < machine->options->cpus && !err; i++) {
		err = vcpu_create(&machine->vcpus[i], &machine->vm, &machine->loop, i);
		if (!err)
			err = arch_vcpu_init(machine, &machine->vcpus[i]);
	}
	return err;
}

static void destroy_vcpus(struct machine *machine)
{
	for (unsigned int i = 0; machine->vcpus && i < machine->options->cpus; i++)
		vcpu_destroy(&machine->vcpus[i]);
}

static int init_vm(struct machine *machine)
{
	int err = vm_init(&machine->vm, &machine->events);

	/* RAM first: once there is an irqchip, KVM's memory slots wait for a grace period
	 * (10 ms). */
	if (!err)
		err = arch_add_ram(&machine->vm, machine->options->mem);
	if (!err)
		err = arch_vm_init(&machine->vm);
	return err;
}

static int init_vcpus(struct machine *machine)
{
	machine->vcpus = calloc(machine->options->cpus, sizeof(*machine->vcpus));
	if (!machine->vcpus)
		return -ENOMEM;
	for (unsigned int i = 0; i < machine->options->cpus; i++)
		machine->vcpus[i].fd = -1;
	return create_vcpus(machine);
}

int machine_create(const struct machine_config *config, struct machine **out)
{
	static int (*const steps[])(struct machine *) = {
		machine_boot_open,
		init_vm,
		init_signals,
		init_timers,
		init_console,
		arch_platform_init,
		machine_devices_init,
		init_vcpus,
		machine_boot_make_cmdline,
		arch_load,
	};
	struct machine *machine = calloc(1, sizeof(*machine));
	int err;

	if (!machine)
		return -ENOMEM;
	machine->config = config;
	machine->options = &config->options;
	machine->identity = &config->identity;
	machine->kernel.fd = machine->initrd.fd = machine->signals.fd = -1;
	machine->vm.fd = machine->vm.kvm_fd = -1;
	machine->events.post = take_event;
	ending_init(&machine->ending, machine->options->no_reboot);
	err = loop_init(&machine->loop);
	if (err)
		log_error(err, "cannot make a loop");
	for (size_t i = 0; i < ARRAY_SIZE(steps) && !err; i++)
		err = steps[i](machine);
	if (err) {
		machine_free(machine);
		return err;
	}
	*out = machine;
	return 0;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	destroy_vcpus(machine);
	free(machine->vcpus);
	machine_devices_free(machine);
	arch_platform_free(machine);
	terminal_destroy(&machine->terminal);
	loop_timer_destroy(&machine->loop, &machine->timeout);
	loop_timer_destroy(&machine->loop, &machine->grace);
	loop_remove(&machine->loop, &machine->signals);
	signals_close(machine->signals.fd);
	vm_destroy(&machine->vm);
	machine_boot_close(machine);
	loop_destroy(&machine->loop);
	ending_destroy(&machine->ending);
	free(machine);
}

static int start_vcpus(struct machine *machine)
{
	int err = 0;

	for (unsigned int i = 0; i < machine->options->cpus && !err; i++)
		err = vcpu_start(&machine->vcpus[i]);
	return err;
}

static void stop_vcpus(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->options->cpus; i++)
		vcpu_ask_stop(&machine->vcpus[i]);
	for (unsigned int i = 0; i < machine->options->cpus; i++)
		vcpu_stop(&machine->vcpus[i]);
}

/* As if power had gone and come back: a new KVM VM over the same RAM, files read again. */
static int machine_reset(struct machine *machine)
{
	int err;

	machine->resets++;
	log_guest_rearm(&machine->panic_said);
	log_guest_rearm(&machine->crash_kernel_said);
	log_verbose("reset %u", machine->resets);
	machine_devices_reset(machine);
	arch_platform_reset(machine);
	destroy_vcpus(machine);
	err = vm_renew(&machine->vm);
	if (!err)
		err = arch_vm_init(&machine->vm);
	if (!err)
		err = vm_reconnect(&machine->vm);
	if (!err)
		err = create_vcpus(machine);
	if (!err)
		err = arch_load(machine);
	return err;
}

/*
 * A guest that wrote to its disk and then ended by its own will has put there what it was given
 * once: at its next start those files are its own.
 */
static int note_adoption(struct machine *machine)
{
	struct machine_levers *levers = machine->config->levers;
	int err;

	if (!levers->once || !(levers->set & (LEVER_CREDENTIALS | LEVER_INITRD)) ||
	    !ending_is_well(&machine->ending) || !machine_disks_wrote(machine))
		return 0;
	log_verbose("the guest has its ids: files with them are its own from now on");
	err = machine_levers_adopted(levers);
	return err ? err : machine_boot_append_identity(machine);
}

struct outcome machine_run(struct machine *machine)
{
	int err = 0;

	if (machine->has_terminal)
		err = terminal_start(&machine->terminal);
	if (machine->options->timeout)
		loop_timer_set(&machine->timeout, (uint64_t)machine->options->timeout * 1000000000,
			       0);
	while (!err) {
		err = start_vcpus(machine);
		if (!err)
			err = ending_wait(&machine->ending, &machine->loop);
		stop_vcpus(machine);
		if (!err)
			err = note_adoption(machine);
		if (err || !ending_take_reset(&machine->ending))
			break;
		err = machine_reset(machine);
	}
	if (machine->has_terminal) {
		terminal_flush(&machine->terminal, FLUSH_TIMEOUT_MS);
		terminal_stop(&machine->terminal);
	}
	if (machine->options->stats)
		print_stats(machine);
	if (err)
		return (struct outcome){.kind = OUTCOME_HOST};
	if (machine->has_terminal && terminal_written(&machine->terminal) == 0)
		log_notice("the guest wrote nothing to its console: %s",
			   machine->config->mode->silent);
	machine_disks_tell_unused(machine);
	return ending_outcome(&machine->ending);
}
