/* machine_config.c: what the option table cannot check. */
#include "vmm/machine_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int init_identity(struct machine_config *config)
{
	const struct run_options *options = &config->options;
	const struct identity_options identity = {
		.name = options->name,
		.uuid = options->uuid,
		.machine_id = options->machine_id,
		.hostname = options->hostname,
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
		err = take_mac(config, nic);
		if (err)
			return err;
		config->nnics++;
	}
	return 0;
}

int machine_config_init(struct machine_config *config)
{
	int err = check_options(&config->options);

	if (!err)
		err = init_identity(config);
	if (!err)
		err = take_disks(config);
	if (!err)
		err = take_nics(config);
	return err;
}

void machine_config_destroy(struct machine_config *config)
{
	free(config->disks);
	free(config->nics);
	config->disks = NULL;
	config->nics = NULL;
}
