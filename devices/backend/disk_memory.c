/* disk_memory.c: see disk_memory.h. A request is done where it is submitted,
 * and told of by reap(). */
#include "devices/backend/disk_memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util.h"

struct disk_memory {
	struct disk disk;
	struct disk_list finished[DISK_MAX_QUEUES];
	uint8_t bytes[];
};

static struct disk_memory *to_memory(struct disk *disk)
{
	return container_of(disk, struct disk_memory, disk);
}

static int memory_attach(struct disk *disk)
{
	(void)disk;
	return 0;
}

/* disk_submit() has checked the range, and that it is a READ: the disk is read-only. */
static void memory_submit(struct disk *disk, struct disk_request *request)
{
	struct disk_memory *memory = to_memory(disk);
	const uint8_t *from = memory->bytes + request->offset;

	for (unsigned int i = 0; i < request->n; i++) {
		memcpy(request->iov[i].iov_base, from, request->iov[i].iov_len);
		from += request->iov[i].iov_len;
	}
	disk_list_append(&memory->finished[request->queue - disk->queues], request);
}

static void memory_commit(struct disk *disk, unsigned int queue)
{
	(void)disk;
	(void)queue;
}

static unsigned int memory_reap(struct disk *disk, unsigned int queue)
{
	struct disk_memory *memory = to_memory(disk);
	struct disk_list finished = memory->finished[queue];
	struct disk_request *request;
	unsigned int n = 0;

	memory->finished[queue] = (struct disk_list){0}; /* done() may submit the next one */
	while ((request = disk_list_take(&finished)) != NULL) {
		disk_complete(request, 0);
		n++;
	}
	return n;
}

/* What is in flight is finished already. */
static void memory_wait(struct disk *disk, unsigned int queue)
{
	(void)disk;
	(void)queue;
}

static int memory_measure(struct disk *disk, uint64_t *size)
{
	*size = disk->size;
	return 0;
}

static void memory_detach(struct disk *disk)
{
	(void)disk;
}

static void memory_close(struct disk *disk)
{
	free(to_memory(disk));
}

static const struct disk_ops memory_ops = {
	.attach = memory_attach,
	.submit = memory_submit,
	.commit = memory_commit,
	.reap = memory_reap,
	.wait = memory_wait,
	.measure = memory_measure,
	.detach = memory_detach,
	.close = memory_close,
};

int disk_memory_open(const char *name, const uint8_t *bytes, size_t size, struct disk **disk)
{
	struct disk_memory *memory = calloc(1, sizeof(*memory) + size);

	assert(size % DISK_SECTOR == 0);
	if (!memory)
		return -ENOMEM;
	memcpy(memory->bytes, bytes, size);
	memory->disk.ops = &memory_ops;
	memory->disk.name = name;
	memory->disk.size = size;
	memory->disk.alignment = DISK_SECTOR;
	memory->disk.block_size = DISK_SECTOR;
	memory->disk.physical_block_size = DISK_SECTOR;
	memory->disk.discard_granularity = DISK_SECTOR;
	memory->disk.read_only = true;
	*disk = &memory->disk;
	return 0;
}
