/*
 * nvme_controller.h: what the files of the NVMe controller share: its state, and who does what.
 *
 *	nvme.c            coming and going
 *	nvme_register.c   registers and doorbells, on vCPU threads
 *	nvme_control.c    enable, reset and shutdown
 *	nvme_queue.c      the rings, which no other code reads or writes
 *	nvme_shadow.c     doorbells in memory, and what KVM listens for
 *	nvme_prp.c        where a command's data is
 *	nvme_io.c         the NVM commands, to the disk and back
 *	nvme_admin.c      the admin commands; the larger ones of them are in
 *	nvme_identify.c, nvme_feature.c, nvme_log.c, nvme_event.c
 *
 * All but register accesses runs on the loop; clauses are those of the base specification 1.4.
 */
#ifndef DEVICES_NVME_CONTROLLER_H
#define DEVICES_NVME_CONTROLLER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/backend/disk.h"
#include "devices/msix.h"
#include "devices/nvme.h"
#include "devices/nvme_spec.h"
#include "devices/pci.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/memory.h"

enum {
	NVME_MAX_QUEUES = DISK_MAX_QUEUES + 1, /* pairs; number 0 is the admin queues */
	NVME_MAX_ENTRIES = 1024,	       /* of an I/O queue */
	NVME_NSID = 1,
	NVME_BAR_SIZE = 0x4000,
	NVME_MAX_TRANSFER = 1 << 20,
	NVME_MAX_TRANSFER_PAGES_LOG2 = 8,
	/* The first may begin inside of a page. */
	NVME_MAX_PIECES = NVME_MAX_TRANSFER / NVME_PAGE_SIZE + 1,
	NVME_MAX_HELD = 4, /* asynchronous event requests */
	NVME_ERROR_ENTRIES = 16,
	NVME_TEMPERATURE = 313, /* of the composite kind, in kelvins, for ever */
	NVME_TEMPERATURE_WARNING = 343,
	NVME_TEMPERATURE_CRITICAL = 353,
};

#define NVME_FIRMWARE MINIVMM_VERSION /* at most 8 characters */

/* What the guest sees, loop thread. */
struct nvme_cq_state {
	uint16_t size; /* entries; 0: there is no such queue */
	uint16_t head, tail;
	uint16_t vector;
	uint8_t interrupts; /* enabled */
	uint8_t phase;	    /* of entries that are written now */
};

struct nvme_sq_state {
	uint16_t size; /* entries; 0: there is no such queue */
	uint16_t head, tail;
	uint16_t cq;
};

struct nvme_event_state {
	uint16_t held[NVME_MAX_HELD]; /* requests that wait for an event: their identifiers */
	uint8_t nheld;
	uint8_t pending; /* a bit for each of enum nvme_event */
	uint8_t masked;	 /* a bit for each type that was told, until its log page is read */
};

enum { NVME_NFEATURES = 0x10 };

struct nvme_feature_state {
	uint32_t values[NVME_NFEATURES]; /* by number */
	uint16_t over, under;		 /* temperature thresholds */
	uint32_t uncoalesced;		 /* a bit for each vector */
};

struct nvme_log_state {
	uint8_t errors[NVME_ERROR_ENTRIES][NVME_ERROR_SIZE]; /* newest at error_count % entries */
	uint64_t error_count;
	uint64_t reads, writes, bytes_read, bytes_written, media_errors;
	uint8_t namespace_changed;
};

struct nvme_state {
	struct nvme_cq_state cqs[NVME_MAX_QUEUES];
	struct nvme_sq_state sqs[NVME_MAX_QUEUES];
	struct nvme_event_state events;
	struct nvme_feature_state features;
	struct nvme_log_state log;
};

/* Guarded by the lock. */
struct nvme_registers {
	uint32_t cc, csts, aqa, intms;
	uint64_t asq, acq;
};

/* A doorbell and its EventIdx in guest memory; NULL: only the register counts. */
struct nvme_shadow {
	uint32_t *doorbell, *event;
};

struct nvme_cq {
	struct nvme_cq_state *state;
	struct nvme_completion *entries; /* in guest memory */
	struct nvme_shadow shadow;
	unsigned int nsqs;     /* that complete here */
	unsigned int reserved; /* places that commands in flight will need */
	bool posted;	       /* since the last interrupt */
};

struct nvme_request;

struct nvme_sq {
	struct nvme_sq_state *state;
	const struct nvme_command *entries; /* in guest memory */
	struct nvme_shadow shadow;
	struct nvme *nvme;
	uint16_t id;
	/* I/O queues. */
	struct nvme_request *requests; /* owned: the pool */
	struct iovec *iov;	       /* owned: NVME_MAX_PIECES for each request */
	struct nvme_request *free;
	unsigned int in_flight;
	bool submitted;	     /* to the disk, which has not begun */
	bool serving;	     /* nvme_io_serve() is on the stack */
	uint64_t turn_bytes; /* that it has moved since it began */
};

/* The two doorbells of a pair of queues. */
struct nvme_bell {
	struct nvme *nvme;
	struct loop_source wake;	   /* an eventfd, owned */
	_Atomic uint32_t tail, head;	   /* as they were written last */
	struct ioeventfd on_tail, on_head; /* loop thread */
};

struct nvme {
	/* Constant after start. */
	struct pci_device pci;
	struct msix msix;
	struct io_region region;	/* BAR 0 */
	struct pci_bus *bus;		/* borrowed; NULL: not yet on it */
	struct loop *loop;		/* borrowed */
	const struct guest_memory *mem; /* borrowed */
	struct disk *disk;		/* owned */
	struct disk_client client;	/* of disk */
	struct nvme_identity identity;	/* serial points to the next */
	char serial[DISK_SERIAL_MAX + 1];
	unsigned int nqueues; /* pairs for I/O */
	struct nvme_bell bells[NVME_MAX_QUEUES];

	pthread_mutex_t lock; /* a leaf */
	struct nvme_registers registers;

	/* Loop thread. */
	struct nvme_state state;
	struct nvme_cq cqs[NVME_MAX_QUEUES];
	struct nvme_sq sqs[NVME_MAX_QUEUES];
	bool running;				    /* enabled: commands are taken and completed */
	bool draining;				    /* commands are completed and not taken */
	bool intx;				    /* the pin's level */
	uint32_t *shadow_doorbells, *shadow_events; /* in guest memory; NULL: not configured */
	struct iovec admin_iov[NVME_MAX_PIECES];
	struct disk_request flush; /* at shutdown */

	/* Any thread. */
	atomic_bool invalid_doorbell; /* one was written that has no queue */
	atomic_bool was_driven;
	struct log_once said;
};

static inline bool nvme_cq_exists(const struct nvme *nvme, uint32_t id)
{
	return id <= nvme->nqueues && nvme->cqs[id].state->size;
}

static inline bool nvme_sq_exists(const struct nvme *nvme, uint32_t id)
{
	return id <= nvme->nqueues && nvme->sqs[id].state->size;
}

/*
 * nvme.c
 */

/* The driver did something that no driver should: one line until the next reset. */
void nvme_complain(struct nvme *nvme, const char *what);

/* Has the loop look at a pair of queues soon. Any thread. */
void nvme_bell_ring(struct nvme_bell *bell);

/*
 * nvme_register.c
 */

extern const struct io_region_ops nvme_region_ops;

/*
 * nvme_control.c
 */

/* The driver has written CC: returns when the controller is as it says. No lock held. */
void nvme_control_write(struct nvme *nvme, uint32_t cc);
/* Power-on state. Any thread, no lock held. */
void nvme_control_power_on(struct nvme *nvme);
/* Looks at a pair of queues: what their doorbells say, and what follows from it. */
void nvme_bell_answer(struct nvme_bell *bell);
/* Completes everything that is in flight, while nothing new is taken. */
void nvme_control_drain(struct nvme *nvme);
/* Has INTA# follow the completion queues and the mask. */
void nvme_control_intx(struct nvme *nvme);

/*
 * nvme_queue.c
 */

/* base is checked: NVME_SUCCESS, NVME_INVALID_PRP_OFFSET or NVME_DATA_TRANSFER_ERROR. */
uint16_t nvme_cq_create(struct nvme *nvme, unsigned int id, gpa_t base, uint16_t size);
uint16_t nvme_sq_create(struct nvme *nvme, unsigned int id, gpa_t base, uint16_t size,
			unsigned int cq);
void nvme_cq_delete(struct nvme *nvme, unsigned int id);
void nvme_sq_delete(struct nvme *nvme, unsigned int id);

/* Takes over where the driver has read up to. */
void nvme_cq_update(struct nvme *nvme, unsigned int id);
/* Is there a place that no command in flight will need? If not, the driver's next doorbell comes
 * whatever EventIdx was. */
bool nvme_cq_has_room(struct nvme *nvme, unsigned int id);
/* Writes a completion; there is a place for it. status as in enum nvme_status. */
void nvme_cq_post(struct nvme *nvme, const struct nvme_sq *sq, uint16_t cid, uint16_t status,
		  uint32_t result);
/* Interrupts for what was posted, if anything was. */
void nvme_cq_flush(struct nvme *nvme, unsigned int id);

/* Takes over how far the driver has submitted. */
void nvme_sq_update(struct nvme_sq *sq);
/* The next command, and a place for its completion, which nvme_sq_complete() gives back. False:
 * there is no command, or no place. */
bool nvme_sq_take(struct nvme_sq *sq, struct nvme_command *command);
void nvme_sq_complete(struct nvme_sq *sq, uint16_t cid, uint16_t status, uint32_t result);
/* Asks for a doorbell when more comes. False: there is nothing more yet, or no place. */
bool nvme_sq_wait(struct nvme_sq *sq);

/*
 * nvme_shadow.c
 */

/* Both pages are checked: NVME_INVALID_FIELD unless each is a page of RAM. */
uint16_t nvme_shadow_config(struct nvme *nvme, gpa_t doorbells, gpa_t events);
void nvme_shadow_forget(struct nvme *nvme);
/* A queue has come, and goes. */
void nvme_shadow_add_sq(struct nvme *nvme, unsigned int id);
void nvme_shadow_add_cq(struct nvme *nvme, unsigned int id);
void nvme_shadow_remove_sq(struct nvme *nvme, unsigned int id);
void nvme_shadow_remove_cq(struct nvme *nvme, unsigned int id);

/* What the driver has written, or otherwise to the register. */
static inline uint32_t nvme_shadow_load(const struct nvme_shadow *shadow,
					const _Atomic uint32_t *written)
{
	if (!shadow->doorbell)
		return atomic_load_explicit(written, memory_order_acquire);
	/* Acquire: what the doorbell is about is there. Sequentially consistent: not before an
	 * EventIdx that is written before; the driver has a full barrier between the two as well.
	 */
	return le32toh(__atomic_load_n(shadow->doorbell, __ATOMIC_SEQ_CST));
}

/* From value on, the driver must write to the register, 7.13. */
static inline void nvme_shadow_wait(const struct nvme_shadow *shadow, uint32_t value)
{
	if (shadow->event)
		__atomic_store_n(shadow->event, htole32(value), __ATOMIC_SEQ_CST);
}

/*
 * nvme_prp.c
 */

/*
 * Finds the len bytes (at most NVME_MAX_TRANSFER) that the command's PRPs name: at most
 * NVME_MAX_PIECES of iov. NVME_SUCCESS, NVME_INVALID_PRP_OFFSET or NVME_DATA_TRANSFER_ERROR.
 */
uint16_t nvme_prp_map(const struct guest_memory *mem, const struct nvme_command *command,
		      uint64_t len, enum memory_access access, struct iovec *iov, unsigned int *n);
/* Copies len bytes of iov, from offset on; they are there. */
void nvme_prp_copy(const struct iovec *iov, uint64_t offset, void *to, size_t len);

/*
 * nvme_io.c
 */

int nvme_io_init(struct nvme_sq *sq); /* 0 or -ENOMEM */
void nvme_io_destroy(struct nvme_sq *sq);
/* Takes what was submitted, and asks for a doorbell when there is more and nobody looks. */
void nvme_io_serve(struct nvme_sq *sq);
/* The disk has completed some of the queue. */
void nvme_io_batch_done(struct nvme_sq *sq);

/*
 * nvme_admin.c
 */

void nvme_admin_serve(struct nvme *nvme);
/* Answers an admin command: the first len bytes from data, zeroes behind size. */
uint16_t nvme_admin_answer(struct nvme *nvme, const struct nvme_command *command, const void *data,
			   uint64_t size, uint64_t len);

/* One function per command: its status, and for some *result. nvme_admin.c has the others. */
uint16_t nvme_identify(struct nvme *nvme, const struct nvme_command *command, uint32_t *result);
uint16_t nvme_get_features(struct nvme *nvme, const struct nvme_command *command, uint32_t *result);
uint16_t nvme_set_features(struct nvme *nvme, const struct nvme_command *command, uint32_t *result);
uint16_t nvme_get_log_page(struct nvme *nvme, const struct nvme_command *command, uint32_t *result);

/*
 * nvme_feature.c, nvme_log.c
 */

void nvme_features_reset(struct nvme *nvme);
bool nvme_has_write_cache(const struct nvme *nvme);
/* Is the temperature one that the driver wants to be warned of? */
bool nvme_temperature_warns(const struct nvme *nvme);

/* A command that failed, for the error log; sq NULL: no command did it. */
void nvme_log_failure(struct nvme *nvme, const struct nvme_sq *sq, uint16_t cid, uint16_t status,
		      uint32_t nsid, uint64_t lba);

/*
 * nvme_event.c: asynchronous events, 5.2
 */

enum nvme_event {
	NVME_TELL_INVALID_DOORBELL,
	NVME_TELL_INVALID_VALUE,
	NVME_TELL_TEMPERATURE,
	NVME_TELL_NAMESPACE,
};

/* It has happened: told when the driver wants to know, asks, and has read of the last one. */
void nvme_event_raise(struct nvme *nvme, enum nvme_event event);
void nvme_events_send(struct nvme *nvme);
/* The driver has read a log page. */
void nvme_event_clear(struct nvme *nvme, enum nvme_event_type type);
/* An Asynchronous Event Request: false when there are too many. */
bool nvme_event_hold(struct nvme *nvme, uint16_t cid);
/* Aborts one: false if it is not held, or there is no place for its completion. */
bool nvme_event_abort(struct nvme *nvme, uint16_t cid);

#endif
