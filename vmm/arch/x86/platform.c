/* platform.c: irqchip, timers, RAM and the legacy devices of the x86 machine,
 * at layout.h's places. */
#include "vmm/arch/x86/platform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/arch.h"
#include "vmm/arch/x86/boot.h"
#include "vmm/arch/x86/boot_cpu.h"
#include "vmm/arch/x86/host.h"
#include "vmm/arch/x86/layout.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/util.h"
#include "vmm/workload.h"

enum { PIC_PINS = 8, IOAPIC_PINS = 24 };

static struct kvm_irq_routing_entry pin_route(unsigned int gsi, unsigned int chip, unsigned int pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

/* As a PC is wired: 2 is the second PIC's, and the PIT on 0 reaches the IOAPIC at pin 2. */
static int set_pin_routes(struct vm *vm)
{
	struct kvm_irq_routing_entry pins[2 * PIC_PINS + IOAPIC_PINS];
	unsigned int n = 0;

	for (unsigned int gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		if (gsi == 2)
			continue;
		if (gsi < PIC_PINS)
			pins[n++] = pin_route(gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi < 2 * PIC_PINS)
			pins[n++] = pin_route(gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - PIC_PINS);
		pins[n++] = pin_route(gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
	return vm_set_pin_routes(vm, pins, n);
}

int arch_vm_init(struct vm *vm)
{
	/* Without the speaker's port KVM would forward port 0x61 to us; PIT channel 2 is gated
	 * there. */
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	uint64_t identity_map = LAYOUT_KVM_IDENTITY_MAP;
	int err;

	err = vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &identity_map);
	if (!err && ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_KVM_TSS) < 0) {
		err = -errno;
		log_error(err, "kvm: KVM_SET_TSS_ADDR");
	}
	if (!err)
		err = vm_ioctl(vm, KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", NULL);
	if (!err)
		err = vm_ioctl(vm, KVM_CREATE_PIT2, "KVM_CREATE_PIT2", &pit);
	if (!err)
		err = set_pin_routes(vm);
	return err;
}

int arch_add_ram(struct vm *vm, uint64_t size)
{
	uint64_t low = size < LAYOUT_LOW_RAM_END ? size : LAYOUT_LOW_RAM_END;
	int err = vm_add_ram(vm, 0, low);

	if (!err && size > low)
		err = vm_add_ram(vm, LAYOUT_HIGH_RAM, size - low);
	return err;
}

int arch_vcpu_init(struct machine *machine, struct vcpu *vcpu)
{
	return cpu_power_on(&machine->platform->cpu_model, vcpu);
}

static int init_cpu_model(struct machine *machine)
{
	bool visible = machine->config->mode->hypervisor_visible;
	int khz = visible ? 0 : ioctl(machine->vm.fd, KVM_GET_TSC_KHZ, 0);
	struct cpuid_config config = {
		.cpus = machine->options->cpus,
		.hypervisor_visible = visible,
		.tsc_khz = khz > 0 ? (unsigned int)khz : 0,
	};

	return cpu_model_init(&machine->platform->cpu_model, &machine->vm, &config);
}

/* Where RAM ends, and 64-bit BARs may begin. */
static uint64_t end_of_ram(const struct vm *vm)
{
	const struct memory_region *last = &vm->mem.regions[vm->mem.nregions - 1];
	uint64_t end = last->base + last->size;

	return align_up(end > LAYOUT_HIGH_RAM ? end : LAYOUT_HIGH_RAM, 1ull << 30);
}

/* The processor's physical addresses must reach all RAM and the window of 64-bit BARs behind it. */
static int check_address_space(const struct machine *machine)
{
	const struct kvm_cpuid_entry2 *leaf =
		cpuid_find(&machine->platform->cpu_model.supported, 0x80000008, 0);
	unsigned int bits = leaf && (leaf->eax & 0xff) ? leaf->eax & 0xff : 36;

	if (end_of_ram(&machine->vm) + LAYOUT_HIGH_MMIO_SIZE <= 1ull << bits)
		return 0;
	log_error(0, "--mem: more than this processor can address (%u bits)", bits);
	return -EINVAL;
}

struct pci_bus_config arch_pci_config(struct machine *machine)
{
	struct vm *vm = &machine->vm;
	struct pci_bus_config config = {
		.ports = &vm->ports,
		.mmio = &vm->mmio,
		.ecam_base = LAYOUT_ECAM_BASE,
		.address_port = PORT_PCI_ADDRESS,
		.io = {PORT_PCI_WINDOW, PORT_PCI_WINDOW_SIZE},
		.mem32 = {LAYOUT_MMIO_BASE, LAYOUT_MMIO_SIZE},
		.mem64 = {end_of_ram(vm), LAYOUT_HIGH_MMIO_SIZE},
		.intx_gsi = GSI_PCI,
		.as_hardware = !machine->config->mode->hypervisor_visible,
	};

	for (unsigned int i = 0; i < PCI_INTX_LINES; i++)
		config.intx[i] = vm_irq_line(vm, GSI_PCI + i);
	return config;
}

/*
 * Interrupts that nothing else of this machine uses, for devices that each want one of their own.
 * The first are INTx's where there is a PCI bus as well, and another polarity, which a guest cannot
 * have on the same pin.
 */
static const uint8_t mmio_gsis[LAYOUT_VIRTIO_MMIO_SLOTS] = {
	16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 3, 12, 13, 14, 15,
};

static unsigned int first_mmio_gsi(const struct machine *machine)
{
	return machine->has_pci ? GSI_PCI_COUNT : 0;
}

int arch_mmio_slot(struct machine *machine, unsigned int index, uint64_t *base,
		   struct irq_line *irq)
{
	unsigned int first = first_mmio_gsi(machine);

	if (index >= LAYOUT_VIRTIO_MMIO_SLOTS - first)
		return -ENOSPC;
	*base = LAYOUT_VIRTIO_MMIO_BASE + index * LAYOUT_VIRTIO_MMIO_STRIDE;
	*irq = vm_irq_line(&machine->vm, mmio_gsis[first + index]);
	return 0;
}

struct acpi_device platform_mmio_description(const struct machine *machine, unsigned int index)
{
	struct acpi_device description = {
		.hid = "LNRO0005",
		.uid = index,
		.mmio_base = LAYOUT_VIRTIO_MMIO_BASE + index * LAYOUT_VIRTIO_MMIO_STRIDE,
		.mmio_size = VIRTIO_MMIO_SIZE,
		.irq = ACPI_IRQ_LEVEL,
		.gsi = mmio_gsis[first_mmio_gsi(machine) + index],
		.dma = true,
	};

	snprintf(description.name, sizeof(description.name), "VR%02u", index % 100);
	return description;
}

static int attach_acpi(struct machine *machine)
{
	bool classic = machine->config->mode->classic_acpi;
	const struct acpi_pm_ports pm_ports = {
		.sleep_control = classic ? 0 : PORT_SLEEP_CONTROL,
		.sleep_status = classic ? 0 : PORT_SLEEP_STATUS,
		.reset = PORT_RESET,
		.timer = machine->config->mode->legacy_devices ? PORT_PM_TIMER : 0,
	};
	struct platform *platform = machine->platform;
	int err = acpi_pm_attach(&platform->acpi_pm, &machine->vm.ports, &pm_ports);

	if (!err && classic)
		err = acpi_pm1_attach(&platform->acpi_pm1, &machine->vm.ports, PORT_PM1A_EVENT,
				      PORT_PM1A_CONTROL);
	return err;
}

/*
 * The keyboard controller is there in every mode, for its reset command: it answers for more only
 * where a mode has legacy devices.
 */
static int attach_devices(struct machine *machine)
{
	const struct mode *mode = machine->config->mode;
	struct platform *platform = machine->platform;
	struct bus *ports = &machine->vm.ports;
	int err = attach_acpi(machine);

	if (!err)
		err = i8042_attach(&platform->i8042, ports, PORT_I8042);
	if (!err)
		err = debug_exit_attach(&platform->debug_exit, ports, PORT_DEBUG_EXIT);
	if (!err && machine->config->watch)
		err = mark_port_attach(&platform->mark_port, ports, PORT_MARK);
	if (!err && mode->legacy_devices)
		err = serial_attach(&platform->serial, ports, PORT_COM1);
	if (!err && mode->legacy_devices)
		err = rtc_attach(&platform->rtc, ports, PORT_RTC);
	if (!err && mode->virtio)
		err = pvpanic_attach(&platform->pvpanic, ports, PORT_PVPANIC);
	if (err)
		log_error(err, "cannot put the platform's devices on the bus");
	return err;
}

static void init_generation(struct machine *machine)
{
	struct vm *vm = &machine->vm;
	const struct vm_generation_config config = {
		.mem = &vm->mem,
		.id = LAYOUT_VMGENID,
		.clock = LAYOUT_VMCLOCK,
		.id_irq = vm_irq_line(vm, GSI_VMGENID),
		.clock_irq = vm_irq_line(vm, GSI_VMCLOCK),
	};

	vm_generation_init(&machine->platform->generation, &config,
			   &machine->identity->generation_id);
}

int arch_platform_init(struct machine *machine)
{
	bool classic = machine->config->mode->classic_acpi;
	struct event_sink *events = &machine->events;
	struct vm *vm = &machine->vm;
	struct platform *platform;
	int err;

	platform = machine->platform = calloc(1, sizeof(*platform));
	if (!platform)
		return -ENOMEM;
	err = init_cpu_model(machine);
	if (!err)
		err = check_address_space(machine);
	if (!err)
		err = rtc_init(&platform->rtc, &machine->loop, vm_irq_line(vm, GSI_RTC));
	if (err)
		return err;
	serial_init(&platform->serial, vm_irq_line(vm, GSI_COM1), machine->serial_stream);
	i8042_init(&platform->i8042, vm_irq_line(vm, GSI_KEYBOARD), events, classic);
	pvpanic_init(&platform->pvpanic, events);
	debug_exit_init(&platform->debug_exit, events);
	mark_port_init(&platform->mark_port, events);
	acpi_pm_init(&platform->acpi_pm, vm_irq_line(vm, GSI_POWER_BUTTON), events);
	acpi_pm1_init(&platform->acpi_pm1, vm_irq_line(vm, GSI_SCI), events);
	init_generation(machine);
	return attach_devices(machine);
}

void arch_platform_free(struct machine *machine)
{
	struct platform *platform = machine->platform;

	if (!platform)
		return;
	serial_destroy(&platform->serial);
	i8042_destroy(&platform->i8042);
	acpi_pm1_destroy(&platform->acpi_pm1);
	rtc_destroy(&platform->rtc);
	free(platform);
	machine->platform = NULL;
}

void arch_platform_reset(struct machine *machine)
{
	struct platform *platform = machine->platform;

	serial_reset(&platform->serial);
	rtc_reset(&platform->rtc);
	i8042_reset(&platform->i8042);
	pvpanic_reset(&platform->pvpanic);
	acpi_pm_reset(&platform->acpi_pm);
	acpi_pm1_reset(&platform->acpi_pm1);
}

void arch_power_button(struct machine *machine)
{
	if (machine->config->mode->classic_acpi)
		acpi_pm1_power_button(&machine->platform->acpi_pm1);
	else
		acpi_pm_power_button(&machine->platform->acpi_pm);
}

const char *arch_console_argument(const struct machine *machine)
{
	const char *console = machine->options->console;

	if (strcmp(console, "none") == 0)
		return NULL;
	return strcmp(console, "serial") == 0 ? "console=ttyS0" : "console=hvc0";
}

void arch_clock_argument(const struct machine *machine, char *text, size_t size)
{
	int khz = ioctl(machine->vcpus[0].fd, KVM_GET_TSC_KHZ, 0);

	text[0] = '\0';
	/* The guest's watchdog would compare the TSC with the PM timer, by reads that take longer
	 * than it allows; the host's has compared already. */
	if (khz > 0)
		snprintf(text, size, "tsc_early_khz=%d%s", khz,
			 host_clock_is_tsc() ? " tsc=nowatchdog" : "");
}

void arch_mark_argument(char *text, size_t size)
{
	snprintf(text, size, WORKLOAD_PORT_VARIABLE "=0x%x", PORT_MARK);
}

static enum boot_protocol protocol_named(const char *name)
{
	unsigned int protocol = 0;

	while (boot_protocol_names[protocol] && strcmp(boot_protocol_names[protocol], name) != 0)
		protocol++;
	return (enum boot_protocol)protocol;
}

/* The loader's registers into CPU 0; the others are started by it. */
static int enter(struct machine *machine, const struct boot_entry *entry)
{
	int fd = machine->vcpus[0].fd;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	memset(&regs, 0, sizeof(regs));
	if (ioctl(fd, KVM_GET_SREGS, &sregs) == 0) {
		boot_registers(entry, &regs, &sregs);
		if (ioctl(fd, KVM_SET_SREGS, &sregs) == 0 && ioctl(fd, KVM_SET_REGS, &regs) == 0)
			return 0;
	}
	log_error(-errno, "kvm: cannot set the registers of CPU 0");
	return -errno;
}

int arch_load(struct machine *machine)
{
	const struct boot_request request = {
		.mem = &machine->vm.mem,
		.kernel = &machine->kernel,
		.initrd = machine->initrd.fd >= 0 ? &machine->initrd : NULL,
		.cmdline = machine->cmdline,
		.rsdp = LAYOUT_ACPI,
		.protocol = protocol_named(machine->options->boot),
	};
	struct boot_entry entry;
	int err = boot_load(&request, &entry);

	if (!err && machine->resets == 0)
		host_warn_of_software_kvm(&entry);
	if (!err)
		err = firmware_write(machine);
	if (!err)
		err = enter(machine, &entry);
	return err;
}
