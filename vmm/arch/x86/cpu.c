/* cpu.c: CPUs as KVM wants them set up, and what remains to be done when one cannot go on. */
#include "vmm/arch/x86/cpu.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/arch.h"
#include "vmm/arch/x86/exit.h"
#include "vmm/bytes.h"
#include "vmm/event.h"
#include "vmm/log.h"
#include "vmm/util.h"
#include "vmm/vcpu.h"

enum {
	MSR_MICROCODE = 0x8b, /* IA32_BIOS_SIGN_ID: revision in the upper half */
	MSR_MISC_ENABLE = 0x1a0,
	MISC_ENABLE_FAST_STRINGS = 1 << 0, /* without it Linux forgoes REP MOVSB on Intel */
	MSR_MTRR_DEFAULT = 0x2ff,
	MTRR_ENABLED = 1 << 11,
	MTRR_WRITE_BACK = 6,
	MTRR_ALL_WRITE_BACK = MTRR_ENABLED | MTRR_WRITE_BACK,
	FEATURE_80000007_EDX_INVARIANT_TSC = 1 << 8,
};

#define MSR_HWCR 0xc0010015u
#define HWCR_TSC_FREQ_SEL (1u << 24)

enum {
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_MODE = 7 << 8,
	APIC_LVT_NMI = 4 << 8,
	APIC_LVT_EXTINT = 7 << 8,
	APIC_LVT_MASKED = 1 << 16,
};

/* KVM's structs with a flexible array, at the length that we need. */
struct one_msr {
	uint32_t nmsrs;
	uint32_t pad;
	struct kvm_msr_entry entry;
};
_Static_assert(offsetof(struct one_msr, entry) == sizeof(struct kvm_msrs), "KVM's layout");
_Static_assert(offsetof(struct cpuid_list, entries) == sizeof(struct kvm_cpuid2), "KVM's layout");

/* False where KVM does not know the MSR or refuses the value. */
static bool get_msr(int fd, uint32_t index, uint64_t *value)
{
	struct one_msr msr = {.nmsrs = 1, .entry = {.index = index}};

	if (ioctl(fd, KVM_GET_MSRS, &msr) != 1)
		return false;
	*value = msr.entry.data;
	return true;
}

static bool set_msr(int fd, uint32_t index, uint64_t value)
{
	struct one_msr msr = {.nmsrs = 1, .entry = {.index = index, .data = value}};

	return ioctl(fd, KVM_SET_MSRS, &msr) == 1;
}

/* Logs which CPU and which call when value is an ioctl's -1. */
static int check(const struct vcpu *vcpu, int value, const char *name)
{
	int err = -errno;

	if (value >= 0)
		return 0;
	log_error(err, "kvm: %s of CPU %u", name, vcpu->id);
	return err;
}

int cpu_model_init(struct cpu_model *model, const struct vm *vm, const struct cpuid_config *config)
{
	int err;

	model->config = *config;
	model->config.tsc_deadline =
		config->hypervisor_visible && vm_capability(vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	model->supported.nent = CPUID_MAX_SUPPORTED;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &model->supported) < 0) {
		err = -errno;
		log_error(err, "kvm: KVM_GET_SUPPORTED_CPUID");
		return err;
	}
	if (!get_msr(vm->kvm_fd, MSR_MICROCODE, &model->microcode))
		model->microcode = 0;
	return 0;
}

/* What firmware would have done. None of it is needed to run: a KVM may know less than another. */
static void set_msrs(const struct cpu_model *model, struct vcpu *vcpu,
		     const struct cpuid_list *list)
{
	const struct kvm_cpuid_entry2 *power = cpuid_find(list, 0x80000007, 0);
	uint64_t misc;

	if (get_msr(vcpu->fd, MSR_MISC_ENABLE, &misc))
		set_msr(vcpu->fd, MSR_MISC_ENABLE, misc | MISC_ENABLE_FAST_STRINGS);
	/* MTRRs that are off mean uncached memory, and Linux 6.1 then leaves PAT alone. */
	set_msr(vcpu->fd, MSR_MTRR_DEFAULT, MTRR_ALL_WRITE_BACK);
	if (model->microcode)
		set_msr(vcpu->fd, MSR_MICROCODE, model->microcode);
	/* Where the TSC is invariant, Linux on AMD calls this bit's absence a firmware bug. */
	if (cpuid_is_amd(list) && power && power->edx & FEATURE_80000007_EDX_INVARIANT_TSC)
		set_msr(vcpu->fd, MSR_HWCR, HWCR_TSC_FREQ_SEL);
}

static void set_pin_mode(struct kvm_lapic_state *lapic, unsigned int offset, uint32_t mode)
{
	uint32_t value = load_le32(lapic->regs + offset);

	value = (value & ~(uint32_t)(APIC_LVT_MODE | APIC_LVT_MASKED)) | mode;
	store_le32(lapic->regs + offset, value);
}

/*
 * The pins of CPU 0's local APIC as firmware leaves them: the 8259s on LINT0, NMI on LINT1. For the
 * other CPUs it would be in vain: the INIT that starts them clears it.
 */
static int set_lapic(struct vcpu *vcpu)
{
	struct kvm_lapic_state lapic;
	int err;

	err = check(vcpu, ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic), "KVM_GET_LAPIC");
	if (err)
		return err;
	set_pin_mode(&lapic, APIC_LVT_LINT0, APIC_LVT_EXTINT);
	set_pin_mode(&lapic, APIC_LVT_LINT1, APIC_LVT_NMI);
	return check(vcpu, ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic), "KVM_SET_LAPIC");
}

int cpu_power_on(const struct cpu_model *model, struct vcpu *vcpu)
{
	struct cpuid_list list;
	int err;

	cpuid_make(&model->supported, &model->config, vcpu->id, &list);
	err = check(vcpu, ioctl(vcpu->fd, KVM_SET_CPUID2, &list), "KVM_SET_CPUID2");
	if (err)
		return err;
	set_msrs(model, vcpu, &list);
	return vcpu->id == 0 ? set_lapic(vcpu) : 0;
}

enum vcpu_next arch_vcpu_exit(struct vcpu *vcpu)
{
	char text[EXIT_TEXT_SIZE];
	enum machine_event event = exit_explain(vcpu->run, text, sizeof(text));

	if (event == MACHINE_CRASHED) {
		log_error(0, "CPU %u: %s", vcpu->id, text);
		arch_vcpu_dump(vcpu);
	} else if (event == MACHINE_RESET) {
		log_guest(&vcpu->vm->reset_said, "CPU %u: %s", vcpu->id, text);
	} else {
		log_verbose("CPU %u: %s", vcpu->id, text);
	}
	vcpu->vm->events->post(vcpu->vm->events, event, 0);
	return VCPU_LEAVE;
}

static void dump_segment(const char *name, const struct kvm_segment *segment)
{
	log_notice("  %-4s %04x base %016" PRIx64 " limit %08x type %x%s%s%s dpl %u", name,
		   segment->selector, (uint64_t)segment->base, segment->limit, segment->type,
		   segment->l	 ? " 64-bit"
		   : segment->db ? " 32-bit"
				 : " 16-bit",
		   segment->present ? "" : " absent", segment->unusable ? " unusable" : "",
		   segment->dpl);
}

static void dump_sregs(const struct kvm_sregs *sregs)
{
	dump_segment("cs", &sregs->cs);
	dump_segment("ss", &sregs->ss);
	dump_segment("ds", &sregs->ds);
	dump_segment("es", &sregs->es);
	dump_segment("fs", &sregs->fs);
	dump_segment("gs", &sregs->gs);
	dump_segment("tr", &sregs->tr);
	dump_segment("ldt", &sregs->ldt);
	log_notice("  gdt  base %016" PRIx64 " limit %04x  idt base %016" PRIx64 " limit %04x",
		   (uint64_t)sregs->gdt.base, sregs->gdt.limit, (uint64_t)sregs->idt.base,
		   sregs->idt.limit);
	log_notice("  cr0 %08" PRIx64 " cr2 %016" PRIx64 " cr3 %016" PRIx64 " cr4 %08" PRIx64
		   " cr8 %" PRIx64 " efer %" PRIx64,
		   (uint64_t)sregs->cr0, (uint64_t)sregs->cr2, (uint64_t)sregs->cr3,
		   (uint64_t)sregs->cr4, (uint64_t)sregs->cr8, (uint64_t)sregs->efer);
}

static void dump_registers(const struct kvm_regs *regs)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{"rip", regs->rip}, {"flg", regs->rflags}, {"rsp", regs->rsp}, {"rax", regs->rax},
		{"rbx", regs->rbx}, {"rcx", regs->rcx},	   {"rdx", regs->rdx}, {"rsi", regs->rsi},
		{"rdi", regs->rdi}, {"rbp", regs->rbp},	   {"r8 ", regs->r8},  {"r9 ", regs->r9},
		{"r10", regs->r10}, {"r11", regs->r11},	   {"r12", regs->r12}, {"r13", regs->r13},
		{"r14", regs->r14}, {"r15", regs->r15},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i += 3)
		log_notice("  %s %016" PRIx64 "  %s %016" PRIx64 "  %s %016" PRIx64, rows[i].name,
			   rows[i].value, rows[i + 1].name, rows[i + 1].value, rows[i + 2].name,
			   rows[i + 2].value);
}

/* The byte at a linear address of this vCPU, by its own page tables. */
static bool read_linear(const struct vcpu *vcpu, uint64_t address, uint8_t *byte)
{
	struct kvm_translation translation = {.linear_address = address};

	if (ioctl(vcpu->fd, KVM_TRANSLATE, &translation) < 0 || !translation.valid)
		return false;
	return memory_read(&vcpu->vm->mem, translation.physical_address, byte, 1) == 0;
}

static void dump_code(const struct vcpu *vcpu, uint64_t address)
{
	enum { BYTES = 16 };
	char text[BYTES * 3 + 1] = "";

	for (unsigned int i = 0; i < BYTES; i++) {
		uint8_t byte;

		if (!read_linear(vcpu, address + i, &byte))
			break;
		snprintf(text + (size_t)i * 3, 4, " %02x", byte);
	}
	log_notice("  code at %016" PRIx64 ":%s", address,
		   text[0] ? text : " not in RAM, or not mapped");
}

void arch_vcpu_dump(struct vcpu *vcpu)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (check(vcpu, ioctl(vcpu->fd, KVM_GET_REGS, &regs), "KVM_GET_REGS") ||
	    check(vcpu, ioctl(vcpu->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS"))
		return;
	log_notice("CPU %u:", vcpu->id);
	dump_registers(&regs);
	dump_sregs(&sregs);
	dump_code(vcpu, sregs.cs.base + regs.rip);
}
