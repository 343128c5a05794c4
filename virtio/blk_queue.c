/*
 * blk_queue.c: see blk_queue.h. Requests are handed to the disk in batches and given back in
 * batches.
 *
 * What a driver may ask for at once is bounded by a pool that is made at start; when it is empty,
 * requests stay in the ring.
 */
#include "virtio/blk_queue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stdlib.h>

#include "vmm/util.h"

enum {
	BLK_REQUESTS = 128,
	BLK_BATCH_BYTES = 256 * 1024,
	BLK_TURN_BYTES = 64 << 20, /* then others on the loop have their turn */
	/* What no driver exceeds that heeds the limits: one request can take only so long. */
	BLK_MAX_BYTES = 1 << 28,
	/*
	 * With so many requests in flight the driver need not kick: there is a completion soon, and
	 * then we look. With fewer a new request might wait for a slow one.
	 */
	BLK_BUSY = 8,
	BLK_MAX_ROUNDS = 4, /* of blk_queue_serve(), before others on the loop have their turn */
};

struct blk_request {
	struct disk_request disk;
	struct virtq_chain chain;
	struct blk_queue *queue;
	uint8_t *status;	     /* in guest memory */
	uint32_t data_room;	     /* writable bytes before the status */
	uint32_t filled;	     /* how many of them a success fills */
	unsigned int range, nranges; /* DISCARD, WRITE_ZEROES: the one in flight; all */
	struct virtio_blk_discard_write_zeroes ranges[BLK_MAX_RANGES];
	struct blk_request *next_free;
};

static void release(struct blk_request *request)
{
	request->next_free = request->queue->free;
	request->queue->free = request;
	request->queue->in_flight--;
}

/* Gives a request back to the driver with its status. */
static void finish(struct blk_request *request, uint8_t status)
{
	struct blk_queue *queue = request->queue;
	uint32_t written = status == VIRTIO_BLK_S_OK ? request->filled : 0;

	*request->status = status;
	/* The length says how much is written from the start on, 2.7.8.2; the status comes last. */
	if (written == request->data_room)
		written++;
	virtqueue_push(virtio_queue(queue->dev, queue->index), &request->chain, written);
	release(request);
}

static uint8_t status_of(int err)
{
	if (err == -EOPNOTSUPP)
		return VIRTIO_BLK_S_UNSUPP;
	return err ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static void submit(struct blk_request *request)
{
	disk_submit(request->queue->disk, request->queue->index, &request->disk);
}

static void submit_range(struct blk_request *request)
{
	const struct virtio_blk_discard_write_zeroes *range = &request->ranges[request->range];

	request->disk.offset = le64toh(range->sector) * DISK_SECTOR;
	request->disk.len = (uint64_t)le32toh(range->num_sectors) * DISK_SECTOR;
	request->disk.unmap = le32toh(range->flags) & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	submit(request);
}

static void disk_done(struct disk_request *disk_request, int err)
{
	struct blk_request *request = container_of(disk_request, struct blk_request, disk);

	if (!err && request->range + 1 < request->nranges) {
		request->range++;
		submit_range(request);
		return;
	}
	finish(request, status_of(err));
}

/* READ, WRITE: data is where the bytes go to or come from. */
static void start_move(struct blk_request *request, enum disk_op op, uint64_t sector,
		       const struct iov_cursor *data)
{
	uint64_t offset;

	if (__builtin_mul_overflow(sector, (uint64_t)DISK_SECTOR, &offset) ||
	    data->left % DISK_SECTOR || data->left > BLK_MAX_BYTES) {
		finish(request, VIRTIO_BLK_S_IOERR);
		return;
	}
	request->disk.op = op;
	request->disk.offset = offset;
	request->disk.len = data->left;
	request->disk.iov = data->iov;
	request->disk.n = data->n;
	submit(request);
}

/* 5.2.6.2: what is reserved must be clear, and unmap means nothing to a DISCARD. */
static uint8_t check_range(const struct virtio_blk_discard_write_zeroes *range, enum disk_op op)
{
	bool discard = op == DISK_DISCARD;
	uint32_t flags = discard ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	uint32_t max = discard ? BLK_MAX_DISCARD_SECTORS : BLK_MAX_WRITE_ZEROES_SECTORS;

	if (le32toh(range->flags) & ~flags)
		return VIRTIO_BLK_S_UNSUPP;
	if (le32toh(range->num_sectors) > max || le64toh(range->sector) > UINT64_MAX / DISK_SECTOR)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/* DISCARD, WRITE_ZEROES: all ranges are looked at before anything is done, then served in turn. */
static void start_ranges(struct blk_request *request, enum disk_op op)
{
	size_t bytes = request->chain.in.left;
	size_t n = bytes / sizeof(request->ranges[0]);

	if (n == 0 || n > BLK_MAX_RANGES || bytes % sizeof(request->ranges[0])) {
		finish(request, VIRTIO_BLK_S_IOERR);
		return;
	}
	iov_take(&request->chain.in, request->ranges, bytes);
	for (size_t i = 0; i < n; i++) {
		uint8_t status = check_range(&request->ranges[i], op);

		if (status != VIRTIO_BLK_S_OK) {
			finish(request, status);
			return;
		}
	}
	request->nranges = (unsigned int)n;
	request->disk.op = op;
	submit_range(request);
}

static void start_get_id(struct blk_request *request)
{
	const uint8_t *id = request->queue->id;

	request->filled = (uint32_t)iov_put(&request->chain.out, id, BLK_ID_BYTES);
	finish(request, VIRTIO_BLK_S_OK);
}

static void start_flush(struct blk_request *request)
{
	request->disk.op = DISK_FLUSH;
	submit(request);
}

/* By the type in the header, 5.2.6. What was not negotiated does not exist. */
static void start(struct blk_request *request, const struct virtio_blk_outhdr *header)
{
	const struct virtio_device *dev = request->queue->dev;
	uint64_t sector = le64toh(header->sector);

	switch (le32toh(header->type)) {
	case VIRTIO_BLK_T_IN:
		request->filled = request->data_room;
		start_move(request, DISK_READ, sector, &request->chain.out);
		return;
	case VIRTIO_BLK_T_OUT:
		start_move(request, DISK_WRITE, sector, &request->chain.in);
		return;
	case VIRTIO_BLK_T_FLUSH:
		start_flush(request);
		return;
	case VIRTIO_BLK_T_GET_ID:
		start_get_id(request);
		return;
	case VIRTIO_BLK_T_DISCARD:
		if (!virtio_has_feature(dev, VIRTIO_BLK_F_DISCARD))
			break;
		start_ranges(request, DISK_DISCARD);
		return;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (!virtio_has_feature(dev, VIRTIO_BLK_F_WRITE_ZEROES))
			break;
		start_ranges(request, DISK_WRITE_ZEROES);
		return;
	default:
		break;
	}
	finish(request, VIRTIO_BLK_S_UNSUPP);
}

/* A popped chain: the header is copied out once, the status is the last byte. */
static void begin(struct blk_request *request)
{
	struct blk_queue *queue = request->queue;
	struct virtio_blk_outhdr header;

	queue->in_flight++;
	request->range = 0;
	request->nranges = 0;
	request->filled = 0;
	request->disk.durable = queue->write_through;
	request->disk.unmap = false;
	request->disk.len = 0;
	request->status = iov_take_last(&request->chain.out);
	if (!request->status) { /* or a chain longer than any we offer to take */
		release(request);
		virtio_broken(queue->dev, "a request without a status byte");
		return;
	}
	/* At most 2^32 - 1: a chain has no more than 2^32 bytes. */
	request->data_room = (uint32_t)request->chain.out.left;
	if (iov_take(&request->chain.in, &header, sizeof(header)) == sizeof(header))
		start(request, &header);
	else
		finish(request, VIRTIO_BLK_S_IOERR);
}

static uint64_t bytes_to_move(const struct blk_request *request)
{
	bool moves = request->disk.op == DISK_READ || request->disk.op == DISK_WRITE;

	return moves ? request->disk.len : 0;
}

/*
 * What is in the ring, as one batch for the disk; batch_done() may come from here. What hits the
 * host's cache is copied while a batch is handed over, so that large requests are no batch: the
 * driver gets the first back while the next is copied. False: there may be more, for another turn.
 */
static bool take_requests(struct blk_queue *queue)
{
	uint64_t bytes = 0, all = 0;

	for (unsigned int n = 0; n < BLK_REQUESTS && all < BLK_TURN_BYTES; n++) {
		struct blk_request *request = queue->free;

		if (!request || !virtio_pop(queue->dev, queue->index, &request->chain))
			break;
		queue->free = request->next_free;
		begin(request);
		bytes += bytes_to_move(request);
		all += bytes_to_move(request);
		if (bytes >= BLK_BATCH_BYTES) {
			disk_commit(queue->disk, queue->index);
			bytes = 0;
		}
	}
	disk_commit(queue->disk, queue->index);
	virtio_flush(queue->dev, queue->index);
	return all < BLK_TURN_BYTES;
}

void blk_queue_serve(struct blk_queue *queue)
{
	struct virtqueue *vq = virtio_queue(queue->dev, queue->index);
	bool more = true, in_turn = true;

	queue->serving = true;
	for (unsigned int round = 0; more && in_turn && round < BLK_MAX_ROUNDS; round++) {
		virtqueue_disable_notify(vq);
		in_turn = take_requests(queue);
		more = !in_turn || (queue->in_flight < BLK_BUSY && virtqueue_enable_notify(vq));
	}
	queue->serving = false;
	if (more)
		disk_wake(queue->disk, queue->index);
}

void blk_queue_batch_done(struct blk_queue *queue)
{
	virtio_flush(queue->dev, queue->index);
	if (queue->running && !queue->serving)
		blk_queue_serve(queue);
	else
		disk_commit(queue->disk, queue->index); /* a request's next range */
}

int blk_queue_init(struct blk_queue *queue, struct virtio_device *dev, struct disk *disk,
		   const uint8_t *id, unsigned int index)
{
	queue->dev = dev;
	queue->disk = disk;
	queue->id = id;
	queue->index = index;
	queue->requests = calloc(BLK_REQUESTS, sizeof(*queue->requests));
	queue->iov = calloc((size_t)BLK_REQUESTS * BLK_QUEUE_SIZE, sizeof(*queue->iov));
	if (!queue->requests || !queue->iov)
		return -ENOMEM;
	for (unsigned int i = BLK_REQUESTS; i-- > 0;) {
		struct blk_request *request = &queue->requests[i];

		request->queue = queue;
		request->disk.done = disk_done;
		request->chain.iov = queue->iov + (size_t)i * BLK_QUEUE_SIZE;
		request->chain.cap = BLK_QUEUE_SIZE;
		request->next_free = queue->free;
		queue->free = request;
	}
	return 0;
}

void blk_queue_destroy(struct blk_queue *queue)
{
	free(queue->requests);
	free(queue->iov);
}
