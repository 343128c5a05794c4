# fuzz.mk: make fuzz [FUZZ_SECONDS=60]: the loaders and virtio under libFuzzer with AddressSanitizer and
# UndefinedBehaviorSanitizer, from seeds that the build makes.

FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all

fuzz_boot_needs := vmm/boot_file.c vmm/memory.c vmm/arch/x86/elf.c $(wildcard vmm/arch/x86/boot*.c)
fuzz_virtqueue_needs := virtio/virtqueue.c virtio/iov.c vmm/memory.c
fuzz_virtio_needs := $(addprefix virtio/,iov.c virtqueue.c virtio.c registers.c mmio.c pci.c pci_common.c) \
	$(addprefix devices/,pci.c pci_device.c msix.c) $(addprefix vmm/,bus.c loop.c memory.c vm.c vm_routes.c) \
	tests/fake/msi.c
all_fuzzers := boot virtqueue virtio

# Without clang and its libFuzzer there is nothing to build, and tests/fuzz/run says so.
have_fuzzer = $(shell echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null && echo yes)

$(O)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(foreach f,$(all_fuzzers),$(fuzz_$(f)_needs)) \
		$(wildcard vmm/*.h vmm/arch/x86/*.h devices/*.h virtio/*.h)
	@echo "  FUZZ    $@"
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(fuzz_$*_needs)

$(O)/fuzz/make_seeds: $(O)/tests/fuzz/make_seeds.o $(O)/tests/fake/kernels.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# Asked only where "make fuzz" is what is made.
fuzzers = $(if $(filter fuzz,$(MAKECMDGOALS)),$(if $(have_fuzzer),$(all_fuzzers:%=$(O)/fuzz/fuzz_%)))

fuzz: $(O)/fuzz/make_seeds $(fuzzers)
	@mkdir -p $(all_fuzzers:%=$(O)/fuzz/seeds/fuzz_%)
	$(Q)$(O)/fuzz/make_seeds $(O)/fuzz/seeds/fuzz_boot
	$(Q)tests/fuzz/run $(O)/fuzz $(FUZZ_SECONDS) $(filter $(O)/fuzz/fuzz_%,$^)

.PHONY: fuzz
-include $(O)/tests/fuzz/make_seeds.d
