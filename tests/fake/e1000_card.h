/*
 * e1000_card.h: the fixture of the 82540EM's tests: the card on a PCI bus and a fake nic, RAM with
 * rings and buffers in it, and a driver's half of both.
 */
#ifndef TESTS_FAKE_E1000_CARD_H
#define TESTS_FAKE_E1000_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/e1000_core.h"
#include "tests/fake/fake_nic.h"
#include "tests/fake/wires.h"

enum {
	RAM_SIZE = 1 << 20,
	TX_RING = 0x1000,
	RX_RING = 0x2000,
	DATA = 0x10000,
	BUFFERS = 0x80000, /* of 2048 bytes, one for each receive descriptor */
	RING_ENTRIES = 64,
	INTERRUPTS = ICR_TXDW | ICR_LSC | ICR_RXT0,
	COMMAND_EOP = 1,
	COMMAND_IFCS = 2,
	COMMAND_TSE = 4,
	COMMAND_RS = 8,
	COMMAND_DEXT = 0x20,
	COMMAND_VLE = 0x40,
};

extern const uint8_t fake_e1000_mac[6];

struct fake_e1000 {
	struct loop loop;
	struct guest_memory ram;
	struct bus ports, mmio;
	struct pci_bus pci;
	struct fake_irq irq;
	struct fake_nic nic;
	struct e1000 *card;
	uint8_t *bytes; /* RAM */
	uint32_t tx_tail, rx_next;
};

/* Reset, with both rings set up and interrupts on. */
void fake_e1000_init(struct fake_e1000 *f);
void fake_e1000_free(struct fake_e1000 *f);
void fake_e1000_rings(struct fake_e1000 *f);

uint32_t fake_e1000_get(struct fake_e1000 *f, uint32_t offset);
void fake_e1000_set(struct fake_e1000 *f, uint32_t offset, uint32_t value);
/* Serves what the loop has ready. */
void fake_e1000_serve(struct fake_e1000 *f);

/* The next transmit descriptor: its two words. fake_e1000_send() moves the tail behind the last. */
void fake_e1000_put(struct fake_e1000 *f, uint64_t address, uint64_t rest);
void fake_e1000_put_context(struct fake_e1000 *f, const struct e1000_tx_context *context);
void fake_e1000_send(struct fake_e1000 *f);
/* The second word of a legacy and of a data descriptor. */
uint64_t fake_e1000_legacy(uint32_t len, uint32_t command);
uint64_t fake_e1000_data(uint32_t len, uint32_t command, uint32_t options);
bool fake_e1000_is_done(struct fake_e1000 *f, unsigned int index);

/*
 * An IPv4 frame with TCP or UDP as a driver leaves it to the card: the pseudo header's sum in the
 * checksum, with or without the length. Returns its length.
 */
size_t fake_ip_frame(uint8_t *frame, bool tcp, size_t payload, bool with_length);
uint32_t fake_get_be16(const uint8_t *from);

#endif
