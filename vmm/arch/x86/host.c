/* host.c: modules and CPUID of the host. */
#include "vmm/arch/x86/host.h"

#include <cpuid.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/log.h"

static bool is_software_kvm(void)
{
	return access("/sys/module/kvm_pvm", F_OK) == 0 &&
	       access("/sys/module/kvm_intel", F_OK) != 0 &&
	       access("/sys/module/kvm_amd", F_OK) != 0;
}

void host_warn_of_software_kvm(const struct boot_entry *entry)
{
	if (entry->protocol == BOOT_LINUX64 && is_software_kvm())
		log_warning("/dev/kvm here is software (module kvm_pvm), on which a stock Linux "
			    "kernel cannot run; real KVM is to be had with: "
			    "scripts/nested -- minivmm run ...");
}

bool host_clock_is_tsc(void)
{
	static const char path[] =
		"/sys/devices/system/clocksource/clocksource0/current_clocksource";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[8] = "";

	if (fd < 0)
		return false;
	if (read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	close(fd);
	return strcmp(name, "tsc\n") == 0;
}

const char *arch_host_kind(void)
{
	const unsigned int hypervisor = 1u << 31;
	unsigned int eax, ebx, ecx, edx;
	char vendor[13] = "";

	if (is_software_kvm())
		return "software KVM";
	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & hypervisor))
		return "hardware";
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(vendor, &ebx, 4);
	memcpy(vendor + 4, &ecx, 4);
	memcpy(vendor + 8, &edx, 4);
	if (strcmp(vendor, "TCGTCGTCGTCG") == 0)
		return "emulated (QEMU TCG)";
	return "hardware, nested in a virtual machine";
}
