/*
 * e1000_core.h: what the parts of the emulated 82540EM share: registers by name (manual, section
 * 13), state, and each part's calls. Registers are decoded on vCPU threads under the lock; frames
 * move on the loop, which takes a copy of what it needs under the lock and works without it.
 */
#ifndef DEVICES_E1000_CORE_H
#define DEVICES_E1000_CORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/backend/nic.h"
#include "devices/e1000.h"
#include "devices/pci.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/memory.h"

enum e1000_register {
	E1000_CTRL = 0x0000,
	E1000_STATUS = 0x0008,
	E1000_EECD = 0x0010, /* EEPROM, bit by bit */
	E1000_EERD = 0x0014, /* EEPROM, word by word */
	E1000_CTRL_EXT = 0x0018,
	E1000_MDIC = 0x0020, /* PHY */
	E1000_FCAL = 0x0028,
	E1000_FCAH = 0x002c,
	E1000_FCT = 0x0030,
	E1000_VET = 0x0038, /* EtherType of VLAN tags */
	E1000_ICR = 0x00c0, /* interrupt causes; reading clears */
	E1000_ITR = 0x00c4, /* least time between interrupts, 256 ns */
	E1000_ICS = 0x00c8, /* set causes */
	E1000_IMS = 0x00d0, /* mask: set */
	E1000_IMC = 0x00d8, /* mask: clear */
	E1000_RCTL = 0x0100,
	E1000_FCTTV = 0x0170,
	E1000_TXCW = 0x0178,
	E1000_RXCW = 0x0180,
	E1000_TCTL = 0x0400,
	E1000_TIPG = 0x0410,
	E1000_AIT = 0x0458,
	E1000_LEDCTL = 0x0e00,
	E1000_PBA = 0x1000,
	E1000_FCRTL = 0x2160,
	E1000_FCRTH = 0x2168,
	E1000_RDBAL = 0x2800,
	E1000_RDBAH = 0x2804,
	E1000_RDLEN = 0x2808,
	E1000_RDH = 0x2810,
	E1000_RDT = 0x2818,
	E1000_RDTR = 0x2820,
	E1000_RXDCTL = 0x2828,
	E1000_RADV = 0x282c,
	E1000_RSRPD = 0x2c00,
	E1000_TDBAL = 0x3800,
	E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808,
	E1000_TDH = 0x3810,
	E1000_TDT = 0x3818,
	E1000_TIDV = 0x3820,
	E1000_TXDCTL = 0x3828,
	E1000_TADV = 0x382c,
	E1000_TSPMT = 0x3830,
	E1000_STATISTICS = 0x4000, /* 64 counters; reading clears */
	E1000_RXCSUM = 0x5000,
	E1000_MTA = 0x5200,  /* 128 words: hashes of multicast addresses */
	E1000_RA = 0x5400,   /* 16 pairs: addresses of our own */
	E1000_VFTA = 0x5600, /* 128 words: VLANs */
	E1000_WUC = 0x5800,
	E1000_WUFC = 0x5808,
	E1000_WUS = 0x5810,
	E1000_MANC = 0x5820,
};

/* Counters, by their place behind E1000_STATISTICS. */
enum e1000_counter {
	E1000_MPC = (0x4010 - 0x4000) / 4,   /* missed: larger than the buffers for them */
	E1000_GPRC = (0x4074 - 0x4000) / 4,  /* received */
	E1000_GPTC = (0x4080 - 0x4000) / 4,  /* sent */
	E1000_GORCL = (0x4088 - 0x4000) / 4, /* bytes, and its high word behind */
	E1000_GOTCL = (0x4090 - 0x4000) / 4,
	E1000_TORL = (0x40c0 - 0x4000) / 4,
	E1000_TOTL = (0x40c8 - 0x4000) / 4,
	E1000_TPR = (0x40d0 - 0x4000) / 4,
	E1000_TPT = (0x40d4 - 0x4000) / 4,
	E1000_COUNTERS = 64,
};

enum e1000_bits {
	CTRL_FD = 1 << 0,
	CTRL_RST = 1 << 26,
	CTRL_VME = 1 << 30, /* VLAN tags are taken off and put on */

	STATUS_FD = 1 << 0,
	STATUS_LU = 1 << 1,
	STATUS_1000 = 2 << 6,

	ICR_TXDW = 1 << 0,   /* descriptor written back */
	ICR_TXQE = 1 << 1,   /* transmit queue empty */
	ICR_LSC = 1 << 2,    /* link status change */
	ICR_RXDMT0 = 1 << 4, /* receive descriptors get few */
	ICR_RXT0 = 1 << 7,   /* frame received */
	ICR_MDAC = 1 << 9,   /* PHY access done */

	RCTL_EN = 1 << 1,
	RCTL_UPE = 1 << 3,  /* every unicast frame */
	RCTL_MPE = 1 << 4,  /* every multicast frame */
	RCTL_LPE = 1 << 5,  /* frames longer than 1522 bytes */
	RCTL_BAM = 1 << 15, /* broadcast frames */
	RCTL_VFE = 1 << 18, /* VLAN filter */
	RCTL_BSEX = 1 << 25,
	RCTL_SECRC = 1 << 26, /* without the frame check sequence */

	TCTL_EN = 1 << 1,

	RXCSUM_IPOFL = 1 << 8,
	RXCSUM_TUOFL = 1 << 9,

	RAH_AV = 1 << 31, /* the address is valid */
};

enum {
	E1000_REGISTERS_SIZE = 128 << 10,
	E1000_DESCRIPTOR_SIZE = 16,
	E1000_FRAMES_PER_TURN = 64, /* then other sources of the loop have theirs */
	E1000_STEPS_PER_TURN = 1024,
	E1000_FRAME_ROOM = NIC_FRAME_MAX,
	E1000_FCS = 4,
	E1000_FRAME_MIN = 60, /* without the frame check sequence */
	E1000_MTA_WORDS = 128,
	E1000_VFTA_WORDS = 128,
	E1000_ADDRESSES = 16,
	E1000_EEPROM_WORDS = 64,
	E1000_PHY_REGISTERS = 32,
};

struct e1000_ring {
	uint32_t base_low, base_high; /* guest physical address */
	uint32_t length;	      /* bytes */
	uint32_t head, tail;	      /* descriptors; the device's and the driver's index */
};

/* The serial EEPROM: bits that came in since it was selected. */
struct e1000_eeprom_state {
	uint32_t control;  /* EECD as written */
	uint32_t received; /* the last bits, newest lowest */
	uint32_t nreceived;
	uint32_t sending; /* data still to go out, next bit highest */
	uint32_t nsending;
	uint32_t output; /* the bit on DO */
};

/* All that the guest can see; guarded by the lock. */
struct e1000_state {
	uint32_t ctrl, ctrl_ext, mdic, eerd;
	uint32_t fcal, fcah, fct, fcttv, fcrtl, fcrth, vet;
	uint32_t icr, ims, itr;
	uint32_t rctl, tctl, tipg, ait, txcw, rxcw, ledctl, pba, rxcsum;
	uint32_t rdtr, rxdctl, radv, rsrpd, tidv, txdctl, tadv, tspmt;
	uint32_t wuc, wufc, wus, manc;
	struct e1000_ring rx, tx;
	uint32_t counters[E1000_COUNTERS];
	uint32_t mta[E1000_MTA_WORDS], vfta[E1000_VFTA_WORDS], ra[2 * E1000_ADDRESSES];
	uint16_t phy[E1000_PHY_REGISTERS];
	struct e1000_eeprom_state eeprom;
};

/* What a context descriptor sets for those that follow, 3.3.6. */
struct e1000_tx_context {
	uint8_t ip_start, ip_offset;
	uint16_t ip_end; /* inclusive; 0: to the end of the frame */
	uint8_t data_start, data_offset;
	uint16_t data_end;
	uint32_t payload; /* bytes, when segmenting */
	uint8_t header;	  /* bytes, when segmenting */
	uint16_t mss;
	bool tcp, ipv4;
};

/* A frame that is put together from descriptors; loop thread. */
struct e1000_tx {
	struct e1000_tx_context context;
	size_t len;    /* of frame[] */
	bool started;  /* between a frame's first descriptor and its last */
	bool overlong; /* more than any frame may have: dropped at its end */
	bool segment;  /* of it, 3.3.7: cut it up */
	bool ip_checksum, data_checksum;
	bool legacy_checksum; /* legacy_start, legacy_offset; to the end */
	uint8_t legacy_start, legacy_offset;
	bool tagged; /* with tag */
	uint16_t tag;
	bool ready;   /* complete, and not all of it is sent */
	size_t sent;  /* payload bytes of it, when segmenting */
	bool waiting; /* for the nic to have room */
	uint8_t frame[E1000_FRAME_ROOM];
	uint8_t out[E1000_FRAME_ROOM + 4]; /* what goes to the nic: a segment, or with its tag */
	size_t out_len;			   /* 0: nothing made yet */
};

/* A frame that was received; loop thread. */
struct e1000_rx {
	size_t len; /* 0: none */
	uint16_t tag;
	bool tagged;
	bool paused;
	uint8_t frame[E1000_FRAME_ROOM + E1000_FCS];
};

struct e1000 {
	/* Constant after start. */
	struct pci_device pci;
	struct io_region registers, ports;
	const char *name; /* borrowed */
	struct nic *nic;  /* owned */
	struct nic_client client;
	struct loop *loop;		/* borrowed */
	const struct guest_memory *mem; /* borrowed */
	uint16_t eeprom[E1000_EEPROM_WORDS];

	struct loop_source doorbell; /* an eventfd, owned: the driver moved a tail */
	struct loop_timer throttle;
	struct log_once said;

	pthread_mutex_t lock; /* guards the rest of this group */
	struct e1000_state state;
	uint32_t port_address; /* of the I/O window, 13.2 */
	bool rung;	       /* the doorbell is on its way */
	bool asserted;	       /* INTA# */
	bool throttled;	       /* the timer runs */
	uint64_t rx_changes;   /* of the ring's place; what was read before is void */
	uint64_t tx_changes;

	/* Loop thread. */
	struct e1000_tx tx;
	struct e1000_rx rx;
};

/* e1000_registers.c: what the BARs answer with. */
extern const struct io_region_ops e1000_registers_ops, e1000_ports_ops;

/* e1000.c. Lock held. */
void e1000_update_interrupt(struct e1000 *e1000); /* causes or their mask have changed */
void e1000_set_cause(struct e1000 *e1000, uint32_t causes);
void e1000_count(struct e1000 *e1000, enum e1000_counter packets, enum e1000_counter bytes,
		 size_t len);

/* The driver has done something that the loop should look at. Lock held. */
void e1000_ring_doorbell(struct e1000 *e1000);
/* There may be more to do: the loop looks again, when others have had their turn. */
void e1000_look_again(struct e1000 *e1000);
/* What CTRL.RST does. On the loop, without the lock; arg is the struct e1000. */
void e1000_reset(void *arg);

/* A ring as it was when the loop looked, with the lock held. */
struct e1000_ring_view {
	gpa_t base;
	uint32_t n; /* descriptors; 0: the guest's ring makes no sense, or may not be used */
	uint32_t head, tail;
	uint64_t changes;
};
struct e1000_ring_view e1000_view(struct e1000 *e1000, const struct e1000_ring *ring, bool enabled,
				  uint64_t changes);
/* The descriptor at an index, for reading and writing; NULL, and one warning, outside of RAM. */
void *e1000_descriptor(struct e1000 *e1000, const struct e1000_ring_view *view, uint32_t index);

/* e1000_tx.c and e1000_rx.c: on the loop, without the lock. */
void e1000_tx_run(struct e1000 *e1000);
void e1000_tx_reset(struct e1000 *e1000);
void e1000_rx_run(struct e1000 *e1000);
void e1000_rx_reset(struct e1000 *e1000);

/* e1000_serial.c: EEPROM and PHY. Lock held. */
void e1000_fill_eeprom(uint16_t words[static E1000_EEPROM_WORDS], const uint8_t mac[6]);
uint32_t e1000_eecd_read(const struct e1000 *e1000);
void e1000_eecd_write(struct e1000 *e1000, uint32_t value);
void e1000_eerd_write(struct e1000 *e1000, uint32_t value);
void e1000_mdic_write(struct e1000 *e1000, uint32_t value);
void e1000_phy_reset(struct e1000 *e1000);
void e1000_phy_link(struct e1000 *e1000);

/* e1000_frame.c: checksums and segments, of bytes that are ours. */

/* One's complement sum of what is there, folded to 16 bits (RFC 1071). */
uint16_t e1000_sum(const uint8_t *bytes, size_t len);
/* Puts the checksum of [start, end] (end 0: all of it) at offset; nothing where that is outside. */
void e1000_insert_checksum(uint8_t *frame, size_t len, size_t start, size_t offset, size_t end);
/* Does the context describe a header that the frame has? */
bool e1000_can_segment(const struct e1000_tx_context *context, size_t len);
/*
 * Makes the segment whose payload begins at position: the header with lengths, numbers and flags of
 * its own, and up to an MSS of payload. Returns its length.
 */
size_t e1000_make_segment(const struct e1000_tx_context *context, const uint8_t *frame, size_t len,
			  size_t position, uint8_t *out);
/* Whether IPv4 and TCP or UDP checksums were looked at, and wrong: status and error bits, 3.2.3. */
void e1000_check_received(const uint8_t *frame, size_t len, uint32_t rxcsum, uint8_t *status,
			  uint8_t *errors);

#endif
