/* dsdt.h: the DSDT's definition block: the machine's devices in AML. */
#ifndef VMM_ARCH_X86_DSDT_H
#define VMM_ARCH_X86_DSDT_H

#include "vmm/arch/x86/acpi.h"
#include "vmm/arch/x86/aml.h"

void dsdt_write(struct aml *aml, const struct acpi_config *config);

#endif
