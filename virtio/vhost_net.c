/* vhost_net.c: the kernel's vhost-net, told about rings, memory and eventfds (<linux/vhost.h>). */
#include "virtio/vhost_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/util.h"

#define NEEDED_FEATURES (UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_NET_F_MRG_RXBUF)

enum { NO_FD = -1 };

/* One ring, and the two eventfds of ours that the kernel may signal. */
struct vhost_ring {
	struct vhost_net *vhost;
	unsigned int queue;	  /* of the device */
	bool based;		  /* the kernel knows where it stands */
	struct loop_source call;  /* owned fd: where the transport has none to lend */
	struct loop_source error; /* owned fd: the kernel found the ring broken */
};

struct vhost_net {
	int fd; /* owned */
	uint64_t features;
	struct virtio_device *dev; /* borrowed; while it runs */
	bool running;
	struct vhost_ring rings[2]; /* receive, transmit: the kernel's numbering */
};

static void ring_called(struct loop_source *source, uint32_t events)
{
	struct vhost_ring *ring = container_of(source, struct vhost_ring, call);
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) == sizeof(count))
		virtio_interrupt(ring->vhost->dev, ring->queue);
}

static void ring_failed(struct loop_source *source, uint32_t events)
{
	struct vhost_ring *ring = container_of(source, struct vhost_ring, error);
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) == sizeof(count))
		virtio_broken(ring->vhost->dev, "queue %u: vhost-net found it broken", ring->queue);
}

static int vhost_ioctl(const struct vhost_net *vhost, unsigned long request, void *argument)
{
	return ioctl(vhost->fd, request, argument) < 0 ? -errno : 0;
}

int vhost_net_open(struct vhost_net **result)
{
	struct vhost_net *vhost = calloc(1, sizeof(*vhost));
	int err = 0;

	if (!vhost)
		return -ENOMEM;
	for (unsigned int i = 0; i < 2; i++)
		vhost->rings[i] = (struct vhost_ring){
			.vhost = vhost,
			.call = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				 .ready = ring_called},
			.error = {.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .ready = ring_failed},
		};
	vhost->fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	if (vhost->fd < 0)
		err = -errno;
	for (unsigned int i = 0; i < 2 && !err; i++) {
		if (vhost->rings[i].call.fd < 0 || vhost->rings[i].error.fd < 0)
			err = -EMFILE;
	}
	if (!err)
		err = vhost_ioctl(vhost, VHOST_SET_OWNER, NULL);
	if (!err)
		err = vhost_ioctl(vhost, VHOST_GET_FEATURES, &vhost->features);
	if (!err && (vhost->features & NEEDED_FEATURES) != NEEDED_FEATURES)
		err = -ENOTSUP;
	if (err) {
		vhost_net_close(vhost);
		return err;
	}
	*result = vhost;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vhost_net_close(struct vhost_net *vhost)
{
	if (!vhost)
		return;
	vhost_net_stop(vhost);
	for (unsigned int i = 0; i < 2; i++) {
		close_fd(vhost->rings[i].call.fd);
		close_fd(vhost->rings[i].error.fd);
	}
	close_fd(vhost->fd);
	free(vhost);
}

/* Where guest memory is in our address space: vhost resolves the addresses in descriptors by it. */
static int set_memory(const struct vhost_net *vhost, const struct guest_memory *mem)
{
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) +
			     MEMORY_MAX_REGIONS * sizeof(struct vhost_memory_region)];
	} memory = {.table = {.nregions = mem->nregions}};

	for (unsigned int i = 0; i < mem->nregions; i++)
		memory.table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = mem->regions[i].base,
			.memory_size = mem->regions[i].size,
			.userspace_addr = (uintptr_t)mem->regions[i].host,
		};
	return vhost_ioctl(vhost, VHOST_SET_MEM_TABLE, &memory);
}

static int set_file(const struct vhost_net *vhost, unsigned long request, unsigned int index,
		    int fd)
{
	struct vhost_vring_file file = {.index = index, .fd = fd};

	return vhost_ioctl(vhost, request, &file);
}

/* The driver's interrupt: straight through the transport's eventfd, or through ours and us. */
static int set_call(struct vhost_net *vhost, unsigned int index)
{
	struct vhost_ring *ring = &vhost->rings[index];
	int fd = virtio_lend_call_fd(vhost->dev, ring->queue);
	int err = 0;

	if (fd < 0) {
		fd = ring->call.fd;
		err = loop_add(vhost->dev->loop, &ring->call, EPOLLIN);
	}
	return err ? err : set_file(vhost, VHOST_SET_VRING_CALL, index, fd);
}

static int start_ring(struct vhost_net *vhost, unsigned int index)
{
	struct vhost_ring *ring = &vhost->rings[index];
	const struct virtqueue *vq = virtio_queue(vhost->dev, ring->queue);
	struct vhost_vring_state size = {.index = index, .num = vq->config.size};
	struct vhost_vring_state base = {.index = index, .num = virtqueue_get_base(vq)};
	struct vhost_vring_addr address = {
		.index = index,
		.desc_user_addr = (uintptr_t)vq->desc,
		.avail_user_addr = (uintptr_t)vq->avail,
		.used_user_addr = (uintptr_t)vq->used,
	};
	int err = vhost_ioctl(vhost, VHOST_SET_VRING_NUM, &size);

	if (!err)
		err = vhost_ioctl(vhost, VHOST_SET_VRING_BASE, &base);
	ring->based = err == 0;
	if (!err)
		err = vhost_ioctl(vhost, VHOST_SET_VRING_ADDR, &address);
	if (!err)
		err = loop_add(vhost->dev->loop, &ring->error, EPOLLIN);
	if (!err)
		err = set_file(vhost, VHOST_SET_VRING_ERR, index, ring->error.fd);
	if (!err)
		err = set_call(vhost, index);
	if (!err)
		err = set_file(vhost, VHOST_SET_VRING_KICK, index,
			       virtio_lend_kick_fd(vhost->dev, ring->queue));
	return err;
}

int vhost_net_start(struct vhost_net *vhost, struct virtio_device *dev, unsigned int rx_queue,
		    int tap_fd)
{
	uint64_t features = dev->negotiated & vhost->features;
	int err;

	if (!virtqueue_enabled(virtio_queue(dev, rx_queue)) ||
	    !virtqueue_enabled(virtio_queue(dev, rx_queue + 1)))
		return 0;
	vhost->dev = dev;
	vhost->running = true;
	err = vhost_ioctl(vhost, VHOST_SET_FEATURES, &features);
	if (!err)
		err = set_memory(vhost, dev->mem);
	for (unsigned int i = 0; i < 2 && !err; i++) {
		vhost->rings[i].queue = rx_queue + i;
		err = start_ring(vhost, i);
	}
	for (unsigned int i = 0; i < 2 && !err; i++)
		err = set_file(vhost, VHOST_NET_SET_BACKEND, i, tap_fd);
	if (err) {
		vhost_net_stop(vhost);
		return err;
	}
	/* What the driver offered before the kernel listened. */
	virtio_kick_again(dev, rx_queue);
	virtio_kick_again(dev, rx_queue + 1);
	return 0;
}

void vhost_net_stop(struct vhost_net *vhost)
{
	if (!vhost->running)
		return;
	/* With its backend gone a ring is at rest; what was in flight is in the used ring. */
	for (unsigned int i = 0; i < 2; i++)
		set_file(vhost, VHOST_NET_SET_BACKEND, i, NO_FD);
	for (unsigned int i = 0; i < 2; i++) {
		struct vhost_ring *ring = &vhost->rings[i];
		struct vhost_vring_state base = {.index = i};

		if (ring->based && vhost_ioctl(vhost, VHOST_GET_VRING_BASE, &base) == 0)
			virtqueue_set_base(virtio_queue(vhost->dev, ring->queue),
					   (uint16_t)base.num);
		set_file(vhost, VHOST_SET_VRING_KICK, i, NO_FD);
		set_file(vhost, VHOST_SET_VRING_CALL, i, NO_FD);
		set_file(vhost, VHOST_SET_VRING_ERR, i, NO_FD);
		ring->based = false;
		loop_remove(vhost->dev->loop, &ring->error);
		loop_remove(vhost->dev->loop, &ring->call);
		ring_called(&ring->call, 0); /* a last interrupt that has not been passed on */
	}
	vhost->running = false;
}
