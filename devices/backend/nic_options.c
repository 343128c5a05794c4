/* nic_options.c: the parser of --net, one table row for each suboption. */
#include "devices/backend/nic_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/backend/nic.h"
#include "vmm/util.h"

/* Where the complaint goes. */
struct complaint {
	char *text;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct complaint *complaint,
							  const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(complaint->text, complaint->size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int parse_number(const char *text, unsigned long min, unsigned long max,
			unsigned long *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoul(text, &end, 10);
	if (errno || *end || *number < min || *number > max)
		return -EINVAL;
	return 0;
}

/* "52:54:00:12:34:56": 0, or -EINVAL for anything else, a multicast or a zero address. */
static int parse_mac(const char *text, uint8_t mac[static NIC_MAC_SIZE])
{
	uint8_t bytes[NIC_MAC_SIZE];
	unsigned int sum = 0;

	for (unsigned int i = 0; i < NIC_MAC_SIZE; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < NIC_MAC_SIZE ? ':' : '\0'))
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
		sum += bytes[i];
	}
	if ((bytes[0] & 1) || sum == 0)
		return -EINVAL;
	memcpy(mac, bytes, sizeof(bytes));
	return 0;
}

static int copy_text(char *to, size_t size, const char *value, const char *what,
		     const struct complaint *complaint)
{
	if (!*value)
		return complain(complaint, "%s= is empty", what);
	if (strlen(value) >= size)
		return complain(complaint, "%s '%s' is too long (at most %zu characters)", what,
				value, size - 1);
	strcpy(to, value);
	return 0;
}

/* The index of value in words, or -EINVAL with the list of them. */
static int choose(const char *value, const char *what, const char *const *words, size_t nwords,
		  const struct complaint *complaint)
{
	const char *nearest;

	for (size_t i = 0; i < nwords; i++) {
		if (strcmp(value, words[i]) == 0)
			return (int)i;
	}
	nearest = nearest_word(value, strlen(value), words, nwords);
	return complain(complaint, "%s=%s is not known: did you mean %s=%s?", what, value, what,
			nearest ? nearest : words[0]);
}

static int set_mac(struct nic_options *options, const char *value,
		   const struct complaint *complaint)
{
	options->has_mac = true;
	if (parse_mac(value, options->mac) == 0)
		return 0;
	if (strlen(value) == 17 && hex_digit(value[1]) > 0 && (hex_digit(value[1]) & 1))
		return complain(complaint,
				"mac=%s is a multicast address: its first byte must be even",
				value);
	return complain(complaint, "mac=%s is not a MAC address like 52:54:00:12:34:56", value);
}

static int set_mtu(struct nic_options *options, const char *value,
		   const struct complaint *complaint)
{
	unsigned long number;

	if (parse_number(value, NIC_MTU_MIN, NIC_MTU_MAX, &number) < 0)
		return complain(complaint, "mtu=%s is not a number from %d to %d", value,
				NIC_MTU_MIN, NIC_MTU_MAX);
	options->mtu = (uint16_t)number;
	return 0;
}

static int set_queues(struct nic_options *options, const char *value,
		      const struct complaint *complaint)
{
	unsigned long number;

	if (parse_number(value, 1, NIC_MAX_QUEUES, &number) < 0)
		return complain(complaint, "queues=%s is not a number from 1 to %d", value,
				NIC_MAX_QUEUES);
	options->queues = (unsigned int)number;
	return 0;
}

static int set_script(struct nic_options *options, const char *value,
		      const struct complaint *complaint)
{
	return copy_text(options->script, sizeof(options->script), value, "script", complaint);
}

static int set_vhost(struct nic_options *options, const char *value,
		     const struct complaint *complaint)
{
	static const char *const words[] = {
		[NIC_VHOST_AUTO] = "auto", [NIC_VHOST_ON] = "on", [NIC_VHOST_OFF] = "off"};
	int choice = choose(value, "vhost", words, ARRAY_SIZE(words), complaint);

	if (choice < 0)
		return choice;
	options->vhost = (enum nic_vhost)choice;
	return 0;
}

static int set_model(struct nic_options *options, const char *value,
		     const struct complaint *complaint)
{
	static const char *const words[] = {"virtio", "e1000"};
	int choice = choose(value, "model", words, ARRAY_SIZE(words), complaint);

	if (choice < 0)
		return choice;
	options->model = choice == 0 ? NIC_MODEL_VIRTIO : NIC_MODEL_E1000;
	return 0;
}

static int set_iothread(struct nic_options *options, const char *value,
			const struct complaint *complaint)
{
	static const char *const words[] = {"off", "on"};
	int choice = choose(value, "iothread", words, ARRAY_SIZE(words), complaint);

	if (choice < 0)
		return choice;
	options->iothread = choice == 1;
	return 0;
}

/* HOST:GUEST, or HOST:GUEST/tcp or /udp. */
static int set_forward(struct nic_options *options, const char *value,
		       const struct complaint *complaint)
{
	struct nic_forward *forward = &options->forwards[options->nforwards];
	unsigned long host, guest;
	char text[24];
	char *colon, *protocol;

	if (options->nforwards == NIC_MAX_FORWARDS)
		return complain(complaint, "more than %d forward=", NIC_MAX_FORWARDS);
	snprintf(text, sizeof(text), "%s", value);
	protocol = strchr(text, '/');
	if (protocol)
		*protocol++ = '\0';
	colon = strchr(text, ':');
	if (colon)
		*colon++ = '\0';
	if (strlen(value) >= sizeof(text) || !colon || parse_number(text, 1, 65535, &host) < 0 ||
	    parse_number(colon, 1, 65535, &guest) < 0 ||
	    (protocol && strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
		return complain(complaint, "forward=%s is not HOSTPORT:GUESTPORT or ...:.../udp",
				value);
	forward->host = (uint16_t)host;
	forward->guest = (uint16_t)guest;
	forward->udp = protocol && strcmp(protocol, "udp") == 0;
	options->nforwards++;
	return 0;
}

#define KIND(kind) (1U << (kind))
#define ANY_KIND (KIND(NIC_TAP) | KIND(NIC_FD) | KIND(NIC_PASST) | KIND(NIC_PEER))

static const struct suboption {
	const char *name;
	unsigned int kinds; /* that take it */
	int (*set)(struct nic_options *options, const char *value,
		   const struct complaint *complaint);
} suboptions[] = {
	{"mac", ANY_KIND, set_mac},
	{"mtu", ANY_KIND, set_mtu},
	{"model", ANY_KIND, set_model},
	{"iothread", ANY_KIND, set_iothread},
	{"script", KIND(NIC_TAP), set_script},
	{"vhost", KIND(NIC_TAP) | KIND(NIC_FD), set_vhost},
	{"queues", KIND(NIC_TAP), set_queues},
	{"forward", KIND(NIC_PASST), set_forward},
};

static const char *const kind_names[] = {[NIC_NONE] = "none",
					 [NIC_TAP] = "tap",
					 [NIC_FD] = "fd",
					 [NIC_PASST] = "passt",
					 [NIC_PEER] = "peer"};

static int unknown_suboption(const struct nic_options *options, const char *name, size_t len,
			     const struct complaint *complaint)
{
	const char *names[ARRAY_SIZE(suboptions)];
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(suboptions); i++) {
		bool fits = suboptions[i].kinds & KIND(options->kind);

		names[i] = fits ? suboptions[i].name : NULL;
	}
	nearest = nearest_word(name, len, names, ARRAY_SIZE(names));
	if (nearest)
		return complain(complaint, "%s has no suboption '%.*s': did you mean '%s'?",
				kind_names[options->kind], (int)len, name, nearest);
	return complain(complaint, "%s has no suboption '%.*s'", kind_names[options->kind],
			(int)len, name);
}

static int set_suboption(struct nic_options *options, const char *text, unsigned int *seen,
			 const struct complaint *complaint)
{
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);

	for (size_t i = 0; i < ARRAY_SIZE(suboptions); i++) {
		const struct suboption *suboption = &suboptions[i];

		if (strlen(suboption->name) != len || memcmp(suboption->name, text, len) != 0 ||
		    !(suboption->kinds & KIND(options->kind)))
			continue;
		if (!value)
			return complain(complaint, "%s needs a value: %s=...", suboption->name,
					suboption->name);
		if ((*seen & 1U << i) && suboption->set != set_forward)
			return complain(complaint, "%s= is given twice", suboption->name);
		*seen |= 1U << i;
		return suboption->set(options, value + 1, complaint);
	}
	return unknown_suboption(options, text, len, complaint);
}

static int unknown_kind(const char *text, size_t len, const struct complaint *complaint)
{
	const char *nearest = nearest_word(text, len, kind_names, ARRAY_SIZE(kind_names));

	return complain(complaint,
			"'%.*s' is not a kind of network: tap[=NAME], fd=N, passt[=PATH], "
			"peer or none%s%s%s",
			(int)len, text, nearest ? " (did you mean " : "", nearest ? nearest : "",
			nearest ? "?)" : "");
}

/* What stands behind the kind's "=", or NULL. */
static int set_kind_value(struct nic_options *options, const char *value,
			  const struct complaint *complaint)
{
	unsigned long number;

	switch (options->kind) {
	case NIC_TAP:
		return value ? copy_text(options->interface, sizeof(options->interface), value,
					 "tap", complaint)
			     : 0;
	case NIC_PASST:
		return copy_text(options->passt, sizeof(options->passt), value ? value : "passt",
				 "passt", complaint);
	case NIC_FD:
		if (!value || parse_number(value, 0, INT_MAX, &number) < 0)
			return complain(complaint, "fd= needs the number of an open descriptor");
		options->fd = (int)number;
		return 0;
	default:
		return value ? complain(complaint, "%s takes no value", kind_names[options->kind])
			     : 0;
	}
}

/* The first word: what kind of network, and its one value. */
static int set_kind(struct nic_options *options, const char *text,
		    const struct complaint *complaint)
{
	size_t len = strcspn(text, "=");

	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
		if (strlen(kind_names[i]) != len || memcmp(kind_names[i], text, len) != 0)
			continue;
		options->kind = (enum nic_kind)i;
		return set_kind_value(options, text[len] ? text + len + 1 : NULL, complaint);
	}
	return unknown_kind(text, len, complaint);
}

/* Cuts the text at the next comma that stands alone, and makes one of two; NULL at the end. */
static char *next_word(char **rest)
{
	char *word = *rest, *from = word, *to = word;

	if (!word)
		return NULL;
	while (*from && (*from != ',' || from[1] == ',')) {
		from += *from == ',';
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return word;
}

int nic_options_parse(const char *text, struct nic_options *options, char *error, size_t error_size)
{
	const struct complaint complaint = {error, error_size};
	unsigned int seen = 0;
	char *copy = strdup(text);
	char *rest = copy;
	char *word;
	int err;

	*options = (struct nic_options){.fd = -1, .queues = 1};
	if (!copy)
		return complain(&complaint, "out of memory");
	err = set_kind(options, next_word(&rest), &complaint);
	while (!err && (word = next_word(&rest)) != NULL)
		err = set_suboption(options, word, &seen, &complaint);
	free(copy);
	return err;
}
