/* vm_routes.h: the interrupt routing table, between vm.c and vm_routes.c; others use vm.h. */
#ifndef VMM_VM_ROUTES_H
#define VMM_VM_ROUTES_H

#include "vmm/vm.h"

struct vm_routes *vm_routes_create(void); /* NULL: no memory */
void vm_routes_free(struct vm_routes *routes);

/* The KVM VM is new and knows of no vector: they are their devices' to route again. */
void vm_routes_renew(struct vm *vm);

#endif
