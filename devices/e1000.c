/*
 * e1000.c: the emulated 82540EM as a PCI device: its life, interrupts and their throttling (manual,
 * section 13.4.17), the doorbell between registers and the loop, reset.
 */
#include "devices/e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/backend/nic_options.h"
#include "devices/e1000_core.h"
#include "vmm/util.h"

enum {
	PORTS_SIZE = 64,
	THROTTLE_UNIT_NS = 256,
};

static const struct pci_identity identity = {
	.vendor = 0x8086,
	.device = 0x100e,
	.subsystem_vendor = 0x8086,
	.subsystem = 0x001e,
	.class = 0x020000,
	.revision = 3,
	.has_intx = true,
};

/* Interrupts. Lock held. */

void e1000_update_interrupt(struct e1000 *e1000)
{
	struct e1000_state *state = &e1000->state;
	bool wanted = state->icr & state->ims;

	if (wanted == e1000->asserted || (wanted && e1000->throttled))
		return;
	e1000->asserted = wanted;
	pci_intx_set(&e1000->pci, wanted);
	if (wanted && state->itr) {
		e1000->throttled = true;
		loop_timer_set(&e1000->throttle, (uint64_t)state->itr * THROTTLE_UNIT_NS, 0);
	}
}

static void throttle_passed(struct loop_timer *timer)
{
	struct e1000 *e1000 = container_of(timer, struct e1000, throttle);

	pthread_mutex_lock(&e1000->lock);
	e1000->throttled = false;
	e1000_update_interrupt(e1000);
	pthread_mutex_unlock(&e1000->lock);
}

void e1000_set_cause(struct e1000 *e1000, uint32_t causes)
{
	e1000->state.icr |= causes;
	e1000_update_interrupt(e1000);
}

/* Counters stay at their largest value rather than wrap, 13.7. */
static void count_up(uint32_t *counter)
{
	if (*counter != UINT32_MAX)
		(*counter)++;
}

void e1000_count(struct e1000 *e1000, enum e1000_counter packets, enum e1000_counter bytes,
		 size_t len)
{
	uint32_t *counters = e1000->state.counters;
	uint64_t sum;

	count_up(&counters[packets]);
	sum = ((uint64_t)counters[bytes + 1] << 32 | counters[bytes]) + len;
	counters[bytes] = (uint32_t)sum;
	counters[bytes + 1] = (uint32_t)(sum >> 32);
}

/* Rings. */

struct e1000_ring_view e1000_view(struct e1000 *e1000, const struct e1000_ring *ring, bool enabled,
				  uint64_t changes)
{
	struct e1000_ring_view view = {
		.base = (uint64_t)ring->base_high << 32 | ring->base_low,
		.n = ring->length / E1000_DESCRIPTOR_SIZE,
		.head = ring->head,
		.tail = ring->tail,
		.changes = changes,
	};

	if (!enabled)
		view.n = 0;
	if (view.n && (view.head >= view.n || view.tail >= view.n)) {
		log_guest(&e1000->said, "%s: a ring's head or tail is beyond its end", e1000->name);
		view.n = 0;
	}
	return view;
}

void *e1000_descriptor(struct e1000 *e1000, const struct e1000_ring_view *view, uint32_t index)
{
	void *at = memory_range(e1000->mem, view->base + (uint64_t)index * E1000_DESCRIPTOR_SIZE,
				E1000_DESCRIPTOR_SIZE, MEMORY_WRITE);

	if (!at)
		log_guest(&e1000->said, "%s: a descriptor outside of RAM", e1000->name);
	return at;
}

void e1000_look_again(struct e1000 *e1000)
{
	uint64_t one = 1;

	if (write(e1000->doorbell.fd, &one, sizeof(one)) < 0)
		return; /* only when it is full: then it wakes anyway */
}

void e1000_ring_doorbell(struct e1000 *e1000)
{
	if (!e1000->rung)
		e1000_look_again(e1000);
	e1000->rung = true;
}

static void doorbell_rung(struct loop_source *source, uint32_t events)
{
	struct e1000 *e1000 = container_of(source, struct e1000, doorbell);
	uint64_t count;

	(void)events;
	/* Before looking: what is written from now on rings again. */
	pthread_mutex_lock(&e1000->lock);
	if (read(source->fd, &count, sizeof(count)) == sizeof(count))
		e1000->rung = false;
	pthread_mutex_unlock(&e1000->lock);
	e1000_tx_run(e1000);
	e1000_rx_run(e1000);
}

/* Reset. Loop thread, so nothing moves meanwhile. */

static void reset_mac(struct e1000 *e1000)
{
	struct e1000_state *state = &e1000->state;
	uint16_t phy[E1000_PHY_REGISTERS];

	memcpy(phy, state->phy, sizeof(phy)); /* it has a reset of its own */
	*state = (struct e1000_state){
		.ctrl = CTRL_FD | 2 << 8, /* 1000 Mbit/s */
		.ledctl = 0x07061302,
		.pba = 0x00100030,
		.mdic = 1 << 28, /* ready */
		.fcal = 0x00c28001,
		.fcah = 0x0100,
		.fct = 0x8808,
		.vet = 0x8100,
		.manc = 1 << 13, /* accepts ARP of its own */
	};
	memcpy(state->phy, phy, sizeof(phy));
	state->eeprom.output = 1;
	/* The address comes from the EEPROM, 13.4.13. */
	state->ra[0] = (uint32_t)e1000->eeprom[1] << 16 | e1000->eeprom[0];
	state->ra[1] = e1000->eeprom[2] | (uint32_t)RAH_AV;
	e1000->rx_changes++;
	e1000->tx_changes++;
	e1000_update_interrupt(e1000);
}

void e1000_reset(void *arg)
{
	struct e1000 *e1000 = arg;

	pthread_mutex_lock(&e1000->lock);
	reset_mac(e1000);
	pthread_mutex_unlock(&e1000->lock);
	e1000_tx_reset(e1000);
	e1000_rx_reset(e1000);
}

static void power_on(void *arg)
{
	struct e1000 *e1000 = arg;

	e1000_reset(e1000);
	pthread_mutex_lock(&e1000->lock);
	e1000_phy_reset(e1000);
	e1000->port_address = 0;
	pthread_mutex_unlock(&e1000->lock);
	log_guest_rearm(&e1000->said);
}

static void pci_reset(struct pci_device *device)
{
	struct e1000 *e1000 = container_of(device, struct e1000, pci);

	loop_call(e1000->loop, power_on, e1000);
}

/* What comes of the nic. Loop thread. */

static void readable(struct nic_client *client, unsigned int queue)
{
	(void)queue;
	e1000_rx_run(container_of(client, struct e1000, client));
}

static void writable(struct nic_client *client, unsigned int queue)
{
	struct e1000 *e1000 = container_of(client, struct e1000, client);

	(void)queue;
	e1000->tx.waiting = false;
	e1000_tx_run(e1000);
}

static void link_changed(struct nic_client *client)
{
	struct e1000 *e1000 = container_of(client, struct e1000, client);

	pthread_mutex_lock(&e1000->lock);
	e1000_phy_link(e1000);
	e1000_set_cause(e1000, ICR_LSC);
	pthread_mutex_unlock(&e1000->lock);
}

/* Coming and going. */

static const struct pci_device_ops pci_ops = {.reset = pci_reset};

static void describe(struct e1000 *e1000)
{
	e1000->registers = (struct io_region){
		.name = e1000->name, .size = E1000_REGISTERS_SIZE, .ops = &e1000_registers_ops};
	e1000->ports = (struct io_region){
		.name = e1000->name, .size = PORTS_SIZE, .ops = &e1000_ports_ops};
	pci_device_init(&e1000->pci, e1000->name, &pci_ops, &identity);
	pci_bar_add(&e1000->pci, 0, PCI_BAR_MEM32, &e1000->registers);
	pci_bar_add(&e1000->pci, 1, PCI_BAR_IO, &e1000->ports);
}

static int open_sources(struct e1000 *e1000)
{
	int err;

	e1000->doorbell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e1000->doorbell.fd < 0)
		return -errno;
	e1000->doorbell.ready = doorbell_rung;
	e1000->throttle.fired = throttle_passed;
	err = loop_add(e1000->loop, &e1000->doorbell, EPOLLIN);
	return err ? err : loop_timer_init(e1000->loop, &e1000->throttle);
}

int e1000_create_on(struct nic *nic, const char *name, const uint8_t mac[6], struct loop *loop,
		    const struct guest_memory *mem, struct e1000 **result)
{
	struct e1000 *e1000 = calloc(1, sizeof(*e1000));
	int err;

	if (!e1000) {
		nic_close(nic);
		return -ENOMEM;
	}
	e1000->nic = nic;
	e1000->name = name;
	e1000->loop = loop;
	e1000->mem = mem;
	e1000->doorbell.fd = -1;
	pthread_mutex_init(&e1000->lock, NULL);
	e1000_fill_eeprom(e1000->eeprom, mac);
	describe(e1000);
	err = open_sources(e1000);
	if (err) {
		log_error(err, "net: %s", name);
		e1000_free(e1000);
		return err;
	}
	e1000->client = (struct nic_client){readable, writable, link_changed};
	nic->client = &e1000->client;
	e1000->rx.paused = true;
	power_on(e1000);
	*result = e1000;
	return 0;
}

int e1000_create(const struct nic_options *options, const char *name, const uint8_t mac[6],
		 struct loop *loop, const struct guest_memory *mem, struct e1000 **e1000)
{
	struct nic *nic;
	int err = nic_open(options, loop, &nic);

	if (err)
		return err;
	return e1000_create_on(nic, name, options->has_mac ? options->mac : mac, loop, mem, e1000);
}

void e1000_free(struct e1000 *e1000)
{
	if (!e1000)
		return;
	loop_timer_destroy(e1000->loop, &e1000->throttle);
	loop_remove(e1000->loop, &e1000->doorbell);
	if (e1000->doorbell.fd >= 0)
		close(e1000->doorbell.fd);
	nic_close(e1000->nic);
	pthread_mutex_destroy(&e1000->lock);
	free(e1000);
}

struct pci_device *e1000_pci(struct e1000 *e1000)
{
	return &e1000->pci;
}
