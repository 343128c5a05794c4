/*
 * nvme_io.c: the NVM command set (NVM Express 1.4, 6): commands are handed to the disk in batches
 * and completed in batches.
 *
 * What a driver may ask for at once is bounded by a pool that is made at start; when it is empty,
 * commands stay in the submission queue.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "devices/nvme_controller.h"
#include "vmm/util.h"

enum {
	REQUESTS = 128,
	/* With so many in flight the driver need not ring: there is a completion soon, and then we
	 * look. With fewer a new command might wait for a slow one. */
	BUSY = 8,
	/* Of nvme_io_serve(), before others on the loop have their turn: what is in the host's
	 * cache is copied there and then. */
	MAX_ROUNDS = 4,
	TURN_BYTES = 64 << 20,
	MAX_DISCARD = 1u << 31, /* bytes at once: the host's own loops are bounded so */
	PENDING = 0x8000,	/* no status: the disk has it */
};

struct nvme_request {
	struct disk_request disk;
	struct nvme_sq *sq;
	struct iovec *iov;
	unsigned int n;
	uint16_t cid;
	uint32_t nsid;
	uint64_t lba; /* for the error log */
	/* Dataset Management: the range to look at next, all, and what is left of the last one. */
	unsigned int range, nranges;
	uint64_t offset, left;
	struct nvme_request *next_free;
};

static struct disk *disk_of(const struct nvme_sq *sq)
{
	return sq->nvme->disk;
}

/* The disk's queues are numbered from 0. */
static unsigned int disk_queue(const struct nvme_sq *sq)
{
	return sq->id - 1u;
}

static void finish(struct nvme_request *request, uint16_t status)
{
	struct nvme_sq *sq = request->sq;

	request->next_free = sq->free;
	sq->free = request;
	sq->in_flight--;
	if (!sq->nvme->running) /* reset: nobody waits for it */
		return;
	if (status) {
		nvme_log_failure(sq->nvme, sq, request->cid, status, request->nsid, request->lba);
		status |= NVME_MORE | NVME_DO_NOT_RETRY;
	}
	nvme_sq_complete(sq, request->cid, status, 0);
}

static uint16_t status_of(struct nvme_request *request, int err)
{
	switch (err) {
	case 0:
		return NVME_SUCCESS;
	case -ERANGE:
		return NVME_LBA_OUT_OF_RANGE;
	case -EROFS:
		return NVME_WRITE_PROTECTED;
	case -ENOSPC:
		return NVME_CAPACITY_EXCEEDED;
	case -EOPNOTSUPP: /* Deallocate is advice */
		return request->disk.op == DISK_DISCARD ? NVME_SUCCESS : NVME_INTERNAL_ERROR;
	default:
		request->sq->nvme->state.log.media_errors++;
		return request->disk.op == DISK_READ ? NVME_READ_ERROR : NVME_WRITE_FAULT;
	}
}

static uint16_t submit(struct nvme_request *request)
{
	disk_submit(disk_of(request->sq), disk_queue(request->sq), &request->disk);
	request->sq->submitted = true;
	return PENDING;
}

/* nvme_io_batch_done() may come from here. */
static void commit(struct nvme_sq *sq)
{
	if (!sq->submitted)
		return;
	sq->submitted = false;
	disk_commit(disk_of(sq), disk_queue(sq));
}

/* Where blocks are on the disk; its end is the disk's to check. */
static uint16_t set_extent(struct nvme_request *request, uint64_t first, uint64_t blocks)
{
	uint64_t block_size = disk_of(request->sq)->block_size;

	request->lba = first;
	request->disk.len = blocks * block_size; /* both have at most 32 bits */
	if (__builtin_mul_overflow(first, block_size, &request->disk.offset))
		return NVME_LBA_OUT_OF_RANGE;
	return NVME_SUCCESS;
}

/* Read, Write and Write Zeroes have these in common. */
static uint16_t set_blocks(struct nvme_request *request, const struct nvme_command *command)
{
	uint64_t first = (uint64_t)le32toh(command->cdw11) << 32 | le32toh(command->cdw10);
	uint32_t cdw12 = le32toh(command->cdw12);

	request->disk.durable = cdw12 & NVME_RW_FUA || !nvme_has_write_cache(request->sq->nvme);
	return set_extent(request, first, (cdw12 & 0xffff) + 1u);
}

static uint16_t start_move(struct nvme_request *request, const struct nvme_command *command,
			   enum disk_op op)
{
	struct nvme_log_state *log = &request->sq->nvme->state.log;
	enum memory_access access = op == DISK_READ ? MEMORY_WRITE : MEMORY_READ;
	uint16_t status = set_blocks(request, command);

	if (!status && request->disk.len > NVME_MAX_TRANSFER)
		status = NVME_INVALID_FIELD;
	if (!status)
		status = nvme_prp_map(request->sq->nvme->mem, command, request->disk.len, access,
				      request->iov, &request->n);
	if (status)
		return status;
	if (op == DISK_READ) {
		log->reads++;
		log->bytes_read += request->disk.len;
	} else {
		log->writes++;
		log->bytes_written += request->disk.len;
	}
	request->sq->turn_bytes += request->disk.len;
	request->disk.op = op;
	request->disk.iov = request->iov;
	request->disk.n = request->n;
	return submit(request);
}

static uint16_t start_write_zeroes(struct nvme_request *request, const struct nvme_command *command)
{
	uint16_t status = set_blocks(request, command);

	if (status)
		return status;
	request->disk.op = DISK_WRITE_ZEROES;
	request->disk.unmap = le32toh(command->cdw12) & NVME_WRITE_ZEROES_DEALLOCATE;
	return submit(request);
}

/*
 * The next piece of a Dataset Management command. The ranges stay in the guest's memory, and each
 * is loaded once, when its turn comes.
 */
static uint16_t next_piece(struct nvme_request *request)
{
	uint64_t len;

	while (request->left == 0) {
		struct nvme_range range;
		uint16_t status;

		if (request->range == request->nranges)
			return NVME_SUCCESS;
		nvme_prp_copy(request->iov, request->range++ * sizeof(range), &range,
			      sizeof(range));
		status = set_extent(request, le64toh(range.first), le32toh(range.blocks));
		if (status)
			return status;
		request->offset = request->disk.offset;
		request->left = request->disk.len;
	}
	len = request->left < MAX_DISCARD ? request->left : MAX_DISCARD;
	request->disk.offset = request->offset;
	request->disk.len = len;
	request->offset += len; /* the disk has refused the piece before, if this wraps */
	request->left -= len;
	return submit(request);
}

static uint16_t start_dataset_management(struct nvme_request *request,
					 const struct nvme_command *command)
{
	uint16_t status;

	request->range = 0;
	request->nranges = (le32toh(command->cdw10) & 0xff) + 1;
	request->left = 0;
	status = nvme_prp_map(request->sq->nvme->mem, command,
			      request->nranges * sizeof(struct nvme_range), MEMORY_READ,
			      request->iov, &request->n);
	if (status || !(le32toh(command->cdw11) & NVME_DSM_DEALLOCATE))
		return status; /* other attributes are hints, and not taken */
	request->disk.op = DISK_DISCARD;
	return next_piece(request);
}

static uint16_t start_flush(struct nvme_request *request)
{
	request->disk.op = DISK_FLUSH;
	return submit(request);
}

static uint16_t start(struct nvme_request *request, const struct nvme_command *command)
{
	bool all = command->opcode == NVME_FLUSH && request->nsid == (uint32_t)NVME_ALL_NAMESPACES;

	if (command->flags & NVME_FLAGS_PLAIN)
		return NVME_INVALID_FIELD;
	if (request->nsid != NVME_NSID && !all)
		return NVME_INVALID_NAMESPACE;
	switch (command->opcode) {
	case NVME_FLUSH:
		return start_flush(request);
	case NVME_WRITE:
		return start_move(request, command, DISK_WRITE);
	case NVME_READ:
		return start_move(request, command, DISK_READ);
	case NVME_WRITE_ZEROES:
		return start_write_zeroes(request, command);
	case NVME_DATASET_MANAGEMENT:
		return start_dataset_management(request, command);
	default:
		return NVME_INVALID_OPCODE;
	}
}

static void disk_done(struct disk_request *disk_request, int err)
{
	struct nvme_request *request = container_of(disk_request, struct nvme_request, disk);
	uint16_t status = status_of(request, err);

	if (!status && request->disk.op == DISK_DISCARD && request->sq->nvme->running)
		status = next_piece(request);
	if (status != PENDING)
		finish(request, status);
}

static void begin(struct nvme_sq *sq, const struct nvme_command *command)
{
	struct nvme_request *request = sq->free;
	uint16_t status;

	sq->free = request->next_free;
	sq->in_flight++;
	request->cid = le16toh(command->cid);
	request->nsid = le32toh(command->nsid);
	request->lba = 0;
	request->disk.durable = false;
	request->disk.unmap = false;
	status = start(request, command);
	if (status != PENDING)
		finish(request, status);
}

/* All that was submitted, as one batch for the disk. */
static void take_commands(struct nvme_sq *sq)
{
	struct nvme_command command;

	nvme_sq_update(sq);
	while (sq->free && sq->turn_bytes < TURN_BYTES && nvme_sq_take(sq, &command))
		begin(sq, &command);
	commit(sq);
	nvme_cq_flush(sq->nvme, sq->state->cq);
}

void nvme_io_serve(struct nvme_sq *sq)
{
	bool more = true;

	if (!sq->nvme->running || sq->nvme->draining || !sq->state->size)
		return;
	sq->serving = true;
	sq->turn_bytes = 0;
	for (unsigned int round = 0; more && sq->turn_bytes < TURN_BYTES && round < MAX_ROUNDS;
	     round++) {
		take_commands(sq);
		more = sq->turn_bytes >= TURN_BYTES || (sq->in_flight < BUSY && nvme_sq_wait(sq));
	}
	sq->serving = false;
	if (more)
		disk_wake(disk_of(sq), disk_queue(sq));
}

void nvme_io_batch_done(struct nvme_sq *sq)
{
	if (sq->state->size)
		nvme_cq_flush(sq->nvme, sq->state->cq);
	if (!sq->nvme->running || sq->nvme->draining || !sq->state->size)
		commit(sq); /* a command's next piece */
	else if (sq->serving)
		take_commands(sq);
	else
		nvme_io_serve(sq);
}

int nvme_io_init(struct nvme_sq *sq)
{
	sq->requests = calloc(REQUESTS, sizeof(*sq->requests));
	sq->iov = calloc((size_t)REQUESTS * NVME_MAX_PIECES, sizeof(*sq->iov));
	if (!sq->requests || !sq->iov)
		return -ENOMEM;
	for (unsigned int i = REQUESTS; i-- > 0;) {
		struct nvme_request *request = &sq->requests[i];

		request->sq = sq;
		request->disk.done = disk_done;
		request->iov = sq->iov + (size_t)i * NVME_MAX_PIECES;
		request->next_free = sq->free;
		sq->free = request;
	}
	return 0;
}

void nvme_io_destroy(struct nvme_sq *sq)
{
	free(sq->requests);
	free(sq->iov);
}
