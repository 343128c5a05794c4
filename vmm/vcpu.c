/* vcpu.c: one thread in KVM_RUN, and what it does with the exits that are the same everywhere. */
#include "vmm/vcpu.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/event.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/util.h"

#define KICK_SIGNAL SIGRTMIN

static void kicked(int signal)
{
	(void)signal; /* that KVM_RUN was interrupted is all */
}

void vcpu_init_signals(void)
{
	struct sigaction action = {.sa_handler = kicked};

	sigaction(KICK_SIGNAL, &action, NULL);
}

int vcpu_create(struct vcpu *vcpu, struct vm *vm, struct loop *loop, unsigned int id)
{
	uint64_t start = monotonic_ns();
	void *run;
	int err;

	*vcpu = (struct vcpu){.vm = vm, .loop = loop, .id = id, .fd = -1, .stats = vcpu->stats};
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	vm->create_ns += monotonic_ns() - start;
	if (vcpu->fd < 0) {
		err = -errno;
		log_error(err, "kvm: KVM_CREATE_VCPU for CPU %u", id);
		return err;
	}
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED) {
		err = -errno;
		log_error(err, "kvm: cannot map the state of CPU %u", id);
		vcpu_destroy(vcpu);
		return err;
	}
	vcpu->run = run;
	return 0;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	assert(!vcpu->running);
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	vcpu->run = NULL;
	vcpu->fd = -1;
}

static void count(struct vcpu *vcpu, struct region_stats *regions, const struct io_region *region,
		  bool is_write)
{
	if (!region)
		stats_count(&vcpu->stats.unclaimed);
	else if (is_write)
		stats_count(&regions[region->index].writes);
	else
		stats_count(&regions[region->index].reads);
}

/* KVM gives string instructions as one exit of many elements, at most a page of them. */
static void port_access(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	bool is_write = run->io.direction == KVM_EXIT_IO_OUT;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	const struct io_region *region = NULL;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
		if (is_write)
			region = bus_write(&vcpu->vm->ports, run->io.port, data, run->io.size);
		else
			region = bus_read(&vcpu->vm->ports, run->io.port, data, run->io.size);
	}
	count(vcpu, vcpu->stats.ports, region, is_write);
}

static void mmio_access(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct io_region *region;

	if (run->mmio.is_write)
		region = bus_write(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data,
				   run->mmio.len);
	else
		region = bus_read(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data,
				  run->mmio.len);
	count(vcpu, vcpu->stats.mmio, region, run->mmio.is_write);
}

static enum vcpu_next handle_exit(struct vcpu *vcpu)
{
	uint32_t reason = vcpu->run->exit_reason;

	stats_count(&vcpu->stats.exits[reason < STATS_REASONS ? reason : 0]);
	switch (reason) {
	case KVM_EXIT_IO:
		port_access(vcpu);
		return VCPU_CONTINUE;
	case KVM_EXIT_MMIO:
		mmio_access(vcpu);
		return VCPU_CONTINUE;
	case KVM_EXIT_INTR:
		return VCPU_CONTINUE;
	default:
		return arch_vcpu_exit(vcpu);
	}
}

/* KVM_RUN itself failed: not the guest's doing alone, but the guest is lost. */
static enum vcpu_next run_failed(struct vcpu *vcpu, int err)
{
	log_error(err, "kvm: KVM_RUN of CPU %u", vcpu->id);
	arch_vcpu_dump(vcpu);
	vcpu->vm->events->post(vcpu->vm->events, MACHINE_CRASHED, 0);
	return VCPU_LEAVE;
}

static void say_gone(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu->running = false;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	enum vcpu_next next = VCPU_CONTINUE;

	if (vcpu->id == 0) /* scripts/bench-start waits for this line */
		log_verbose("CPU 0 enters the guest; KVM took %llu us to make VM and CPUs",
			    (unsigned long long)vcpu->vm->create_ns / 1000);
	while (next == VCPU_CONTINUE) {
		/*
		 * stop is looked at only where KVM_RUN was interrupted: until then immediate_exit
		 * makes it finish the access that the last exit was about.
		 */
		if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
			next = handle_exit(vcpu);
		else if (errno == EINTR)
			next = atomic_load(&vcpu->stop) ? VCPU_LEAVE : VCPU_CONTINUE;
		else if (errno != EAGAIN) /* EAGAIN: a CPU that waited for its start got it */
			next = run_failed(vcpu, -errno);
	}
	loop_call(vcpu->loop, say_gone, vcpu);
	return NULL;
}

int vcpu_start(struct vcpu *vcpu)
{
	sigset_t old, kick;
	char name[16];
	int err;

	atomic_store(&vcpu->stop, false);
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELAXED);
	/* All signals but the kick are main's, by signalfd: the new thread inherits the mask. */
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, &old);
	vcpu->running = true;
	err = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		vcpu->running = false;
		log_error(-err, "cannot start a thread for CPU %u", vcpu->id);
		return -err;
	}
	vcpu->started = true;
	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	pthread_setname_np(vcpu->thread, name);
	return 0;
}

void vcpu_leave(struct vcpu *vcpu)
{
	atomic_store(&vcpu->stop, true);
	if (vcpu->run)
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
}

void vcpu_ask_stop(struct vcpu *vcpu)
{
	if (!vcpu->running)
		return;
	/* Before KVM_RUN the word in its page sends it straight back, inside the signal does. */
	vcpu_leave(vcpu);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

void vcpu_stop(struct vcpu *vcpu)
{
	assert(loop_is_current(vcpu->loop));
	if (!vcpu->started)
		return;
	vcpu_ask_stop(vcpu);
	while (vcpu->running)
		loop_serve_calls(vcpu->loop);
	pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}
