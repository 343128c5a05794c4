/* msi.h: message interrupts that go nowhere but into a record. */
#ifndef TESTS_FAKE_MSI_H
#define TESTS_FAKE_MSI_H

#include "devices/msix.h"

enum { FAKE_MSI_VECTORS = 512 };

struct fake_msi {
	struct msi_backend backend;
	unsigned int limit; /* irqfd_init() fails with -ENOSPC beyond so many */
	bool refuses;	    /* route() fails with -EINVAL */
	struct fake_msi_vector {
		bool used, routed;
		uint64_t address;
		uint32_t data;
		unsigned int routes; /* calls of route() */
	} vectors[FAKE_MSI_VECTORS]; /* in the order of irqfd_init(); rows are used again */
	unsigned int used;
};

void fake_msi_init(struct fake_msi *msi);

/* Messages that KVM would have sent for the row since the last call: 0 while it is not routed. */
uint64_t fake_msi_sent(struct fake_msi *msi, const struct irqfd *irqfd);

struct fake_msi_vector *fake_msi_vector(struct fake_msi *msi, const struct irqfd *irqfd);

#endif
