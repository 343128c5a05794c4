/*
 * pci_common.c: the common configuration structure of virtio-pci (virtio 1.2, section 4.1.4.3),
 * decoded into calls of registers.h. Each field is taken at its own width alone (4.1.3.1).
 */
#include <linux/virtio_pci.h>

#include "virtio/pci.h"
#include "virtio/registers.h"

/* How wide the field at this offset is, in bytes; 0 where none begins. */
static unsigned int field_width(uint64_t offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_STATUS:
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return 1;
	case VIRTIO_PCI_COMMON_MSIX:
	case VIRTIO_PCI_COMMON_NUMQ:
	case VIRTIO_PCI_COMMON_Q_SELECT:
	case VIRTIO_PCI_COMMON_Q_SIZE:
	case VIRTIO_PCI_COMMON_Q_MSIX:
	case VIRTIO_PCI_COMMON_Q_ENABLE:
	case VIRTIO_PCI_COMMON_Q_NOFF:
	case VIRTIO_PCI_COMMON_Q_RESET:
		return 2;
	case VIRTIO_PCI_COMMON_DFSELECT:
	case VIRTIO_PCI_COMMON_DF:
	case VIRTIO_PCI_COMMON_GFSELECT:
	case VIRTIO_PCI_COMMON_GF:
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return 4;
	default:
		return 0;
	}
}

/* Of the six halves of addresses; they stand in the same order in both enumerations. */
static enum virtio_queue_register address_register(uint64_t offset)
{
	return VIRTIO_QUEUE_DESC_LOW + (unsigned int)(offset - VIRTIO_PCI_COMMON_Q_DESCLO) / 4;
}

static struct virtio_pci_state load_state(struct virtio_pci *pci)
{
	struct virtio_pci_state state;

	pthread_mutex_lock(&pci->lock);
	state = pci->state;
	pthread_mutex_unlock(&pci->lock);
	return state;
}

/* What concerns the selected queue. */
static uint32_t read_queue_field(struct virtio_pci *pci, const struct virtio_pci_state *state,
				 uint64_t offset)
{
	struct virtio_device *dev = pci->dev;
	uint32_t queue = state->queue_select;
	bool there = queue < dev->nqueues;

	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return virtio_queue_read(dev, queue, VIRTIO_QUEUE_SIZE);
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return there ? state->queue_vectors[queue] : VIRTIO_MSI_NO_VECTOR;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return virtio_queue_read(dev, queue, VIRTIO_QUEUE_ENABLED);
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return there ? queue : 0;
	case VIRTIO_PCI_COMMON_Q_RESET: /* over before anybody can look */
		return 0;
	default:
		return virtio_queue_read(dev, queue, address_register(offset));
	}
}

uint32_t virtio_pci_common_read(struct virtio_pci *pci, uint64_t offset, unsigned int size)
{
	struct virtio_pci_state state = load_state(pci);

	if (field_width(offset) != size)
		return 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return state.offered_select;
	case VIRTIO_PCI_COMMON_DF:
		return virtio_get_offered(pci->dev, state.offered_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return state.driver_select;
	case VIRTIO_PCI_COMMON_GF:
		return virtio_get_driver_features(pci->dev, state.driver_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return state.config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return pci->dev->nqueues;
	case VIRTIO_PCI_COMMON_STATUS:
		return virtio_get_status(pci->dev);
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return virtio_config_generation(pci->dev);
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return state.queue_select;
	default:
		return read_queue_field(pci, &state, offset);
	}
}

static void set32(struct virtio_pci *pci, uint32_t *field, uint32_t value)
{
	pthread_mutex_lock(&pci->lock);
	*field = value;
	pthread_mutex_unlock(&pci->lock);
}

static void set16(struct virtio_pci *pci, uint16_t *field, uint16_t value)
{
	pthread_mutex_lock(&pci->lock);
	*field = value;
	pthread_mutex_unlock(&pci->lock);
}

/* 4.1.5.1.2: a vector that is not there is answered with NO_VECTOR. */
static void set_vector(struct virtio_pci *pci, uint16_t *field, uint32_t vector)
{
	set16(pci, field, vector < pci->msix.nvectors ? (uint16_t)vector : VIRTIO_MSI_NO_VECTOR);
}

static void set_queue_vector(struct virtio_pci *pci, uint32_t queue, uint32_t vector)
{
	if (queue >= pci->dev->nqueues) {
		virtio_ignored(pci->dev, "a vector of a queue that is not there");
		return;
	}
	set_vector(pci, &pci->state.queue_vectors[queue], vector);
	virtio_call_moved(pci->dev, queue);
}

static void enable_queue(struct virtio_pci *pci, uint32_t queue, uint32_t value)
{
	if (value == 1)
		virtio_queue_change(pci->dev, queue, VIRTIO_QUEUE_ENABLE);
	else /* 4.1.4.3.2: the way back is a reset */
		virtio_ignored(pci->dev, "queue_enable written with something else than 1");
}

static void write_queue_field(struct virtio_pci *pci, uint64_t offset, uint32_t value)
{
	uint32_t queue = load_state(pci).queue_select;

	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		virtio_queue_write(pci->dev, queue, VIRTIO_QUEUE_SIZE, value);
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		set_queue_vector(pci, queue, value);
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		enable_queue(pci, queue, value);
		break;
	case VIRTIO_PCI_COMMON_Q_RESET:
		if (value == 1)
			virtio_queue_change(pci->dev, queue, VIRTIO_QUEUE_RESET);
		break;
	default:
		virtio_queue_write(pci->dev, queue, address_register(offset), value);
		break;
	}
}

static void write_status(struct virtio_pci *pci, uint8_t status)
{
	virtio_set_status(pci->dev, status);
	if (status == 0)
		virtio_pci_forget(pci);
}

void virtio_pci_common_write(struct virtio_pci *pci, uint64_t offset, uint32_t value,
			     unsigned int size)
{
	if (field_width(offset) != size)
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		set32(pci, &pci->state.offered_select, value);
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		set32(pci, &pci->state.driver_select, value);
		break;
	case VIRTIO_PCI_COMMON_GF:
		virtio_set_driver_features(pci->dev, load_state(pci).driver_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		set_vector(pci, &pci->state.config_vector, value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		write_status(pci, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		set16(pci, &pci->state.queue_select, (uint16_t)value);
		break;
	case VIRTIO_PCI_COMMON_DF: /* read only, these four */
	case VIRTIO_PCI_COMMON_NUMQ:
	case VIRTIO_PCI_COMMON_CFGGENERATION:
	case VIRTIO_PCI_COMMON_Q_NOFF:
		break;
	default:
		write_queue_field(pci, offset, value);
		break;
	}
}
