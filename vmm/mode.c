/* mode.c: full, para and hybrid. */
#include "vmm/mode.h"

#include <stddef.h>
#include <string.h>

const char *const mode_names[] = {"full", "para", "hybrid", NULL};

static const char *const full_consoles[] = {"serial", "none", NULL};
static const char *const para_consoles[] = {"virtio", "none", NULL};
static const char *const hybrid_consoles[] = {"serial", "virtio", "both", "none", NULL};

static const struct mode modes[] = {
	{
		.name = "full", /* emulated hardware only: the guest does not know */
		.classic_acpi = true,
		.legacy_devices = true,
		.emulated = true,
		.console = "serial",
		.silent = "its console is a UART (console=ttyS0)",
		.consoles = full_consoles,
	},
	{
		.name = "para", /* virtio and KVM's own interfaces only: the guest must know */
		.hypervisor_visible = true,
		.virtio = true,
		.console = "virtio",
		.silent = "its console is virtio's, and a kernel whose virtio_console is a module "
			  "shows nothing before that is loaded",
		.consoles = para_consoles,
	},
	{
		.name = "hybrid", /* both, each where it is better */
		.hypervisor_visible = true,
		.legacy_devices = true,
		.virtio = true,
		.emulated = true,
		.console = "serial",
		.silent = "--console both shows whichever it uses",
		.consoles = hybrid_consoles,
	},
};

const struct mode *mode_find(const char *name)
{
	const struct mode *mode = modes;

	while (strcmp(mode->name, name) != 0)
		mode++;
	return mode;
}
