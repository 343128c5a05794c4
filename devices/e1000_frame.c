/*
 * e1000_frame.c: what the 82540EM does to frames: checksums put in and looked at, TCP segmentation
 * (manual, sections 3.2.9 and 3.5). Only on copies that are ours: a guest cannot change them.
 */
#include <string.h>

#include "devices/e1000_core.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 20,
	UDP_HEADER = 8,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	TCP_FIN_AND_PSH = 0x09,
	/* Of a received frame's descriptor. */
	STATUS_IXSM = 1 << 2,
	STATUS_TCPCS = 1 << 5,
	STATUS_IPCS = 1 << 6,
	ERROR_TCPE = 1 << 5,
	ERROR_IPE = 1 << 6,
};

static void store_be16(uint8_t *to, size_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t e1000_sum(const uint8_t *bytes, size_t len)
{
	uint64_t sum = 0;
	uint16_t folded;
	size_t i = 0;

	/* Four bytes at a time, in memory order: the sum is the same, its bytes are swapped. */
	for (; i + 4 <= len; i += 4) {
		uint32_t word;

		memcpy(&word, bytes + i, sizeof(word));
		sum += word;
	}
	if (i < len) {
		uint8_t last[4] = {0};
		uint32_t word;

		memcpy(last, bytes + i, len - i);
		memcpy(&word, last, sizeof(word));
		sum += word;
	}
	folded = fold(sum);
	return load_be16(&folded);
}

void e1000_insert_checksum(uint8_t *frame, size_t len, size_t start, size_t offset, size_t end)
{
	size_t stop = end && end < len ? end + 1 : len;

	if (start >= stop || offset + 2 > len)
		return;
	store_be16(frame + offset, (uint16_t)~e1000_sum(frame + start, stop - start));
}

bool e1000_can_segment(const struct e1000_tx_context *context, size_t len)
{
	size_t ip = context->ip_start + (size_t)(context->ipv4 ? IPV4_HEADER : IPV6_HEADER);
	size_t data = context->data_start + (size_t)(context->tcp ? TCP_HEADER : UDP_HEADER);

	return context->mss > 0 && context->header < len && ip <= context->data_start &&
	       data <= context->header;
}

/* Adds to a checksum field that holds the sum of the pseudo header, as drivers leave it there. */
static void add_length(uint8_t *field, size_t length)
{
	store_be16(field, fold((uint64_t)load_be16(field) + length));
}

size_t e1000_make_segment(const struct e1000_tx_context *context, const uint8_t *frame, size_t len,
			  size_t position, uint8_t *out)
{
	size_t left = len - context->header - position;
	size_t part = left < context->mss ? left : context->mss;
	size_t size = context->header + part;
	uint8_t *ip = out + context->ip_start, *data = out + context->data_start;
	size_t data_len = size - context->data_start;

	memcpy(out, frame, context->header);
	memcpy(out + context->header, frame + context->header + position, part);
	if (context->ipv4) {
		store_be16(ip + 2, size - context->ip_start);
		store_be16(ip + 4, load_be16(ip + 4) + position / context->mss);
	} else {
		store_be16(ip + 4, size - context->ip_start - IPV6_HEADER);
	}
	if (context->tcp) {
		uint32_t number = ((uint32_t)load_be16(data + 4) << 16 | load_be16(data + 6)) +
				  (uint32_t)position;

		store_be16(data + 4, number >> 16);
		store_be16(data + 6, number);
		if (part < left)
			data[13] &= (uint8_t)~TCP_FIN_AND_PSH;
		add_length(data + 16, data_len);
	} else {
		store_be16(data + 4, data_len);
		add_length(data + 6, data_len);
	}
	return size;
}

/* Sum of protocol, length and addresses, RFC 9293, section 3.1. */
static uint64_t pseudo_sum(const uint8_t *ip, size_t data_len)
{
	return (uint64_t)e1000_sum(ip + 12, 8) + ip[9] + data_len;
}

void e1000_check_received(const uint8_t *frame, size_t len, uint32_t rxcsum, uint8_t *status,
			  uint8_t *errors)
{
	const uint8_t *ip = frame + NIC_FRAME_MIN, *data;
	size_t header, total, data_len;

	*status |= STATUS_IXSM; /* nothing looked at */
	if (!(rxcsum & (RXCSUM_IPOFL | RXCSUM_TUOFL)) || len < NIC_FRAME_MIN + IPV4_HEADER ||
	    load_be16(frame + 12) != ETHERTYPE_IPV4 || ip[0] >> 4 != 4)
		return;
	header = (size_t)(ip[0] & 0xf) * 4;
	total = load_be16(ip + 2);
	if (header < IPV4_HEADER || total < header || total > len - NIC_FRAME_MIN)
		return;
	*status &= (uint8_t)~STATUS_IXSM;
	if (rxcsum & RXCSUM_IPOFL) {
		*status |= STATUS_IPCS;
		if (e1000_sum(ip, header) != 0xffff)
			*errors |= ERROR_IPE;
	}
	data = ip + header;
	data_len = total - header;
	if (!(rxcsum & RXCSUM_TUOFL) || (load_be16(ip + 6) & 0x3fff) != 0)
		return; /* or a fragment */
	if (!(ip[9] == PROTOCOL_TCP && data_len >= TCP_HEADER) &&
	    !(ip[9] == PROTOCOL_UDP && data_len >= UDP_HEADER && load_be16(data + 6) != 0))
		return;
	*status |= STATUS_TCPCS;
	if (fold(pseudo_sum(ip, data_len) + e1000_sum(data, data_len)) != 0xffff)
		*errors |= ERROR_TCPE;
}
