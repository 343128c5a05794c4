/* machine_config.c: what the option table cannot check. */
#include "vmm/machine_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/ports.h"
#include "vmm/log.h"

enum { ERROR_SIZE = 256 };

static int check_options(const struct run_options *options)
{
	if (!options->kernel) {
		log_error(0, "--kernel is missing; see 'minivmm run --help'");
		return -EINVAL;
	}
	if (options->mem % 4096) {
		log_error(0, "--mem: not a multiple of 4K");
		return -EINVAL;
	}
	return 0;
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

/* A command line that names hvc0 wants it to be there, also where the mode's own console is not. */
static const char *default_console(const struct run_options *options, const struct mode *mode)
{
	if (run_options_append_has(options, "console=hvc") && is_one_of("both", mode->consoles))
		return "both";
	return mode->console;
}

/* What the options leave open is the mode's to say; what contradicts it is a mistake. */
static int apply_mode(struct machine_config *config)
{
	struct run_options *options = &config->options;
	const struct mode *mode = mode_find(options->mode);

	config->mode = mode;
	if (!options->console)
		options->console = default_console(options, mode);
	if (!is_one_of(options->console, mode->consoles)) {
		log_error(0, "--console %s: there is none in --mode %s", options->console,
			  mode->name);
		return -EINVAL;
	}
	if (options->transport && !mode->virtio) {
		log_error(0, "--transport: there are no virtio devices in --mode %s", mode->name);
		return -EINVAL;
	}
	if (!options->transport)
		options->transport = "pci";
	return 0;
}

/* The model of a disk or card, which was given or is the mode's own. */
static int check_model(const struct machine_config *config, const char *what, const char *value,
		       bool emulated)
{
	const struct mode *mode = config->mode;

	if (emulated ? mode->emulated : mode->virtio)
		return 0;
	log_error(0, "%s '%s': there are only %s models in --mode %s", what, value,
		  emulated ? "virtio" : "emulated", mode->name);
	return -EINVAL;
}

static int init_identity(struct machine_config *config)
{
	const struct run_options *options = &config->options;
	const struct identity_options identity = {
		.name = options->name,
		.uuid = options->uuid,
		.machine_id = options->machine_id,
		.hostname = options->hostname,
		.system_serial = options->serial,
		.board_serial = options->board_serial,
		.chassis_serial = options->chassis_serial,
		.vsock_cid = options->vsock_cid,
	};

	return identity_create(&config->identity, &identity);
}

static int take_disks(struct machine_config *config)
{
	const struct option_list *list = &config->options.disks;

	config->disks = calloc(list->n ? list->n : 1, sizeof(*config->disks));
	if (!config->disks)
		return -ENOMEM;
	for (unsigned int i = 0; i < list->n; i++) {
		struct disk_options *disk = &config->disks[config->ndisks];
		int err = disk_options_parse(list->values[i], disk);

		if (disk->model == DISK_MODEL_DEFAULT)
			disk->model = config->mode->virtio ? DISK_MODEL_VIRTIO : DISK_MODEL_NVME;
		if (!err)
			err = check_model(config, "--disk", list->values[i],
					  disk->model == DISK_MODEL_NVME);
		if (!err && disk->serial[0])
			err = identity_pin_disk_serial(&config->identity, i,
						       "--disk serial=", disk->serial);
		if (err)
			return err;
		config->ndisks++;
	}
	return 0;
}

/* A card's own address is the identity's, unless one was given; no two cards may have the same. */
static int take_mac(struct machine_config *config, struct nic_options *nic)
{
	uint8_t(*macs)[IDENTITY_MAC_SIZE] = config->identity.macs;
	char text[IDENTITY_MAC_TEXT_SIZE];

	if (nic->has_mac)
		memcpy(macs[config->nnics], nic->mac, IDENTITY_MAC_SIZE);
	for (unsigned int i = 0; i < config->nnics; i++) {
		if (memcmp(macs[i], macs[config->nnics], IDENTITY_MAC_SIZE) != 0)
			continue;
		identity_format_mac(macs[i], text);
		log_error(0, "--net: two cards with the MAC %s", text);
		return -EINVAL;
	}
	return 0;
}

static int take_nics(struct machine_config *config)
{
	const struct option_list *list = &config->options.nets;
	char error[ERROR_SIZE];

	config->nics = calloc(list->n ? list->n : 1, sizeof(*config->nics));
	if (!config->nics)
		return -ENOMEM;
	for (unsigned int i = 0; i < list->n; i++) {
		struct nic_options *nic = &config->nics[config->nnics];
		int err = nic_options_parse(list->values[i], nic, error, sizeof(error));

		if (err) {
			log_error(0, "--net '%s': %s", list->values[i], error);
			return err;
		}
		if (nic->kind == NIC_NONE)
			continue;
		if (nic->model == NIC_MODEL_DEFAULT)
			nic->model = config->mode->virtio ? NIC_MODEL_VIRTIO : NIC_MODEL_E1000;
		err = check_model(config, "--net", list->values[i], nic->model == NIC_MODEL_E1000);
		if (!err)
			err = take_mac(config, nic);
		if (err)
			return err;
		config->nnics++;
	}
	return 0;
}

static int take_ports(struct machine_config *config)
{
	const struct option_list *list = &config->options.ports;

	if (list->n == 0)
		return 0;
	if (!config->mode->virtio) {
		log_error(0, "--port: there are no virtio devices in --mode %s",
			  config->mode->name);
		return -EINVAL;
	}
	if (list->n > VIRTIO_PORTS_MAX) {
		log_error(0, "--port: there are %d at most", VIRTIO_PORTS_MAX);
		return -EINVAL;
	}
	config->ports = calloc(list->n, sizeof(*config->ports));
	if (!config->ports)
		return -ENOMEM;
	for (unsigned int i = 0; i < list->n; i++) {
		int err = port_options_parse(list->values[i], &config->ports[i]);

		for (unsigned int j = 0; j < i && !err; j++) {
			if (strcmp(config->ports[i].name, config->ports[j].name) != 0)
				continue;
			log_error(0, "--port: two ports with the name '%s'", config->ports[i].name);
			err = -EINVAL;
		}
		if (err)
			return err;
		config->nports++;
	}
	return 0;
}

int machine_config_init(struct machine_config *config)
{
	int err = check_options(&config->options);

	if (!err)
		err = apply_mode(config);
	if (!err)
		err = init_identity(config);
	if (!err)
		err = take_disks(config);
	if (!err)
		err = take_nics(config);
	if (!err)
		err = take_ports(config);
	return err;
}

void machine_config_destroy(struct machine_config *config)
{
	free(config->disks);
	free(config->nics);
	free(config->ports);
	config->disks = NULL;
	config->nics = NULL;
	config->ports = NULL;
}
