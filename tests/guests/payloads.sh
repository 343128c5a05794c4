#!/bin/sh
# payloads.sh: the bare-metal programs where Linux guests run: on KVM with hardware, or its emulation, under it.
build=${O:-build}
MINIVMM=$build/minivmm PAYLOADS=$build/guest/payloads PAYLOADS_LABEL="payload, on real KVM" exec tests/payloads
