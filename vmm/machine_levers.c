/* machine_levers.c: see machine_levers.h. What is on by default is decide()'s. */
#include "vmm/machine_levers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base64.h"
#include "vmm/identity_initrd.h"
#include "vmm/log.h"
#include "vmm/machine_host_keys.h"
#include "vmm/small_file.h"
#include "vmm/util.h"

enum { SSH_KEY_MAX_BYTES = 16384 };

static bool has_writable_disk(const struct machine_config *config)
{
	for (unsigned int i = 0; i < config->ndisks; i++) {
		if (!config->disks[i].read_only)
			return true;
	}
	return false;
}

static unsigned int default_levers(const struct machine_config *config)
{
	if (config->options.name)
		return LEVER_SMBIOS | LEVER_CMDLINE | LEVER_CREDENTIALS | LEVER_INITRD;
	if (!has_writable_disk(config))
		return LEVER_SMBIOS | LEVER_CMDLINE | LEVER_INITRD;
	log_verbose("disks of a machine without a name get no ids written to them; --name NAME or "
		    "--identity smbios,cmdline,credentials,initrd turns that on");
	return LEVER_SMBIOS;
}

static int decide(struct machine_levers *levers)
{
	const struct run_options *options = &levers->config->options;
	int err = 0;

	if (options->identity)
		err = levers_parse(options->identity, &levers->set);
	else
		levers->set = default_levers(levers->config);
	if (err)
		return err;
	if (options->cloud_init)
		levers->set |= LEVER_CLOUD_INIT;
	if (!options->no_auto_append)
		return 0;
	if (options->identity && levers->set & LEVER_CMDLINE) {
		log_error(0, "--identity cmdline: --no-auto-append adds nothing to the command "
			     "line");
		return -EINVAL;
	}
	levers->set &= ~(unsigned int)LEVER_CMDLINE;
	return 0;
}

static void make_shown(struct machine_levers *levers)
{
	struct identity *shown = &levers->shown;

	*shown = levers->config->identity;
	if (!(levers->set & LEVER_SMBIOS))
		levers_hide(shown);
	if (levers->set & LEVER_CLOUD_INIT && !cloud_init_has_files(&levers->cloud_init))
		cloud_init_serial(&levers->config->identity, shown->system_serial);
}

static int take_ssh_key(struct machine_levers *levers)
{
	const char *path = levers->config->options.ssh_key;
	char *text = NULL;
	size_t len;
	int err;

	if (!path)
		return 0;
	if (credentials_find(&levers->credentials, "ssh.authorized_keys.root")) {
		log_error(0, "--ssh-key: --credential ssh.authorized_keys.root is given as well");
		return -EINVAL;
	}
	err = small_file_read("SSH key", path, SSH_KEY_MAX_BYTES, &text, &len);
	if (!err && strstr(text, "PRIVATE KEY-----")) {
		log_error(0, "SSH key '%s': is a private key; name the one that ends in .pub",
			  path);
		err = -EINVAL;
	}
	if (!err)
		err = credentials_append(&levers->credentials, "ssh.authorized_keys.root", text,
					 len);
	free(text);
	return err;
}

static int check_oem_string(const char *text)
{
	const char *c = text;

	while (*c >= ' ' && *c <= '~')
		c++;
	if (c > text && !*c)
		return 0;
	log_error(0, "--smbios-oem: a string is one line of printable characters, not empty");
	return -EINVAL;
}

static int take_credentials(struct machine_levers *levers)
{
	const struct run_options *options = &levers->config->options;
	int err = 0;

	for (unsigned int i = 0; i < options->smbios_oem.n && !err; i++)
		err = check_oem_string(options->smbios_oem.values[i]);
	for (unsigned int i = 0; i < options->credentials.n && !err; i++)
		err = credentials_parse(&levers->credentials, "credential",
					options->credentials.values[i]);
	return err ? err : take_ssh_key(levers);
}

/* Those that minivmm makes, once for each epoch. folder: the machine's, or NULL. */
static int take_own_host_keys(struct machine_levers *levers, const char *folder, bool asked)
{
	const struct identity *identity = &levers->config->identity;
	int err = 0;

	if (!folder && asked) {
		log_error(0, "--ssh-host-keys auto: only a machine with a --name keeps keys");
		return -EINVAL;
	}
	if (!folder)
		return 0;
	if (!identity->adopted)
		err = machine_host_keys_make(folder, identity->hostname);
	if (err == -ENOENT && asked)
		log_error(0, "ssh-keygen: there is none on this host (Debian: openssh-client)");
	else if (err == -ENOENT)
		log_verbose("no ssh-keygen on this host (Debian: openssh-client): the guest keeps "
			    "the SSH host keys it has");
	if (err)
		return err == -ENOENT && !asked ? 0 : err;
	/* Where none were made while they could be given, the guest has its own. */
	if (!host_keys_are_in(folder))
		return 0;
	return host_keys_read(&levers->host_keys, folder);
}

static int take_host_keys(struct machine_levers *levers, const char *folder)
{
	const char *choice = levers->config->options.ssh_host_keys;
	bool serial_alone =
		levers->set & LEVER_CLOUD_INIT && !cloud_init_has_files(&levers->cloud_init);

	if (choice && strcmp(choice, "none") == 0)
		return 0;
	if (choice && !(levers->set & LEVER_CREDENTIALS)) {
		log_error(0, "--ssh-host-keys: they are given as credentials: needs a --name, or "
			     "--identity with 'credentials' in it");
		return -EINVAL;
	}
	if (choice && strcmp(choice, "auto") != 0)
		return host_keys_read(&levers->host_keys, choice);
	/* cloud-init then makes new ones in place of any it finds. */
	if (!(levers->set & LEVER_CREDENTIALS) || (serial_alone && !choice))
		return 0;
	return take_own_host_keys(levers, folder, choice != NULL);
}

static int take_cloud_init(struct machine_levers *levers)
{
	const char *text = levers->config->options.cloud_init;
	int err = text ? cloud_init_parse(&levers->cloud_init, text) : 0;

	if (!err && levers->set & LEVER_CLOUD_INIT && !cloud_init_has_files(&levers->cloud_init) &&
	    levers->config->options.serial) {
		log_error(0, "--serial: cloud-init without files is the serial number itself");
		err = -EINVAL;
	}
	if (!err && cloud_init_has_files(&levers->cloud_init) &&
	    levers->config->ndisks == IDENTITY_MAX_DISKS) {
		log_error(0, "--cloud-init: no place for its disk behind %d others",
			  IDENTITY_MAX_DISKS);
		err = -EINVAL;
	}
	return err;
}

static int make_seed(struct machine_levers *levers)
{
	if (!cloud_init_has_files(&levers->cloud_init))
		return 0;
	return cloud_init_make_seed(&levers->cloud_init, &levers->config->identity,
				    levers->host_keys.n > 0, &levers->seed, &levers->seed_size);
}

/* Lines of tmpfiles.d(5): the first stands for no id of its own and is harmless every time. */
static int write_tmpfiles(const struct machine_levers *levers, FILE *out)
{
	char line[IDENTITY_NAME_SIZE + 1], base64[BASE64_SIZE(sizeof(line))];
	int len = snprintf(line, sizeof(line), "%s\n", levers->config->identity.hostname);

	fputs("L+ /var/lib/dbus/machine-id - - - - /etc/machine-id\n", out);
	if (!levers->once)
		return 0;
	base64_encode(line, (size_t)len, base64);
	fprintf(out, "f+~ /etc/hostname 0644 root root - %s\n", base64);
	return host_keys_write_tmpfiles(&levers->host_keys, out);
}

static int add_tmpfiles(const struct machine_levers *levers, struct credentials *all)
{
	char *text = NULL;
	size_t len;
	FILE *out;
	int err;

	if (!(levers->set & LEVER_CREDENTIALS))
		return 0;
	out = open_memstream(&text, &len);
	if (!out)
		return -ENOMEM;
	err = write_tmpfiles(levers, out);
	if (fclose(out) != 0 && !err)
		err = -ENOMEM;
	if (!err)
		err = credentials_append(all, "tmpfiles.extra", text, len);
	free(text);
	return err;
}

static void free_strings(struct machine_levers *levers)
{
	while (levers->noem_strings > 0)
		free((void *)(uintptr_t)levers->oem_strings[--levers->noem_strings]);
	free(levers->oem_strings);
	levers->oem_strings = NULL;
}

static int add_string(struct machine_levers *levers, char *text)
{
	if (!text)
		return -ENOMEM;
	levers->oem_strings[levers->noem_strings++] = text;
	return 0;
}

static int make_strings(struct machine_levers *levers)
{
	const struct option_list *plain = &levers->config->options.smbios_oem;
	struct credentials all = {.n = 0};
	int err = 0;

	for (unsigned int i = 0; i < levers->credentials.n && !err; i++) {
		const struct credential *credential = &levers->credentials.items[i];

		err = credentials_append(&all, credential->name, credential->value,
					 credential->len);
	}
	if (!err)
		err = add_tmpfiles(levers, &all);
	free_strings(levers);
	levers->oem_strings = calloc(plain->n + all.n + 1, sizeof(*levers->oem_strings));
	if (!levers->oem_strings)
		err = -ENOMEM;
	for (unsigned int i = 0; i < plain->n && !err; i++)
		err = add_string(levers, strdup(plain->values[i]));
	for (unsigned int i = 0; i < all.n && !err; i++)
		err = add_string(levers, credential_oem_string(&all.items[i]));
	credentials_free(&all);
	return err;
}

static int make_archive(struct machine_levers *levers)
{
	const struct machine_config *config = levers->config;
	bool root_files = levers->once && has_writable_disk(config);

	free(levers->archive);
	levers->archive = NULL;
	if (!(levers->set & LEVER_INITRD))
		return 0;
	return identity_initrd_make(&config->identity, config->nnics, config->ndisks, root_files,
				    &levers->archive, &levers->archive_size);
}

int machine_levers_init(struct machine_levers *levers, const struct machine_config *config,
			const char *folder)
{
	int err;

	*levers = (struct machine_levers){.config = config, .once = !config->identity.adopted};
	err = decide(levers);
	if (!err)
		err = take_cloud_init(levers);
	if (!err)
		err = take_credentials(levers);
	if (!err)
		err = take_host_keys(levers, folder);
	if (!err)
		err = make_seed(levers);
	if (!err)
		err = make_strings(levers);
	if (!err)
		err = make_archive(levers);
	if (err) {
		machine_levers_destroy(levers);
		return err;
	}
	if (levers->set & LEVER_CMDLINE)
		levers_cmdline(&config->identity, config->options.append, levers->cmdline);
	make_shown(levers);
	return 0;
}

void machine_levers_destroy(struct machine_levers *levers)
{
	free_strings(levers);
	free(levers->archive);
	free(levers->seed);
	credentials_free(&levers->credentials);
	host_keys_free(&levers->host_keys);
	cloud_init_free(&levers->cloud_init);
	*levers = (struct machine_levers){0};
}

int machine_levers_adopted(struct machine_levers *levers)
{
	int err;

	levers->once = false;
	err = make_strings(levers);
	return err ? err : make_archive(levers);
}

void machine_levers_tell(const struct machine_levers *levers)
{
	host_keys_tell(&levers->host_keys, levers->config->identity.hostname);
}
