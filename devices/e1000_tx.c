/* e1000_tx.c: from the 82540EM's transmit ring to the nic (manual, sections 3.3 to 3.5). */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices/e1000_core.h"
#include "vmm/bytes.h"
#include "vmm/util.h"

enum {
	COMMAND_EOP = 1 << 0,
	COMMAND_IC = 1 << 2,  /* legacy: insert a checksum */
	COMMAND_TSE = 1 << 2, /* data: segment */
	COMMAND_RS = 1 << 3,  /* report */
	COMMAND_DEXT = 1 << 5,
	COMMAND_VLE = 1 << 6,
	CONTEXT_TCP = 1 << 0,
	CONTEXT_IPV4 = 1 << 1,
	TYPE_CONTEXT = 0,
	TYPE_DATA = 1,
	OPTION_IP_CHECKSUM = 1 << 0,
	OPTION_DATA_CHECKSUM = 1 << 1,
	DESCRIPTOR_DONE = 1 << 0,
	DESCRIPTOR_STATUS = 12, /* byte */
	VLAN_TAG_AT = 12,
};

/* A descriptor, taken apart; which of it means something depends on the type. */
struct descriptor {
	uint64_t address;
	uint32_t len; /* bytes */
	uint8_t command, type;
	uint8_t bytes[E1000_DESCRIPTOR_SIZE];
};

/* Copies it out once. */
static struct descriptor load_descriptor(const void *at)
{
	struct descriptor descriptor;

	memcpy(descriptor.bytes, at, sizeof(descriptor.bytes));
	__asm__ volatile("" ::: "memory"); /* the copy is what counts: no second look there */
	descriptor.address = load_le64(descriptor.bytes);
	descriptor.command = descriptor.bytes[11];
	descriptor.type = descriptor.bytes[10] >> 4;
	if (descriptor.command & COMMAND_DEXT)
		descriptor.len = load_le32(descriptor.bytes + 8) & 0xfffff;
	else
		descriptor.len = load_le16(descriptor.bytes + 8);
	return descriptor;
}

static void set_context(struct e1000_tx_context *context, const struct descriptor *descriptor)
{
	const uint8_t *bytes = descriptor->bytes;

	*context = (struct e1000_tx_context){
		.ip_start = bytes[0],
		.ip_offset = bytes[1],
		.ip_end = load_le16(bytes + 2),
		.data_start = bytes[4],
		.data_offset = bytes[5],
		.data_end = load_le16(bytes + 6),
		.payload = descriptor->len,
		.header = bytes[13],
		.mss = load_le16(bytes + 14),
		.tcp = descriptor->command & CONTEXT_TCP,
		.ipv4 = descriptor->command & CONTEXT_IPV4,
	};
}

/* The first descriptor of a frame says what is done with it. */
static void begin_frame(struct e1000_tx *tx, const struct descriptor *descriptor)
{
	bool extended = descriptor->command & COMMAND_DEXT;

	tx->started = true;
	tx->len = 0;
	tx->overlong = false;
	tx->sent = 0;
	tx->out_len = 0;
	tx->segment = extended && (descriptor->command & COMMAND_TSE);
	tx->ip_checksum = extended && (descriptor->bytes[13] & OPTION_IP_CHECKSUM);
	tx->data_checksum = extended && (descriptor->bytes[13] & OPTION_DATA_CHECKSUM);
	tx->legacy_checksum = !extended && (descriptor->command & COMMAND_IC);
	tx->legacy_offset = descriptor->bytes[10];
	tx->legacy_start = descriptor->bytes[13];
}

/* Adds the descriptor's bytes to the frame. */
static void add_data(struct e1000 *e1000, const struct descriptor *descriptor)
{
	struct e1000_tx *tx = &e1000->tx;
	const void *data;

	if (descriptor->len == 0)
		return;
	if (descriptor->len > sizeof(tx->frame) - tx->len) {
		tx->overlong = true;
		return;
	}
	data = memory_range(e1000->mem, descriptor->address, descriptor->len, MEMORY_READ);
	if (!data) {
		log_guest(&e1000->said, "%s: a frame to send outside of RAM: dropped", e1000->name);
		tx->overlong = true;
		return;
	}
	memcpy(tx->frame + tx->len, data, descriptor->len);
	tx->len += descriptor->len;
}

/* True when the frame is complete and worth sending. */
static bool end_frame(struct e1000 *e1000, const struct descriptor *descriptor)
{
	struct e1000_tx *tx = &e1000->tx;

	tx->started = false;
	pthread_mutex_lock(&e1000->lock);
	tx->tagged = (descriptor->command & COMMAND_VLE) && (e1000->state.ctrl & CTRL_VME);
	pthread_mutex_unlock(&e1000->lock);
	tx->tag = load_le16(descriptor->bytes + 14);
	if (tx->overlong || tx->len < NIC_FRAME_MIN)
		return false;
	if (tx->segment && !e1000_can_segment(&tx->context, tx->len)) {
		log_guest(&e1000->said, "%s: a frame to segment has no such headers: dropped",
			  e1000->name);
		return false;
	}
	return true;
}

/* Behind the addresses, 802.1Q. */
static void insert_tag(struct e1000 *e1000)
{
	struct e1000_tx *tx = &e1000->tx;
	uint32_t type;

	pthread_mutex_lock(&e1000->lock);
	type = e1000->state.vet;
	pthread_mutex_unlock(&e1000->lock);
	memmove(tx->out + VLAN_TAG_AT + 4, tx->out + VLAN_TAG_AT, tx->out_len - VLAN_TAG_AT);
	tx->out[VLAN_TAG_AT] = (uint8_t)(type >> 8);
	tx->out[VLAN_TAG_AT + 1] = (uint8_t)type;
	tx->out[VLAN_TAG_AT + 2] = (uint8_t)(tx->tag >> 8);
	tx->out[VLAN_TAG_AT + 3] = (uint8_t)tx->tag;
	tx->out_len += 4;
}

/* Makes the next of what goes to the nic: a segment, or the frame. */
static void make_out(struct e1000 *e1000)
{
	struct e1000_tx *tx = &e1000->tx;
	const struct e1000_tx_context *context = &tx->context;

	if (tx->segment) {
		tx->out_len = e1000_make_segment(context, tx->frame, tx->len, tx->sent, tx->out);
	} else {
		memcpy(tx->out, tx->frame, tx->len);
		tx->out_len = tx->len;
	}
	if (tx->ip_checksum) {
		if (context->ip_offset + 2u <= tx->out_len)
			memset(tx->out + context->ip_offset, 0, 2);
		e1000_insert_checksum(tx->out, tx->out_len, context->ip_start, context->ip_offset,
				      context->ip_end);
	}
	if (tx->data_checksum)
		e1000_insert_checksum(tx->out, tx->out_len, context->data_start,
				      context->data_offset, context->data_end);
	if (tx->legacy_checksum)
		e1000_insert_checksum(tx->out, tx->out_len, tx->legacy_start, tx->legacy_offset, 0);
	if (tx->tagged)
		insert_tag(e1000);
}

/* What of the frame is through once out[] is. */
static bool all_sent(struct e1000_tx *tx)
{
	if (!tx->segment)
		return true;
	tx->sent += tx->context.mss;
	return tx->sent >= tx->len - tx->context.header;
}

/* Sends what is left of a complete frame. False: it has to wait, for the nic or for its turn. */
static bool send_ready(struct e1000 *e1000, unsigned int *frames)
{
	struct virtio_net_hdr_v1 none = {0};
	struct e1000_tx *tx = &e1000->tx;

	while (tx->ready) {
		struct iovec iov[2] = {{&none, sizeof(none)}, {tx->out, 0}};
		int err;

		if (*frames >= E1000_FRAMES_PER_TURN)
			return false;
		if (!tx->out_len)
			make_out(e1000);
		iov[1].iov_len = tx->out_len;
		err = nic_send(e1000->nic, 0, iov, 2);
		if (err == -EAGAIN) {
			tx->waiting = true;
			return false;
		}
		(*frames)++;
		if (!err) {
			pthread_mutex_lock(&e1000->lock);
			e1000_count(e1000, E1000_GPTC, E1000_GOTCL, tx->out_len + E1000_FCS);
			e1000_count(e1000, E1000_TPT, E1000_TOTL, tx->out_len + E1000_FCS);
			pthread_mutex_unlock(&e1000->lock);
		}
		tx->out_len = 0;
		tx->ready = !all_sent(tx);
	}
	return true;
}

/* True at the end of a frame, whatever became of it. */
static bool take_descriptor(struct e1000 *e1000, const struct descriptor *descriptor)
{
	struct e1000_tx *tx = &e1000->tx;

	if ((descriptor->command & COMMAND_DEXT) && descriptor->type == TYPE_CONTEXT) {
		set_context(&tx->context, descriptor);
		return false;
	}
	if ((descriptor->command & COMMAND_DEXT) && descriptor->type != TYPE_DATA) {
		log_guest(&e1000->said, "%s: a descriptor of no known type: ignored", e1000->name);
		return false;
	}
	if (!tx->started)
		begin_frame(tx, descriptor);
	add_data(e1000, descriptor);
	if (!(descriptor->command & COMMAND_EOP))
		return false;
	tx->ready = end_frame(e1000, descriptor);
	return true;
}

/* Shows the driver how far we are. Descriptors were written back before, where it asked. */
static void publish(struct e1000 *e1000, const struct e1000_ring_view *view, bool report)
{
	uint32_t causes = report ? ICR_TXDW : 0;

	pthread_mutex_lock(&e1000->lock);
	if (e1000->tx_changes == view->changes) {
		e1000->state.tx.head = view->head;
		if (view->head == view->tail)
			causes |= ICR_TXQE;
		e1000_set_cause(e1000, causes);
	}
	pthread_mutex_unlock(&e1000->lock);
}

static struct e1000_ring_view look(struct e1000 *e1000)
{
	bool master = pci_is_bus_master(&e1000->pci);
	struct e1000_ring_view view;

	pthread_mutex_lock(&e1000->lock);
	view = e1000_view(e1000, &e1000->state.tx, master && (e1000->state.tctl & TCTL_EN),
			  e1000->tx_changes);
	pthread_mutex_unlock(&e1000->lock);
	return view;
}

/* Writes the descriptor back, where the driver asked for it. */
static bool report_done(const struct descriptor *descriptor, uint8_t *at)
{
	uint8_t status = descriptor->bytes[DESCRIPTOR_STATUS] | DESCRIPTOR_DONE;

	if (!(descriptor->command & COMMAND_RS))
		return false;
	/* Release: the driver may use the frame's memory again once it sees it. */
	__atomic_store_n(at + DESCRIPTOR_STATUS, status, __ATOMIC_RELEASE);
	return true;
}

void e1000_tx_run(struct e1000 *e1000)
{
	struct e1000_ring_view view = look(e1000);
	struct e1000_tx *tx = &e1000->tx;
	unsigned int frames = 0, steps = 0;
	bool report = false;

	if (tx->waiting)
		return;
	/* Descriptors that make no frame cost a turn, too. */
	while (view.n && view.head != view.tail && frames < E1000_FRAMES_PER_TURN &&
	       steps < E1000_STEPS_PER_TURN) {
		uint8_t *at = e1000_descriptor(e1000, &view, view.head);
		struct descriptor descriptor;

		if (!at)
			break;
		descriptor = load_descriptor(at);
		/* A frame that had to wait has its last descriptor here, taken already. */
		if (!tx->ready && take_descriptor(e1000, &descriptor) && !tx->ready)
			frames++; /* dropped */
		if (!send_ready(e1000, &frames))
			break;
		report |= report_done(&descriptor, at);
		view.head = (view.head + 1) % view.n;
		steps++;
	}
	if (steps)
		publish(e1000, &view, report);
	if (frames >= E1000_FRAMES_PER_TURN || steps >= E1000_STEPS_PER_TURN)
		e1000_look_again(e1000);
}

void e1000_tx_reset(struct e1000 *e1000)
{
	struct e1000_tx *tx = &e1000->tx;

	tx->context = (struct e1000_tx_context){0};
	tx->started = tx->ready = tx->waiting = false;
	tx->out_len = 0;
}
