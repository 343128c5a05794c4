/* e1000_rx.c: from the nic to the 82540EM's receive ring (manual, sections 3.2 and 13.5). */
#include <endian.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/e1000_core.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	STATUS_DD = 1 << 0,
	STATUS_EOP = 1 << 1,
	STATUS_VP = 1 << 3,    /* the tag was taken off */
	STATUS_PIF = 1 << 7,   /* passed by hash only */
	FRAME_STANDARD = 1522, /* with the frame check sequence: longer ones need RCTL.LPE */
	VLAN_TAG_AT = 12,
};

/* What the loop needs of the registers, as they were at one moment. */
struct settings {
	struct e1000_ring_view ring;
	uint32_t rctl, rxcsum;
	size_t buffer; /* bytes of each */
};

static size_t buffer_size(uint32_t rctl)
{
	static const uint16_t sizes[4] = {2048, 1024, 512, 256};
	size_t size = sizes[rctl >> 16 & 3];

	/* 13.4.22: with BSEX sixteen times as much; 2048 is reserved then. */
	return (rctl & RCTL_BSEX) && size != 2048 ? size * 16 : size;
}

static struct settings look(struct e1000 *e1000)
{
	bool master = pci_is_bus_master(&e1000->pci);
	struct settings settings;

	pthread_mutex_lock(&e1000->lock);
	settings.rctl = e1000->state.rctl;
	settings.rxcsum = e1000->state.rxcsum;
	settings.buffer = buffer_size(settings.rctl);
	settings.ring = e1000_view(e1000, &e1000->state.rx, master && (settings.rctl & RCTL_EN),
				   e1000->rx_changes);
	pthread_mutex_unlock(&e1000->lock);
	return settings;
}

/* Descriptors that the driver has given: all from head up to, but not including, tail. */
static uint32_t given(const struct e1000_ring_view *ring)
{
	return ring->n ? (ring->tail + ring->n - ring->head) % ring->n : 0;
}

/* The hash of a multicast address, of bits that RCTL.MO chooses, 13.5.1. */
static bool passes_hash(const struct e1000_state *state, const uint8_t *mac)
{
	static const unsigned int shifts[4] = {4, 3, 2, 0};
	uint32_t hash = load_le16(mac + 4) >> shifts[state->rctl >> 12 & 3] & 0xfff;

	return state->mta[hash >> 5] >> (hash & 31) & 1;
}

static bool is_own(const struct e1000_state *state, const uint8_t *mac)
{
	for (unsigned int i = 0; i < E1000_ADDRESSES; i++) {
		if ((state->ra[2 * i + 1] & (uint32_t)RAH_AV) &&
		    state->ra[2 * i] == load_le32(mac) &&
		    (uint16_t)state->ra[2 * i + 1] == load_le16(mac + 4))
			return true;
	}
	return false;
}

static bool passes_address(const struct e1000_state *state, const uint8_t *mac)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (memcmp(mac, broadcast, sizeof(broadcast)) == 0)
		return state->rctl & (RCTL_BAM | RCTL_MPE);
	if (is_own(state, mac))
		return true;
	if (mac[0] & 1)
		return (state->rctl & RCTL_MPE) || passes_hash(state, mac);
	return state->rctl & RCTL_UPE;
}

/* Looks at the frame in rx->frame. False: it is not for us. Lock held. */
static bool passes(const struct e1000_state *state, struct e1000_rx *rx)
{
	bool vlan = rx->len >= VLAN_TAG_AT + 4 && load_be16(rx->frame + VLAN_TAG_AT) == state->vet;
	uint16_t tag = vlan ? load_be16(rx->frame + VLAN_TAG_AT + 2) : 0;

	if (!(state->rctl & RCTL_LPE) && rx->len + E1000_FCS > FRAME_STANDARD)
		return false;
	if (!passes_address(state, rx->frame))
		return false;
	if (vlan && (state->rctl & RCTL_VFE) &&
	    !(state->vfta[(tag & 0xfff) >> 5] >> (tag & 31) & 1))
		return false;
	rx->tagged = vlan && (state->ctrl & CTRL_VME);
	rx->tag = tag;
	return true;
}

/*
 * Brings the frame to the length it would have on a wire. There is no frame check sequence to be
 * had from the host: its place is zeroed, drivers cut it off unread.
 */
static void finish(struct e1000_rx *rx, uint32_t rctl)
{
	if (rx->tagged) {
		rx->len -= 4;
		memmove(rx->frame + VLAN_TAG_AT, rx->frame + VLAN_TAG_AT + 4,
			rx->len - VLAN_TAG_AT);
	}
	if (rx->len < E1000_FRAME_MIN) {
		memset(rx->frame + rx->len, 0, E1000_FRAME_MIN - rx->len);
		rx->len = E1000_FRAME_MIN;
	}
	if (!(rctl & RCTL_SECRC)) {
		memset(rx->frame + rx->len, 0, E1000_FCS);
		rx->len += E1000_FCS;
	}
}

/* The next frame that is for us, into rx->frame. 0 or the nic's error; rx->len 0: it was not. */
static int read_frame(struct e1000 *e1000, uint32_t rctl)
{
	struct virtio_net_hdr_v1 header;
	struct e1000_rx *rx = &e1000->rx;
	struct iovec iov[2] = {{&header, sizeof(header)}, {rx->frame, E1000_FRAME_ROOM}};
	ssize_t len = nic_recv(e1000->nic, 0, iov, 2);
	bool passed;

	if (len < 0)
		return (int)len;
	if (len < NIC_HEADER_SIZE + NIC_FRAME_MIN)
		return 0; /* no frame */
	rx->len = (size_t)len - sizeof(header);
	pthread_mutex_lock(&e1000->lock);
	e1000_count(e1000, E1000_TPR, E1000_TORL, rx->len + E1000_FCS);
	passed = passes(&e1000->state, rx);
	pthread_mutex_unlock(&e1000->lock);
	if (passed)
		finish(rx, rctl);
	else
		rx->len = 0;
	return 0;
}

/* One descriptor's part of the frame. False: its buffer or itself is not in RAM. */
static bool fill(struct e1000 *e1000, const struct settings *settings, uint32_t index,
		 size_t position, uint16_t status_and_errors)
{
	struct e1000_rx *rx = &e1000->rx;
	uint8_t *descriptor = e1000_descriptor(e1000, &settings->ring, index);
	size_t left = rx->len - position;
	size_t part = left < settings->buffer ? left : settings->buffer;
	uint64_t done = part | (uint64_t)(status_and_errors | STATUS_DD) << 32;
	uint64_t address;
	void *buffer;

	if (!descriptor)
		return false;
	memcpy(&address, descriptor, sizeof(address));
	__asm__ volatile("" ::: "memory"); /* the copy is what counts: no second look there */
	buffer = memory_range(e1000->mem, le64toh(address), part, MEMORY_WRITE);
	if (!buffer) {
		log_guest(&e1000->said, "%s: a receive buffer outside of RAM", e1000->name);
		return false;
	}
	memcpy(buffer, rx->frame + position, part);
	if (part == left) {
		done |= (uint64_t)STATUS_EOP << 32;
		done |= (uint64_t)(rx->tagged ? rx->tag : 0) << 48;
	}
	/* Release: the driver that sees the status sees the frame. Rings are aligned to 16. */
	__atomic_store_n((uint64_t *)(void *)(descriptor + 8), htole64(done), __ATOMIC_RELEASE);
	return true;
}

/* Shows the driver how far we are. */
static void publish(struct e1000 *e1000, const struct e1000_ring_view *ring, size_t len)
{
	uint32_t causes = ICR_RXT0;

	pthread_mutex_lock(&e1000->lock);
	e1000_count(e1000, E1000_GPRC, E1000_GORCL, len);
	if (e1000->rx_changes == ring->changes) {
		uint32_t threshold = ring->n >> (1 + (e1000->state.rctl >> 8 & 3));

		e1000->state.rx.head = ring->head;
		if (given(ring) <= threshold)
			causes |= ICR_RXDMT0;
		e1000_set_cause(e1000, causes);
	}
	pthread_mutex_unlock(&e1000->lock);
}

/* Gives the frame to the driver. False where it has to wait for descriptors. */
static bool deliver(struct e1000 *e1000, struct settings *settings)
{
	struct e1000_rx *rx = &e1000->rx;
	struct e1000_ring_view *ring = &settings->ring;
	size_t needed = (rx->len + settings->buffer - 1) / settings->buffer;
	size_t len = rx->len;
	uint8_t status = (uint8_t)(rx->tagged ? STATUS_VP : 0), errors = 0;

	if (needed > given(ring)) {
		if (needed < ring->n)
			return false;
		rx->len = 0; /* more than the ring can ever hold */
		pthread_mutex_lock(&e1000->lock);
		e1000->state.counters[E1000_MPC]++;
		pthread_mutex_unlock(&e1000->lock);
		log_guest(&e1000->said,
			  "%s: a frame of the host's is larger than the ring: dropped",
			  e1000->name);
		return true;
	}
	e1000_check_received(rx->frame, len, settings->rxcsum, &status, &errors);
	for (size_t position = 0; position < len; position += settings->buffer) {
		/* A bad buffer costs the guest that part of its frame, and nobody else anything. */
		fill(e1000, settings, ring->head, position, (uint16_t)(status | errors << 8));
		ring->head = (ring->head + 1) % ring->n;
	}
	rx->len = 0;
	publish(e1000, ring, len);
	return true;
}

static void set_paused(struct e1000 *e1000, bool on)
{
	if (e1000->rx.paused == on)
		return;
	e1000->rx.paused = on;
	nic_pause(e1000->nic, 0, on);
}

void e1000_rx_run(struct e1000 *e1000)
{
	struct e1000_rx *rx = &e1000->rx;

	for (unsigned int frames = 0; frames < E1000_FRAMES_PER_TURN; frames++) {
		struct settings settings = look(e1000);

		/* Without descriptors frames wait at the host, until the driver moves the tail. */
		if (given(&settings.ring) == 0) {
			set_paused(e1000, true);
			return;
		}
		if (!rx->len && read_frame(e1000, settings.rctl) < 0) {
			set_paused(e1000, false);
			return;
		}
		if (rx->len && !deliver(e1000, &settings)) {
			set_paused(e1000, true);
			return;
		}
	}
	e1000_look_again(e1000);
}

void e1000_rx_reset(struct e1000 *e1000)
{
	e1000->rx.len = 0;
	set_paused(e1000, true);
}
