# minivmm: make (builds ./minivmm), make demo, make demo-modes, make demo-clones, make test, make check, make install.
# README.md explains the rest.
# Sources are found by wildcard, so a new file needs no edit here.

O ?= build
ARCH ?= x86
PREFIX ?= /usr/local
VERSION := 0.1
ifeq ($(origin CC),default)
CC := gcc
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wimplicit-fallthrough $(if $(WERROR),-Werror)
# ThreadSanitizer knows no fences; ours are against the guest, which it does not see.
WARNINGS += $(if $(filter thread,$(SAN)),-Wno-tsan)
# Small by default; what runs for every request is made for speed.
OPTIMIZE = $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all,$(SPEED) -g \
	-fno-asynchronous-unwind-tables)
SPEED := -Os
hot := vmm/memory vmm/bus vmm/vcpu vmm/loop virtio/iov virtio/virtqueue virtio/virtio virtio/blk_queue virtio/net_rx \
	virtio/net_tx devices/backend/uring devices/backend/raw_queue devices/backend/disk \
	devices/nvme_queue devices/nvme_prp devices/nvme_io
override CFLAGS += -std=gnu11 $(OPTIMIZE) $(WARNINGS) -pthread -ffunction-sections -fdata-sections -MMD -MP
override CPPFLAGS += -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMINIVMM_VERSION='"$(VERSION)"'
# Packed relocations and code beside constants: a tenth less to store, and fewer pages to touch at start.
override LDFLAGS += -pthread -Wl,--gc-sections -Wl,-z,pack-relative-relocs -Wl,-z,noseparate-code $(if $(SAN),-fsanitize=$(SAN))

Q := $(if $(V),,@)

sources := $(wildcard vmm/*.c vmm/arch/$(ARCH)/*.c devices/*.c devices/backend/*.c virtio/*.c)
objects := $(sources:%.c=$(O)/%.o)
library := $(filter-out $(O)/vmm/main.o,$(objects))
tests := $(wildcard tests/vmm/test_*.c tests/devices/test_*.c tests/virtio/test_*.c)
test_programs := $(tests:%.c=$(O)/%)
fakes := $(patsubst %.c,$(O)/%.o,$(wildcard tests/fake/*.c))

all: $(O)/minivmm guest
ifeq ($(O),build)
all: minivmm
minivmm: $(O)/minivmm
	$(Q)ln -sf $(O)/minivmm $@
endif

$(O)/minivmm: $(objects)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(hot:%=$(O)/%.o): SPEED := -O2
$(O)/%.o: %.c
	@echo "  CC      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# All objects but main() are one archive that every unit test links: a test takes what it needs.
$(O)/libminivmm.a: $(library)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(test_programs): $(O)/%: $(O)/%.o $(fakes) $(O)/libminivmm.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka

test-programs: $(test_programs)

test: $(test_programs)
	$(Q)tests/run-unit $(test_programs)

# What building and testing takes beyond a bare Debian; installed when missing.
check-packages:
	$(Q)scripts/need-packages gcc libc6-dev make libcmocka-dev git man-db procps \
		clang clang-format-14 libclang-rt-14-dev \
		acpica-tools dmidecode genisoimage jq openssh-client e2fsprogs btrfs-progs \
		qemu-system-x86 busybox-static cpio kmod xz-utils zstd lz4 mmdebstrap \
		virt-what pciutils iproute2 iperf3 passt dnsmasq-base

check: check-packages
	$(Q)$(MAKE) -j2 WERROR=1 all
	$(Q)tests/check

# The long runs: hours of load and hundreds of reboots instead of minutes and a few.
soak: check-packages
	$(Q)$(MAKE) -j2 WERROR=1 all
	$(Q)tests/check soak

demo:
	$(Q)scripts/demo

# A guided tour of the three modes, for a classroom.
demo-modes:
	$(Q)scripts/demo-modes

# Clones of one Debian that share no id.
demo-clones:
	$(Q)scripts/demo-clones

install: $(O)/minivmm guest
	install -D -s -m 755 $< $(DESTDIR)$(PREFIX)/bin/minivmm
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/minivmm $(guest_programs)
	install -D -m 644 vmm/minivmm.1 $(DESTDIR)$(PREFIX)/share/man/man1/minivmm.1

# PID 1 of the test guests, and what "minivmm compare" measures; they run where there is no C library.
guest_programs := $(O)/guest/init $(O)/guest/workload
guest: $(guest_programs)
$(guest_programs): $(O)/guest/%: guest/%.c
	@echo "  CC      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -Os -s -static $(WARNINGS) -MMD -MP -MF $@.d -o $@ $(filter %.c,$^)
$(O)/guest/init: guest/console.c guest/facts.c guest/console.h guest/facts.h

# Bare-metal programs: 32-bit Multiboot kernels, and 64-bit ones that say so.
payloads := $(patsubst %.S,$(O)/%,$(wildcard guest/payloads/*.S))
guest: $(payloads)
$(O)/guest/payloads/%: guest/payloads/%.S guest/payloads/payload.inc guest/payloads/payload.ld
	@echo "  AS      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(if $(findstring 64,$*),-m64,-m32) -nostdlib -static -Wl,-T,guest/payloads/payload.ld \
		-Wl,--build-id=none -o $@ $<

# What benchmarks need to measure with.
$(O)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -O2 $(WARNINGS) -o $@ $<

# make fuzz: loaders, virtio and emulated devices under libFuzzer, from seeds that the build makes.
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all

fuzz_boot_needs := vmm/boot_file.c vmm/memory.c vmm/arch/x86/elf.c $(wildcard vmm/arch/x86/boot*.c) tests/fuzz/silent_log.c
fuzz_virtqueue_needs := virtio/virtqueue.c virtio/iov.c vmm/memory.c
fuzz_pci_needs := $(wildcard devices/pci*.c) devices/msix.c $(addprefix vmm/,bus.c loop.c memory.c util.c uuid.c vm.c vm_routes.c) \
	tests/fuzz/silent_log.c
fuzz_virtio_needs := $(fuzz_pci_needs) $(addprefix virtio/,iov.c virtqueue.c virtio.c status.c registers.c mmio.c) \
	$(wildcard virtio/pci*.c) tests/fake/msi.c
fuzz_nvme_needs := $(fuzz_pci_needs) $(wildcard devices/nvme*.c) devices/backend/disk.c virtio/iov.c virtio/virtqueue.c virtio/virtio.c \
	virtio/status.c virtio/registers.c $(addprefix tests/fake/,nvme_driver.c driver.c msi.c ram_disk.c wires.c) -lcmocka
fuzz_e1000_needs := $(fuzz_pci_needs) $(wildcard devices/e1000*.c devices/backend/nic*.c) devices/backend/child.c \
	devices/backend/tap_interface.c virtio/iov.c $(addprefix tests/fake/,e1000_card.c fake_nic.c wire.c wires.c) -lcmocka
all_fuzzers := boot virtqueue virtio nvme e1000

# Without clang and its libFuzzer there is nothing to build, and tests/fuzz/run says so.
have_fuzzer = $(shell echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null && echo yes)

$(O)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(filter %.c,$(foreach f,$(all_fuzzers),$(fuzz_$(f)_needs))) \
		$(wildcard vmm/*.h vmm/arch/x86/*.h devices/*.h devices/backend/*.h virtio/*.h tests/fake/*.h)
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

clean:
	rm -rf $(O) minivmm

.PHONY: all test test-programs check check-packages soak fuzz demo demo-modes demo-clones install clean guest
.SECONDARY:

-include $(guest_programs:=.d) $(O)/tests/fuzz/make_seeds.d $(objects:.o=.d) $(tests:%.c=$(O)/%.d) $(fakes:.o=.d)
