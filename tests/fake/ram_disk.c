/* ram_disk.c: see ram_disk.h. */
#include "tests/fake/ram_disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util.h"

static struct ram_disk *to_ram(struct disk *disk)
{
	return container_of(disk, struct ram_disk, disk);
}

static void perform(struct ram_disk *ram, struct disk_request *request)
{
	/* Of a FLUSH the offset says nothing. */
	uint8_t *bytes = ram->bytes + (request->op == DISK_FLUSH ? 0 : request->offset);

	ram->flushes += request->op == DISK_FLUSH;
	ram->discards += request->op == DISK_DISCARD;
	ram->durable += request->durable;
	request->err = ram->fail;
	if (request->err)
		return;
	if (request->op == DISK_WRITE_ZEROES || request->op == DISK_DISCARD)
		memset(bytes, 0, request->len);
	if (request->op != DISK_READ && request->op != DISK_WRITE)
		return;
	for (unsigned int i = 0; i < request->n; i++) {
		const struct iovec *iov = &request->iov[i];

		if (request->op == DISK_READ)
			memcpy(iov->iov_base, bytes, iov->iov_len);
		else
			memcpy(bytes, iov->iov_base, iov->iov_len);
		bytes += iov->iov_len;
	}
	assert(bytes == ram->bytes + request->offset + request->len);
}

static int ram_attach(struct disk *disk)
{
	(void)disk;
	return 0;
}

static void ram_submit(struct disk *disk, struct disk_request *request)
{
	disk_list_append(&to_ram(disk)->submitted, request);
}

static void ram_commit(struct disk *disk, unsigned int queue)
{
	struct ram_disk *ram = to_ram(disk);
	struct disk_request *request;

	(void)queue;
	ram->commits++;
	while ((request = disk_list_take(&ram->submitted)) != NULL)
		disk_list_append(&ram->held, request);
	if (ram->hold)
		return;
	while ((request = disk_list_take(&ram->held)) != NULL)
		disk_list_append(&ram->finished, request);
}

/* The memory of a request is touched here, as late as a host may do it. */
static unsigned int ram_reap(struct disk *disk, unsigned int queue)
{
	struct ram_disk *ram = to_ram(disk);
	struct disk_list finished = ram->finished;
	struct disk_request *request;
	unsigned int n = 0;

	(void)queue;
	ram->finished = (struct disk_list){0};
	while ((request = disk_list_take(&finished)) != NULL) {
		perform(ram, request);
		disk_complete(request, request->err);
		n++;
	}
	return n;
}

static void finish_held(struct ram_disk *ram, unsigned int n)
{
	struct disk_request *request;

	while (n-- > 0 && (request = disk_list_take(&ram->held)) != NULL)
		disk_list_append(&ram->finished, request);
}

static void ram_wait(struct disk *disk, unsigned int queue)
{
	struct ram_disk *ram = to_ram(disk);

	(void)queue;
	/* A host would wait for ever. */
	assert(ram->held.first || ram->finished.first);
	finish_held(ram, 1);
}

static int ram_measure(struct disk *disk, uint64_t *size)
{
	*size = to_ram(disk)->measured;
	return *size ? 0 : -EIO;
}

static void ram_detach(struct disk *disk)
{
	(void)disk;
}

static void ram_close(struct disk *disk)
{
	ram_disk_destroy(to_ram(disk));
}

void ram_disk_destroy(struct ram_disk *ram)
{
	free(ram->bytes);
	ram->bytes = NULL;
}

void ram_disk_release(struct ram_disk *ram, unsigned int n)
{
	finish_held(ram, n);
	disk_wake(&ram->disk, 0);
}

static const struct disk_ops ram_ops = {
	.attach = ram_attach,
	.submit = ram_submit,
	.commit = ram_commit,
	.reap = ram_reap,
	.wait = ram_wait,
	.measure = ram_measure,
	.detach = ram_detach,
	.close = ram_close,
};

void ram_disk_init(struct ram_disk *ram, uint64_t size)
{
	*ram = (struct ram_disk){.capacity = size, .measured = size};
	assert(size <= 16 << 20);
	ram->bytes = calloc(1, size);
	assert(ram->bytes);
	ram->disk.ops = &ram_ops;
	ram->disk.name = "ram";
	ram->disk.size = size;
	ram->disk.alignment = DISK_SECTOR;
	ram->disk.block_size = DISK_SECTOR;
	ram->disk.physical_block_size = 4096;
	ram->disk.discard_granularity = 4096;
}
