/*
 * nvme_prp.c: physical region pages (NVM Express 1.4, 4.3): one page after another, by two
 * addresses in the command or by lists.
 */
#include <endian.h>
#include <string.h>

#include "devices/nvme_controller.h"

enum { ENTRY_SIZE = 8 };

struct map {
	const struct guest_memory *mem;
	enum memory_access access;
	struct iovec *iov;
	unsigned int n;
};

static uint64_t page_offset(gpa_t gpa)
{
	return gpa & (NVME_PAGE_SIZE - 1);
}

static uint64_t min_size(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint16_t add(struct map *map, gpa_t gpa, uint64_t len)
{
	uint8_t *host = memory_range(map->mem, gpa, len, map->access);
	struct iovec *last = map->n ? &map->iov[map->n - 1] : NULL;

	if (!host)
		return NVME_DATA_TRANSFER_ERROR;
	if (last && (uint8_t *)last->iov_base + last->iov_len == host)
		last->iov_len += len; /* pages are often neighbours: fewer pieces for the host */
	else
		map->iov[map->n++] = (struct iovec){.iov_base = host, .iov_len = len};
	return NVME_SUCCESS;
}

/* The entries of one list, or of its part in one page. */
static uint16_t add_entries(struct map *map, const uint64_t *entries, uint64_t n, uint64_t *left)
{
	uint16_t status = NVME_SUCCESS;

	for (uint64_t i = 0; i < n && !status; i++) {
		gpa_t page = le64toh(__atomic_load_n(&entries[i], __ATOMIC_RELAXED));
		uint64_t len = min_size(*left, NVME_PAGE_SIZE);

		status = page_offset(page) ? NVME_INVALID_PRP_OFFSET : add(map, page, len);
		*left -= len;
	}
	return status;
}

/*
 * The last entry of a page points to the next list when one page is not enough. Only the first list
 * may begin inside of a page, so that each but it has room for data: no circle of lists goes on for
 * ever.
 */
static uint16_t add_lists(struct map *map, gpa_t list, uint64_t left)
{
	uint16_t status = list % ENTRY_SIZE ? NVME_INVALID_PRP_OFFSET : NVME_SUCCESS;

	while (!status && left) {
		uint64_t room = (NVME_PAGE_SIZE - page_offset(list)) / ENTRY_SIZE;
		uint64_t needed = (left + NVME_PAGE_SIZE - 1) / NVME_PAGE_SIZE;
		uint64_t n = min_size(room, needed);
		const uint64_t *entries = memory_range(map->mem, list, n * ENTRY_SIZE, MEMORY_READ);

		if (!entries)
			return NVME_DATA_TRANSFER_ERROR;
		if (needed <= room)
			return add_entries(map, entries, n, &left);
		status = add_entries(map, entries, n - 1, &left);
		list = le64toh(__atomic_load_n(&entries[n - 1], __ATOMIC_RELAXED));
		if (!status && page_offset(list))
			status = NVME_INVALID_PRP_OFFSET;
	}
	return status;
}

uint16_t nvme_prp_map(const struct guest_memory *mem, const struct nvme_command *command,
		      uint64_t len, enum memory_access access, struct iovec *iov, unsigned int *n)
{
	struct map map = {.mem = mem, .access = access, .iov = iov};
	gpa_t first = le64toh(command->prp1), second = le64toh(command->prp2);
	uint64_t head = min_size(len, NVME_PAGE_SIZE - page_offset(first));
	uint64_t left = len - head;
	uint16_t status = first % 4 ? NVME_INVALID_PRP_OFFSET : add(&map, first, head);

	if (!status && left > NVME_PAGE_SIZE)
		status = add_lists(&map, second, left);
	else if (!status && left)
		status = page_offset(second) ? NVME_INVALID_PRP_OFFSET : add(&map, second, left);
	*n = map.n;
	return status;
}

void nvme_prp_copy(const struct iovec *iov, uint64_t offset, void *to, size_t len)
{
	uint8_t *at = to;

	for (; len; iov++) {
		size_t part;

		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}
		part = min_size(len, iov->iov_len - offset);
		memcpy(at, (const uint8_t *)iov->iov_base + offset, part);
		at += part;
		len -= part;
		offset = 0;
	}
}
