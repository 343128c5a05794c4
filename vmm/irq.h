/* irq.h: a wire to an interrupt controller. Copy it freely, it owns nothing;
 * a test's line counts. */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include <stdbool.h>

struct irq_line {
	void (*set)(void *owner, unsigned int pin, bool on); /* any thread; NULL: not connected */
	void *owner;
	unsigned int pin;
};

static inline void irq_set(const struct irq_line *line, bool on)
{
	if (line->set)
		line->set(line->owner, line->pin, on);
}

/* An edge: up and down again. */
static inline void irq_pulse(const struct irq_line *line)
{
	irq_set(line, true);
	irq_set(line, false);
}

/*
 * An interrupt that KVM injects when the eventfd is written, without a thread of ours between. Made
 * by vm_irqfd_msi() in vmm/vm.h; gsi is its row in the interrupt routing table.
 */
struct irqfd {
	int fd; /* owned; -1 where there is none */
	unsigned int gsi;
	bool routed; /* KVM listens; else a write only counts up in the eventfd */
};

#endif
