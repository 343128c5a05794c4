/* identity.c: who a virtual machine is: one UUID, and every other id derived from it. */
#include "vmm/identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/bytes.h"
#include "vmm/log.h"
#include "vmm/sha256.h"
#include "vmm/util.h"

/* SHA-256 over the label with its NUL, the UUID in text order, and the index as a byte. */
static void derive(const struct uuid *uuid, const char *label, unsigned int index,
		   uint8_t digest[SHA256_SIZE])
{
	uint8_t number = (uint8_t)index;
	struct sha256 sha;

	sha256_init(&sha);
	sha256_update(&sha, label, strlen(label) + 1);
	sha256_update(&sha, uuid->bytes, UUID_SIZE);
	sha256_update(&sha, &number, sizeof(number));
	sha256_final(&sha, digest);
}

/* prefix and the first 2 * bytes hexadecimal digits of a derived value. */
static void derive_text(const struct uuid *uuid, const char *label, unsigned int index,
			const char *prefix, unsigned int bytes, char *text, size_t size)
{
	uint8_t digest[SHA256_SIZE];
	size_t used = (size_t)snprintf(text, size, "%s", prefix);

	derive(uuid, label, index, digest);
	for (unsigned int i = 0; i < bytes; i++, used += 2)
		snprintf(text + used, size - used, "%02x", digest[i]);
}

static void derive_mac(const struct uuid *uuid, unsigned int nic, uint8_t mac[IDENTITY_MAC_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	derive(uuid, "minivmm-mac", nic, digest);
	memcpy(mac, digest, IDENTITY_MAC_SIZE);
	mac[0] = (mac[0] & 0xfc) | 0x02; /* unicast, locally administered */
}

/* 0 to 2 and all ones are taken, vsock(7); tools that read a signed number shall see the same. */
static uint32_t derive_cid(const struct uuid *uuid)
{
	uint8_t digest[SHA256_SIZE];

	derive(uuid, "minivmm-vsock-cid", 0, digest);
	return 3 + load_le32(digest) % (INT32_MAX - 3);
}

static struct uuid derive_uuid(const struct uuid *uuid, const char *label, unsigned int index)
{
	uint8_t digest[SHA256_SIZE];
	struct uuid derived;

	derive(uuid, label, index, digest);
	memcpy(derived.bytes, digest, UUID_SIZE);
	derived.bytes[6] = (derived.bytes[6] & 0x0f) | 0x80; /* version 8 */
	derived.bytes[8] = (derived.bytes[8] & 0x3f) | 0x80; /* the RFC's variant */
	return derived;
}

static void derive_all(struct identity *identity)
{
	const struct uuid *uuid = &identity->uuid;
	char *id = identity->machine_id;

	uuid_format(uuid, identity->system_serial);
	for (const char *c = identity->system_serial; *c; c++) {
		if (*c != '-')
			*id++ = *c;
	}
	derive_text(uuid, "minivmm-hostname", 0, "vm-", 6, identity->hostname,
		    sizeof(identity->hostname));
	derive_text(uuid, "minivmm-board-serial", 0, "", 8, identity->board_serial,
		    sizeof(identity->board_serial));
	derive_text(uuid, "minivmm-chassis-serial", 0, "", 8, identity->chassis_serial,
		    sizeof(identity->chassis_serial));
	for (unsigned int i = 0; i < IDENTITY_MAX_NICS; i++)
		derive_mac(uuid, i, identity->macs[i]);
	for (unsigned int i = 0; i < IDENTITY_MAX_DISKS; i++)
		derive_text(uuid, "minivmm-disk-serial", i, "minivmm-", 6,
			    identity->disk_serials[i], sizeof(identity->disk_serials[i]));
	identity->vsock_cid = derive_cid(uuid);
}

static int take_uuid(struct identity *identity, const char *text)
{
	int err;

	if (!text) {
		err = uuid_random(&identity->uuid);
		if (err < 0)
			log_error(err, "no random numbers for a UUID");
		return err;
	}
	if (uuid_parse(&identity->uuid, text) < 0) {
		log_error(0, "--uuid '%s': not a UUID (want xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx)",
			  text);
		return -EINVAL;
	}
	if (uuid_is_nil_or_max(&identity->uuid)) {
		log_error(0, "--uuid '%s': all zeroes or all ones is nobody's UUID", text);
		return -EINVAL;
	}
	if (uuid_version(&identity->uuid) != 4)
		log_warning("--uuid '%s': not a random (version 4) UUID, taken as it is", text);
	return 0;
}

static bool label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool identity_hostname_valid(const char *hostname)
{
	size_t len = strlen(hostname);

	if (len == 0 || len >= IDENTITY_NAME_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool first = i == 0 || hostname[i - 1] == '.';
		bool last = i == len - 1 || hostname[i + 1] == '.';

		if (label_char(hostname[i]))
			continue;
		if (hostname[i] == '-' && !first && !last)
			continue;
		if (hostname[i] == '.' && !first && i != len - 1)
			continue;
		return false;
	}
	return true;
}

static int take_hostname(char *to, const char *option, const char *text)
{
	if (!identity_hostname_valid(text)) {
		log_error(0,
			  "%s '%s': not a host name (want letters, digits and inner hyphens, "
			  "1 to 63 characters)",
			  option, text);
		return -EINVAL;
	}
	strcpy(to, text);
	return 0;
}

static int take_machine_id(struct identity *identity, const char *text)
{
	static const char zeroes[] = "00000000000000000000000000000000";
	size_t len = strspn(text, "0123456789abcdefABCDEF");

	if (len != IDENTITY_MACHINE_ID_SIZE - 1 || text[len]) {
		log_error(0, "--machine-id '%s': not a machine id (want 32 hexadecimal digits)",
			  text);
		return -EINVAL;
	}
	for (size_t i = 0; i <= len; i++)
		identity->machine_id[i] =
			text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] | 0x20) : text[i];
	if (strcmp(identity->machine_id, zeroes) == 0 || strspn(text, "fF") == len) {
		log_error(0, "--machine-id '%s': all zeroes or all ones is nobody's id", text);
		return -EINVAL;
	}
	return 0;
}

/* Copies 1 to size - 1 characters between first and '~'. */
static int take_serial(char *to, size_t size, char first, const char *what, const char *text)
{
	size_t len = strlen(text);
	bool printable = true;

	for (size_t i = 0; i < len; i++)
		printable = printable && text[i] >= first && text[i] <= '~';
	if (len == 0 || len >= size || !printable) {
		log_error(0, "%s '%s': not a serial number (want 1 to %zu printable characters%s)",
			  what, text, size - 1, first == ' ' ? "" : " without spaces");
		return -EINVAL;
	}
	strcpy(to, text);
	return 0;
}

static int take_serials(struct identity *identity, const struct identity_options *options)
{
	const struct {
		const char *what, *text;
		char *to;
	} serials[] = {
		{"--serial", options->system_serial, identity->system_serial},
		{"--board-serial", options->board_serial, identity->board_serial},
		{"--chassis-serial", options->chassis_serial, identity->chassis_serial},
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(serials) && !err; i++) {
		if (serials[i].text)
			err = take_serial(serials[i].to, IDENTITY_SERIAL_SIZE, ' ', serials[i].what,
					  serials[i].text);
	}
	return err;
}

int identity_create(struct identity *identity, const struct identity_options *options)
{
	int err;

	*identity = (struct identity){0};
	err = take_uuid(identity, options->uuid);
	if (err < 0)
		return err;
	derive_all(identity);
	if (options->name) {
		err = take_hostname(identity->name, "--name", options->name);
		if (err < 0)
			return err;
		strcpy(identity->hostname, identity->name);
	}
	if (options->hostname) {
		err = take_hostname(identity->hostname, "--hostname", options->hostname);
		if (err < 0)
			return err;
	}
	if (options->machine_id) {
		err = take_machine_id(identity, options->machine_id);
		if (err < 0)
			return err;
	}
	err = take_serials(identity, options);
	if (err < 0)
		return err;
	if (options->vsock_cid)
		identity->vsock_cid = options->vsock_cid;
	err = uuid_random(&identity->generation_id);
	if (err < 0)
		log_error(err, "no random numbers for a generation id");
	return err;
}

/* Exactly xx:xx:xx:xx:xx:xx. */
static bool parse_mac(uint8_t mac[IDENTITY_MAC_SIZE], const char *text)
{
	unsigned int bytes[IDENTITY_MAC_SIZE];
	char normal[IDENTITY_MAC_TEXT_SIZE];
	int used = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		   &bytes[4], &bytes[5], &used) != IDENTITY_MAC_SIZE ||
	    text[used])
		return false;
	for (unsigned int i = 0; i < IDENTITY_MAC_SIZE; i++)
		mac[i] = (uint8_t)bytes[i];
	identity_format_mac(mac, normal);
	return strcasecmp(text, normal) == 0; /* sscanf() also takes "+1", " 1" and "1" */
}

int identity_pin_mac(struct identity *identity, unsigned int nic, const char *what,
		     const char *text)
{
	static const uint8_t zeroes[IDENTITY_MAC_SIZE];
	uint8_t mac[IDENTITY_MAC_SIZE];

	if (!parse_mac(mac, text)) {
		log_error(0, "%s '%s': not a MAC address (want xx:xx:xx:xx:xx:xx)", what, text);
		return -EINVAL;
	}
	if (mac[0] & 0x01 || memcmp(mac, zeroes, sizeof(mac)) == 0) {
		log_error(0, "%s '%s': not the address of one card (group bit set, or all zeroes)",
			  what, text);
		return -EINVAL;
	}
	memcpy(identity->macs[nic], mac, sizeof(mac));
	return 0;
}

int identity_pin_disk_serial(struct identity *identity, unsigned int disk, const char *what,
			     const char *text)
{
	return take_serial(identity->disk_serials[disk], IDENTITY_DISK_SERIAL_SIZE, '!', what,
			   text);
}

int identity_pin_system_serial(struct identity *identity, const char *what, const char *text)
{
	return take_serial(identity->system_serial, IDENTITY_SERIAL_SIZE, ' ', what, text);
}

struct uuid identity_subsystem_uuid(const struct identity *identity, unsigned int disk)
{
	return derive_uuid(&identity->uuid, "minivmm-nvme-subsystem", disk);
}

struct uuid identity_namespace_uuid(const struct identity *identity, unsigned int disk)
{
	return derive_uuid(&identity->uuid, "minivmm-nvme-namespace", disk);
}

void identity_format_mac(const uint8_t mac[IDENTITY_MAC_SIZE], char text[IDENTITY_MAC_TEXT_SIZE])
{
	snprintf(text, IDENTITY_MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
}
