/*
 * nic_peer.c: a neighbour inside this process: answers ARP (RFC 826) and ping (RFC 792) for every
 * address but the guest's own, so that a card can be measured and tried with no root and no host
 * network.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/backend/nic.h"
#include "devices/backend/nic_port.h"
#include "vmm/bytes.h"
#include "vmm/log.h"
#include "vmm/util.h"

enum {
	SLOTS = 64, /* answers that wait for the guest to take them */
	SLOT_SIZE = 9018,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	PROTOCOL_ICMP = 1,
	ICMP_REPLY = 0,
	ICMP_REQUEST = 8,
};

/* Where things stand in a frame, in bytes. */
enum {
	ETHERNET_TYPE = 12,
	ARP_OPERATION = 14 + 6,
	ARP_SENDER = 14 + 8, /* six bytes of MAC, four of IP, then the same of the target */
	ARP_TARGET = 14 + 18,
	ARP_END = 14 + 28,
	IPV4_HEADER = 14,
	IPV4_FRAGMENT = 14 + 6,
	IPV4_PROTOCOL = 14 + 9,
	IPV4_SOURCE = 14 + 12,
	IPV4_DESTINATION = 14 + 16,
	IPV4_END = 14 + 20, /* without options */
};

static const uint8_t peer_mac[6] = {0x02, 0x70, 0x65, 0x65, 0x72, 0x01};

struct answer {
	size_t len;
	uint8_t frame[SLOT_SIZE];
};

struct peer {
	struct nic nic;
	struct nic_port port; /* an eventfd: counts up when an answer is there or room is again */
	bool starved;	      /* a send was refused for want of a slot */
	unsigned int first, n;
	struct answer answers[SLOTS];
};

static void store_be16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static bool answer_arp(uint8_t *frame, size_t len)
{
	static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};
	uint8_t asked[4];

	if (len < ARP_END || memcmp(frame + 14, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0 ||
	    load_be16(frame + ARP_OPERATION) != ARP_REQUEST)
		return false;
	memcpy(asked, frame + ARP_TARGET + 6, 4);
	/* Asking for its own or from no address yet: it wants to know that nobody has it. */
	if (memcmp(asked, frame + ARP_SENDER + 6, 4) == 0 ||
	    memcmp(frame + ARP_SENDER + 6, "\0\0\0", 4) == 0)
		return false;
	memcpy(frame + ARP_TARGET, frame + ARP_SENDER, 10);
	memcpy(frame + ARP_SENDER, peer_mac, 6);
	memcpy(frame + ARP_SENDER + 6, asked, 4);
	store_be16(frame + ARP_OPERATION, ARP_REPLY);
	return true;
}

static bool answer_ping(uint8_t *frame, size_t len)
{
	size_t icmp;
	uint32_t sum;
	uint8_t address[4];

	if (len < IPV4_END || frame[IPV4_HEADER] >> 4 != 4 ||
	    frame[IPV4_PROTOCOL] != PROTOCOL_ICMP ||
	    (load_be16(frame + IPV4_FRAGMENT) & 0x3fff) != 0)
		return false;
	icmp = IPV4_HEADER + (size_t)(frame[IPV4_HEADER] & 0xf) * 4;
	if (icmp < IPV4_END || icmp + 8 > len || frame[icmp] != ICMP_REQUEST)
		return false;
	memcpy(address, frame + IPV4_SOURCE, 4);
	memcpy(frame + IPV4_SOURCE, frame + IPV4_DESTINATION, 4);
	memcpy(frame + IPV4_DESTINATION, address, 4);
	/* The type goes from 8 to 0: the checksum grows by 8 in its high byte (RFC 1624). */
	frame[icmp] = ICMP_REPLY;
	sum = load_be16(frame + icmp + 2) + (ICMP_REQUEST << 8);
	store_be16(frame + icmp + 2, (uint16_t)((sum & 0xffff) + (sum >> 16)));
	return true;
}

/* Turns a frame into its answer. False: nobody answers. */
static bool answer(uint8_t *frame, size_t len)
{
	bool answered = false;

	if (load_be16(frame + ETHERNET_TYPE) == ETHERTYPE_ARP)
		answered = answer_arp(frame, len);
	else if (load_be16(frame + ETHERNET_TYPE) == ETHERTYPE_IPV4)
		answered = answer_ping(frame, len);
	if (answered) {
		memmove(frame, frame + 6, 6);
		memcpy(frame + 6, peer_mac, 6);
	}
	return answered;
}

static void wake(struct peer *peer)
{
	uint64_t one = 1;

	if (write(peer->port.source.fd, &one, sizeof(one)) < 0)
		return; /* only when it is full: then it wakes anyway */
}

static int peer_send(struct nic *nic, unsigned int queue, const struct iovec *iov, unsigned int n)
{
	struct peer *peer = container_of(nic, struct peer, nic);
	struct answer *slot = &peer->answers[(peer->first + peer->n) % SLOTS];

	(void)queue;
	if (peer->n == SLOTS) {
		peer->starved = true;
		return -EAGAIN;
	}
	slot->len = 0;
	for (unsigned int i = 1; i < n; i++) {
		if (iov[i].iov_len > SLOT_SIZE - slot->len)
			return -EMSGSIZE;
		memcpy(slot->frame + slot->len, iov[i].iov_base, iov[i].iov_len);
		slot->len += iov[i].iov_len;
	}
	if (slot->len >= NIC_FRAME_MIN && answer(slot->frame, slot->len)) {
		peer->n++;
		wake(peer);
	}
	return 0;
}

static ssize_t peer_recv(struct nic *nic, unsigned int queue, const struct iovec *iov,
			 unsigned int n)
{
	struct peer *peer = container_of(nic, struct peer, nic);
	struct answer *slot = &peer->answers[peer->first];
	size_t copied = 0;
	uint64_t count;

	(void)queue;
	if (peer->n == 0) {
		/* Takes the wake-ups back; that there were none is no news. */
		ssize_t none = read(peer->port.source.fd, &count, sizeof(count));

		(void)none;
		return -EAGAIN;
	}
	memset(iov[0].iov_base, 0, iov[0].iov_len);
	for (unsigned int i = 1; i < n && copied < slot->len; i++) {
		size_t left = slot->len - copied;
		size_t part = left < iov[i].iov_len ? left : iov[i].iov_len;

		memcpy(iov[i].iov_base, slot->frame + copied, part);
		copied += part;
	}
	peer->first = (peer->first + 1) % SLOTS;
	peer->n--;
	if (peer->starved) {
		peer->starved = false;
		nic_port_await_write(&peer->port);
	}
	return (ssize_t)(NIC_HEADER_SIZE + copied);
}

static void peer_pause(struct nic *nic, unsigned int queue, bool on)
{
	struct peer *peer = container_of(nic, struct peer, nic);

	(void)queue;
	nic_port_await_read(&peer->port, !on);
}

static void peer_close(struct nic *nic)
{
	struct peer *peer = container_of(nic, struct peer, nic);

	nic_port_destroy(&peer->port);
	free(peer);
}

static const struct nic_ops peer_ops = {
	.send = peer_send,
	.recv = peer_recv,
	.pause = peer_pause,
	.close = peer_close,
};

int nic_open_peer(struct loop *loop, struct nic **nic)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (!peer || fd < 0) {
		int err = -errno;

		log_error(err, "net: peer");
		free(peer);
		if (fd >= 0)
			close(fd);
		return err;
	}
	peer->nic = (struct nic){.ops = &peer_ops, .queues = 1, .link_up = true};
	nic_port_init(&peer->port, &peer->nic, 0, loop, fd);
	*nic = &peer->nic;
	return 0;
}
