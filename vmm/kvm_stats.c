/* kvm_stats.c: the file's header and descriptors once, its data as often as one likes. */
#include "vmm/kvm_stats.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_DATA = 32 << 10, MAX_NAME = 256, MAX_DESCRIPTORS = 1024 };

static int read_all(int fd, void *buf, size_t len, uint64_t offset)
{
	ssize_t n = pread(fd, buf, len, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EPROTO;
}

static bool counts_up(const struct kvm_stats_desc *desc)
{
	return (desc->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE && desc->size == 1;
}

static int take(struct kvm_stats *stats, const struct kvm_stats_desc *desc, const char *name)
{
	struct kvm_counter *counter = &stats->counters[stats->n];

	if (desc->offset > MAX_DATA - sizeof(uint64_t))
		return -EPROTO;
	if (!counts_up(desc) || stats->n == KVM_STATS_MAX)
		return 0;
	memcpy(counter->name, name, KVM_STATS_NAME_SIZE - 1);
	counter->offset = desc->offset;
	if (counter->offset + sizeof(uint64_t) > stats->data_size)
		stats->data_size = counter->offset + (uint32_t)sizeof(uint64_t);
	stats->n++;
	return 0;
}

static int read_descriptors(struct kvm_stats *stats)
{
	_Alignas(struct kvm_stats_desc) char entry[sizeof(struct kvm_stats_desc) + MAX_NAME];
	struct kvm_stats_header header;
	int err = read_all(stats->fd, &header, sizeof(header), 0);

	if (err)
		return err;
	if (header.name_size == 0 || header.name_size > MAX_NAME ||
	    header.num_desc > MAX_DESCRIPTORS)
		return -EPROTO;
	stats->data_offset = header.data_offset;
	for (uint32_t i = 0; i < header.num_desc && !err; i++) {
		size_t len = sizeof(struct kvm_stats_desc) + header.name_size;

		memset(entry, 0, sizeof(entry));
		err = read_all(stats->fd, entry, len, header.desc_offset + (uint64_t)i * len);
		if (!err)
			err = take(stats, (const struct kvm_stats_desc *)entry,
				   entry + sizeof(struct kvm_stats_desc));
	}
	return err;
}

int kvm_stats_init(struct kvm_stats *stats, int fd)
{
	int err;

	*stats = (struct kvm_stats){.fd = fd};
	err = read_descriptors(stats);
	if (err)
		kvm_stats_close(stats);
	return err;
}

int kvm_stats_open(struct kvm_stats *stats, int vm_or_vcpu)
{
	int fd = ioctl(vm_or_vcpu, KVM_GET_STATS_FD, 0);

	if (fd >= 0)
		return kvm_stats_init(stats, fd);
	*stats = (struct kvm_stats){.fd = -1};
	return -errno;
}

void kvm_stats_close(struct kvm_stats *stats)
{
	if (stats->fd >= 0)
		close(stats->fd);
	*stats = (struct kvm_stats){.fd = -1};
}

int kvm_stats_add(const struct kvm_stats *stats, uint64_t *sums)
{
	uint8_t data[MAX_DATA];
	int err = read_all(stats->fd, data, stats->data_size, stats->data_offset);

	for (unsigned int i = 0; i < stats->n && !err; i++) {
		uint64_t value;

		memcpy(&value, data + stats->counters[i].offset, sizeof(value));
		sums[i] += value;
	}
	return err;
}

uint64_t kvm_stats_value(const struct kvm_stats *stats, const char *name)
{
	uint64_t values[KVM_STATS_MAX] = {0};

	if (kvm_stats_add(stats, values) < 0)
		return 0;
	for (unsigned int i = 0; i < stats->n; i++) {
		if (strcmp(stats->counters[i].name, name) == 0)
			return values[i];
	}
	return 0;
}

uint64_t kvm_stats_look_up(int vm_or_vcpu, const char *name)
{
	struct kvm_stats stats;
	uint64_t value;

	if (kvm_stats_open(&stats, vm_or_vcpu) < 0)
		return 0;
	value = kvm_stats_value(&stats, name);
	kvm_stats_close(&stats);
	return value;
}
