/*
 * blk.c: see blk.h. What the driver is told, start and stop, and the write cache; the requests are
 * blk_queue.c's.
 */
#include "virtio/blk.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/blk_queue.h"
#include "vmm/util.h"

struct virtio_blk {
	struct virtio_device dev;
	struct disk_client client; /* of disk */
	struct disk *disk;	   /* owned */
	struct blk_queue *queues;  /* owned; dev.nqueues */
	uint8_t id[BLK_ID_BYTES];
	bool write_cache; /* what the configuration space shows */
};

static_assert(BLK_ID_BYTES == VIRTIO_BLK_ID_BYTES, "5.2.6");

static struct virtio_blk *to_blk(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_blk, dev);
}

static void batch_done(struct disk_client *client, unsigned int queue)
{
	struct virtio_blk *blk = container_of(client, struct virtio_blk, client);

	blk_queue_batch_done(&blk->queues[queue]);
}

static void resized(struct disk_client *client)
{
	struct virtio_blk *blk = container_of(client, struct virtio_blk, client);
	uint64_t capacity = htole64(blk->disk->size / DISK_SECTOR);

	virtio_config_changed(&blk->dev, offsetof(struct virtio_blk_config, capacity), &capacity,
			      sizeof(capacity));
}

static const struct disk_client_ops client_ops = {
	.batch_done = batch_done,
	.resized = resized,
};

/* Without FLUSH, or with the cache switched off, a write that is done is on stable storage:
 * 5.2.6.2 */
static void set_write_cache(struct virtio_blk *blk, bool enabled)
{
	uint8_t shown = enabled;
	bool write_through = !virtio_has_feature(&blk->dev, VIRTIO_BLK_F_FLUSH) || !enabled;

	blk->write_cache = enabled;
	for (unsigned int i = 0; i < blk->dev.nqueues; i++)
		blk->queues[i].write_through = write_through;
	virtio_config_store(&blk->dev, offsetof(struct virtio_blk_config, wce), &shown, 1);
}

static void set_running(struct virtio_blk *blk, bool running)
{
	for (unsigned int i = 0; i < blk->dev.nqueues; i++)
		blk->queues[i].running = running;
}

static int blk_start(struct virtio_device *dev)
{
	struct virtio_blk *blk = to_blk(dev);
	bool switchable = virtio_has_feature(dev, VIRTIO_BLK_F_CONFIG_WCE);
	bool can_flush = virtio_has_feature(dev, VIRTIO_BLK_F_FLUSH);

	/* 5.2.5.2: who may switch the cache on and cannot flush it finds it off. */
	set_write_cache(blk, switchable ? blk->write_cache && can_flush : true);
	set_running(blk, true);
	return 0;
}

static void blk_stop(struct virtio_device *dev)
{
	struct virtio_blk *blk = to_blk(dev);

	set_running(blk, false);
	disk_drain(blk->disk);
}

static void blk_reset(struct virtio_device *dev)
{
	set_write_cache(to_blk(dev), true);
}

static void blk_kick(struct virtio_device *dev, unsigned int queue)
{
	blk_queue_serve(&to_blk(dev)->queues[queue]);
}

/* Nothing but the write cache can be written, 5.2.4. */
static void blk_write_config(struct virtio_device *dev, unsigned int offset, const void *bytes,
			     unsigned int size)
{
	uint8_t enabled = *(const uint8_t *)bytes;

	if (offset == offsetof(struct virtio_blk_config, wce) && size == 1 && enabled <= 1 &&
	    virtio_has_feature(dev, VIRTIO_BLK_F_CONFIG_WCE))
		set_write_cache(to_blk(dev), enabled);
}

static const struct virtio_device_ops blk_ops = {
	.start = blk_start,
	.stop = blk_stop,
	.kick = blk_kick,
	.reset = blk_reset,
	.write_config = blk_write_config,
};

static uint64_t feature(unsigned int bit)
{
	return UINT64_C(1) << bit;
}

static uint64_t offered_features(const struct disk *disk, unsigned int nqueues)
{
	uint64_t features = feature(VIRTIO_BLK_F_SIZE_MAX) | feature(VIRTIO_BLK_F_SEG_MAX) |
			    feature(VIRTIO_BLK_F_BLK_SIZE) | feature(VIRTIO_BLK_F_TOPOLOGY) |
			    feature(VIRTIO_BLK_F_FLUSH);

	if (nqueues > 1)
		features |= feature(VIRTIO_BLK_F_MQ);
	if (disk->read_only)
		features |= feature(VIRTIO_BLK_F_RO);
	else
		features |= feature(VIRTIO_BLK_F_DISCARD) | feature(VIRTIO_BLK_F_WRITE_ZEROES) |
			    feature(VIRTIO_BLK_F_CONFIG_WCE);
	return features;
}

static struct virtio_blk_config first_config(const struct disk *disk, unsigned int nqueues)
{
	uint32_t blocks = disk->physical_block_size / disk->block_size;

	return (struct virtio_blk_config){
		.capacity = htole64(disk->size / DISK_SECTOR),
		.size_max = htole32(BLK_MAX_SEGMENT_BYTES),
		.seg_max = htole32(BLK_MAX_SEGMENTS),
		.blk_size = htole32(disk->block_size),
		.physical_block_exp = is_power_of_two(blocks) ? (uint8_t)__builtin_ctz(blocks) : 0,
		.min_io_size = htole16(1),
		.wce = 1,
		.num_queues = htole16((uint16_t)nqueues),
		.max_discard_sectors = htole32(BLK_MAX_DISCARD_SECTORS),
		.max_discard_seg = htole32(BLK_MAX_RANGES),
		.discard_sector_alignment = htole32(disk->discard_granularity / DISK_SECTOR),
		.max_write_zeroes_sectors = htole32(BLK_MAX_WRITE_ZEROES_SECTORS),
		.max_write_zeroes_seg = htole32(BLK_MAX_RANGES),
		.write_zeroes_may_unmap = 1,
	};
}

static int make_queues(struct virtio_blk *blk, unsigned int nqueues)
{
	int err = 0;

	blk->queues = calloc(nqueues, sizeof(*blk->queues));
	if (!blk->queues)
		return -ENOMEM;
	blk->dev.nqueues = nqueues;
	for (unsigned int i = 0; i < nqueues && !err; i++)
		err = blk_queue_init(&blk->queues[i], &blk->dev, blk->disk, blk->id, i);
	return err;
}

int virtio_blk_create(struct disk *disk, unsigned int nqueues, const char *name, const char *serial,
		      struct loop *loop, const struct guest_memory *mem,
		      struct virtio_blk **blk_out)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	struct virtio_blk_config config = first_config(disk, nqueues);
	int err = -ENOMEM;

	if (!blk) {
		disk_close(disk);
		return err;
	}
	blk->disk = disk;
	blk->client.ops = &client_ops;
	blk->write_cache = true;
	memcpy(blk->id, serial, strnlen(serial, sizeof(blk->id)));

	blk->dev.name = name;
	blk->dev.id = VIRTIO_ID_BLOCK;
	blk->dev.ops = &blk_ops;
	blk->dev.features = offered_features(disk, nqueues);
	blk->dev.queue_size = BLK_QUEUE_SIZE;
	blk->dev.config_size = offsetof(struct virtio_blk_config, unused1);
	memcpy(blk->dev.state.config, &config, blk->dev.config_size);
	err = make_queues(blk, nqueues);
	if (!err)
		err = virtio_device_init(&blk->dev, loop, mem);
	if (!err)
		err = disk_attach(disk, &blk->client, loop, nqueues);
	if (err < 0) {
		virtio_blk_free(blk);
		return err;
	}
	*blk_out = blk;
	return 0;
}

void virtio_blk_free(struct virtio_blk *blk)
{
	if (!blk)
		return;
	virtio_device_destroy(&blk->dev);
	disk_close(blk->disk);
	for (unsigned int i = 0; blk->queues && i < blk->dev.nqueues; i++)
		blk_queue_destroy(&blk->queues[i]);
	free(blk->queues);
	free(blk);
}

struct virtio_device *virtio_blk_device(struct virtio_blk *blk)
{
	return &blk->dev;
}

bool virtio_blk_was_written(const struct virtio_blk *blk)
{
	return atomic_load_explicit(&blk->disk->written, memory_order_relaxed);
}

void virtio_blk_refresh(struct virtio_blk *blk)
{
	disk_refresh(blk->disk);
}
