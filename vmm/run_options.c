/* run_options.c: the table of "minivmm run". */
#include "vmm/run_options.h"

#include <string.h>

#include "vmm/mode.h"
#include "vmm/vm.h"

static const char *const boot_choices[] = {"auto", "linux64", "pvh", "multiboot", NULL};
static const char *const transport_choices[] = {"pci", "mmio", NULL};
static const char *const console_choices[] = {"serial", "virtio", "both", "none", NULL};

/* Where values name files and programs, see options.h. */
static const char *const disk_files[] = {"", NULL};
static const char *const port_files[] = {"*=unix:", "*=file:", NULL};
static const char *const credential_files[] = {"*=@", NULL};
static const char *const host_key_choices[] = {"auto", "none", NULL};
static const char *const cloud_init_files[] = {"user-data=", "network-config=", "meta-data=", NULL};
static const char *const net_programs[] = {"passt=", "script=", NULL};
static const char *const disk_ids[] = {"serial=", NULL};
static const char *const net_ids[] = {"mac=", NULL};
static const char *const cloud_init_ids[] = {"meta-data=", NULL};

#define FIELD(field) .offset = offsetof(struct run_options, field)

static const struct option options[] = {
	{.name = "kernel",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 FIELD(kernel),
	 .help = "bzImage, vmlinux, or any Multiboot or PVH kernel (required)"},
	{.name = "initrd",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 FIELD(initrd),
	 .help = "initial RAM disk, or Multiboot's first module"},
	{.name = "append",
	 .value = "STRING",
	 .kind = OPTION_TEXT,
	 FIELD(append),
	 .help = "kernel command line"},
	{.name = "no-auto-append",
	 .kind = OPTION_FLAG,
	 FIELD(no_auto_append),
	 .help = "add nothing to it (otherwise console= where it names none)"},
	{.name = "boot",
	 .value = "auto|linux64|pvh|multiboot",
	 .kind = OPTION_CHOICE,
	 FIELD(boot),
	 .choices = boot_choices,
	 .help = "boot protocol (default auto: look into the kernel)"},
	{.name = "mem",
	 .value = "SIZE",
	 .kind = OPTION_SIZE,
	 FIELD(mem),
	 .min = 32ull << 20,
	 .max = 1ull << 46,
	 .help = "RAM, with K, M or G (default 512M, at least 32M)"},
	{.name = "cpus",
	 .value = "N",
	 .kind = OPTION_COUNT,
	 FIELD(cpus),
	 .min = 1,
	 .max = VM_MAX_VCPUS,
	 .help = "virtual CPUs, 1 to 255 (default 1)"},
	{.name = "mode",
	 .value = "full|para|hybrid",
	 .kind = OPTION_CHOICE,
	 FIELD(mode),
	 .choices = mode_names,
	 .help = "emulated hardware only, paravirtual interfaces only, or both\n(default hybrid)"},
	{.name = "tsc-hint",
	 .kind = OPTION_FLAG,
	 FIELD(tsc_hint),
	 .help = "tell the kernel the TSC's frequency (tsc_early_khz=) where its own\n"
		 "calibration fails, as in full mode on a slow host"},
	{.name = "disk",
	 .value = "FILE[,ro][,serial=S][,direct][,queues=N][,iothread=on]",
	 .kind = OPTION_LIST,
	 .files = disk_files,
	 .ids = disk_ids,
	 FIELD(disks),
	 .help = "a disk: a raw image or block device; may be given again.\n"
		 "Without root= in --append the first one is the root"},
	{.name = "net",
	 .value = "tap[=NAME]|passt[=PATH]|fd=N|peer|none[,...]",
	 .kind = OPTION_LIST,
	 .programs = net_programs,
	 .ids = net_ids,
	 FIELD(nets),
	 .help = "a network card: on a tap interface [,script=PATH][,vhost=on|off|auto]\n"
		 "[,queues=N], through passt without root [,forward=HOST:GUEST[/udp]],\n"
		 "on a descriptor, or with a peer inside minivmm that answers ping;\n"
		 "each [,mac=MAC][,mtu=N][,iothread=on]"},
	{.name = "port",
	 .value = "NAME=unix:PATH|file:PATH",
	 .kind = OPTION_LIST,
	 .files = port_files,
	 FIELD(ports),
	 .help = "/dev/virtio-ports/NAME in the guest is a socket or file here; may be\n"
		 "given again"},
	{.name = "transport",
	 .value = "pci|mmio",
	 .kind = OPTION_CHOICE,
	 FIELD(transport),
	 .choices = transport_choices,
	 .help = "how the guest finds virtio devices (default pci)"},
	{.name = "name",
	 .value = "NAME",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_RUN,
	 FIELD(name),
	 .help = "name of the machine, and its hostname unless given; what it is run\nwith is "
		 "kept, and repeated by --name alone"},
	{.name = "uuid",
	 .value = "UUID",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(uuid),
	 .help = "SMBIOS UUID (default: a new random one)"},
	{.name = "machine-id",
	 .value = "ID",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(machine_id),
	 .help = "32 hexadecimal digits (default: the UUID's)"},
	{.name = "hostname",
	 .value = "NAME",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(hostname),
	 .help = "hostname (default: follows from name or UUID)"},
	{.name = "serial",
	 .value = "TEXT",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(serial),
	 .help = "SMBIOS serial number of the system (default: the UUID)"},
	{.name = "board-serial",
	 .value = "TEXT",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(board_serial),
	 .help = "that of its board (default: follows from the UUID)"},
	{.name = "chassis-serial",
	 .value = "TEXT",
	 .kind = OPTION_TEXT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(chassis_serial),
	 .help = "that of its chassis (default: follows from the UUID)"},
	{.name = "vsock-cid",
	 .value = "N",
	 .kind = OPTION_COUNT,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(vsock_cid),
	 .min = 3,
	 .max = INT32_MAX,
	 .help = "vsock context id (default: follows from the UUID)"},
	{.name = "identity",
	 .value = "LEVER[,...]|none",
	 .kind = OPTION_TEXT,
	 FIELD(identity),
	 .help = "how the guest gets its ids: smbios, cmdline, credentials, initrd,\n"
		 "cloud-init (default: the first four with --name; else those that write\n"
		 "to no disk)"},
	{.name = "credential",
	 .value = "NAME=VALUE|NAME=@FILE",
	 .kind = OPTION_LIST,
	 .files = credential_files,
	 FIELD(credentials),
	 .help = "a system credential for the guest's systemd; may be given again"},
	{.name = "smbios-oem",
	 .value = "STRING",
	 .kind = OPTION_LIST,
	 FIELD(smbios_oem),
	 .help = "a string for SMBIOS type 11; may be given again"},
	{.name = "ssh-key",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 FIELD(ssh_key),
	 .help = "public keys that may log in as root, where the guest has none yet"},
	{.name = "ssh-host-keys",
	 .value = "auto|none|DIR",
	 .kind = OPTION_FILE,
	 .choices = host_key_choices,
	 .scope = OPTION_OF_IDENTITY,
	 FIELD(ssh_host_keys),
	 .help = "host keys for the guest's sshd: made here (auto, the default with\n"
		 "--name) and told before it boots, or those in DIR"},
	{.name = "cloud-init",
	 .value = "[user-data=FILE][,network-config=FILE][,meta-data=FILE]",
	 .kind = OPTION_TEXT,
	 .optional = true,
	 .files = cloud_init_files,
	 .ids = cloud_init_ids,
	 FIELD(cloud_init),
	 .help = "instance id and hostname for cloud-init: in the serial number, or\n"
		 "with files on a disk behind the others"},
	{.name = "console",
	 .value = "serial|virtio|both|none",
	 .kind = OPTION_CHOICE,
	 FIELD(console),
	 .choices = console_choices,
	 .help = "what stdin and stdout are to the guest (default serial; virtio in\n"
		 "para mode; both where --append has console=hvc0)"},
	{.name = "no-reboot",
	 .kind = OPTION_FLAG,
	 FIELD(no_reboot),
	 .help = "a reset ends the run instead of booting again"},
	{.name = "timeout",
	 .value = "SECONDS",
	 .kind = OPTION_COUNT,
	 .scope = OPTION_OF_RUN,
	 FIELD(timeout),
	 .min = 1,
	 .max = 1u << 30,
	 .help = "end the run after so long, with status 124"},
	{.name = "grace",
	 .value = "SECONDS",
	 .kind = OPTION_COUNT,
	 FIELD(grace),
	 .min = 0,
	 .max = 1u << 30,
	 .help = "how long a guest may take to power off after a signal\n(default 10)"},
	{.name = "status-file",
	 .value = "FILE",
	 .kind = OPTION_FILE,
	 .scope = OPTION_OF_RUN,
	 FIELD(status_file),
	 .help = "write how the run ended there, as one JSON object"},
	{.name = "save",
	 .kind = OPTION_FLAG,
	 .scope = OPTION_OF_RUN,
	 FIELD(save),
	 .help = "with --name: keep the options given, for later runs too"},
	{.name = "stats",
	 .kind = OPTION_FLAG,
	 .scope = OPTION_OF_RUN,
	 FIELD(stats),
	 .help = "count exits, and those to user space by reason and device: printed on\n"
		 "stderr at the end, and at once by SIGUSR1"},
	{.name = "verbose",
	 .kind = OPTION_FLAG,
	 .scope = OPTION_OF_RUN,
	 FIELD(verbose),
	 .help = "say what is done on stderr"},
	{0},
};

const struct command run_command = {
	.name = "run",
	.summary = "Boots a kernel in a virtual machine, its console on this terminal.",
	.options = options,
	.epilogue =
		"keys on a terminal: Ctrl-A x ends the run, Ctrl-A c shows these keys, Ctrl-A "
		"Ctrl-A sends Ctrl-A\n"
		"\n"
		"signals: SIGTERM, SIGHUP and Ctrl-C outside raw mode press the power button; a "
		"second one, or\n"
		"--grace passing, ends the run\n"
		"\n"
		"exit status:\n"
		"  0        the guest powered off\n"
		"  0-255    the guest handed this status to the debug-exit port 0xf4 (more than "
		"255 becomes 255)\n"
		"  1        the host refused something\n"
		"  2        usage\n"
		"  120      the guest reset itself, under --no-reboot\n"
		"  121      the guest crashed: KVM could not go on\n"
		"  122      the guest's kernel panicked and said so (pvpanic), under --no-reboot\n"
		"  124      --timeout passed\n"
		"  128+N    ended by signal N\n"
		"--status-file tells a guest's 1 from the host's.\n",
};

struct run_options run_options_default(void)
{
	return (struct run_options){
		.append = "",
		.boot = boot_choices[0],
		.mode = "hybrid",
		.mem = 512ull << 20,
		.cpus = 1,
		.grace = 10,
	};
}

bool run_options_append_has(const struct run_options *asked, const char *word)
{
	const char *at = asked->append;

	while ((at = strstr(at, word))) {
		if (at == asked->append || at[-1] == ' ')
			return true;
		at++;
	}
	return false;
}
