#!/bin/bash
# modes.sh: full, para and hybrid machines under stock kernels: what Debian's own detection tools say in each, which
# devices and clocks the guest found, that disk and card work, and how each machine ends. See linux.sh for how the
# scripts here run, and modes-probe for what happens inside.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=Modes
. tests/guests/common.sh

# What a probe must say: its fact, then a pattern for the whole value. Where the guest knows of KVM a processor with an
# invariant TSC is preferred to kvm-clock by the kernel itself; in full mode no calibration is taken for granted.
expected() {
	case $1 in
	full)
		cat <<-'END'
		detect-virt none
		virt-what
		lscpu
		cpuinfo 0
		dmesg 0
		product PC
		vm-bit 0
		clocksource acpi_pm|tsc(-early)?
		clockevent lapic
		kvm-clock 0
		serial 1
		hvc 0
		rtc 1
		keyboard-controller 1
		sci 1
		fixed-button 1
		ged 0
		vmgenid 0
		pvpanic 0
		virtio 0
		disk nvme0n1 nvme
		pci 8086:29c0 1ae0:001f 8086:100e
		END
		;;
	*)
		cat <<-'END'
		detect-virt kvm
		virt-what kvm
		lscpu KVM full
		cpuinfo 1
		dmesg 1
		product KVM minivmm
		vm-bit 1
		clocksource kvm-clock|tsc
		clockevent lapic-deadline
		kvm-clock 1
		keyboard-controller 0
		sci 0
		fixed-button 0
		ged 1
		vmgenid 1
		pvpanic 1
		disk vda ?
		cards virtio_net
		pci 1b36:0008 1af4:1042 1af4:1041 .*
		ping 0
		END
		;;
	esac
	case $1 in
	para) printf '%s\n' 'serial 0' 'hvc 1' 'rtc 0' 'virtio 4' ;;
	hybrid) printf '%s\n' 'serial 1' 'hvc 1' 'rtc 1' 'virtio 4' ;;
	esac
}

# Cloud kernels have no driver for the emulated card.
expected_of_card() {
	case $1-$2 in
	full-full-*) printf '%s\n' 'cards e1000' 'ping 0' ;;
	esac
}

# detection MODE KERNEL CPUS OPTION...: one boot, and everything that is to be seen in it.
detection() {
	local mode=$1 kernel=$2 cpus=$3 online=0 fact value
	shift 3
	[ "$cpus" -eq 1 ] || online=0-$((cpus - 1))
	rm -f "$work/disk"
	truncate -s 32M "$work/disk"
	begin "$mode, $kernel, $cpus CPUs"
	initramfs=modes-$kernel.cpio boot "$kernel.bzImage" --mode "$mode" --cpus "$cpus" --disk "$work/disk" --net peer \
		--append 'quiet panic=-1 -- sh -c "modes-probe; poweroff -f"' "$@"
	check "powers off" is "$status" 0
	while read -r fact value; do
		check "$fact is '$value'" has "probe: $fact ?(${value:-})"
	done < <(expected "$mode"; expected_of_card "$mode" "$kernel"; echo "online $online"; echo "read-back 0")
	check "the disk has the guest's bytes" is "$(sed -n 's/^probe: data //p' "$log")" \
		"$(head -c 2M "$work/disk" | sha256sum | cut -d ' ' -f 1)"
	check "the kernel complains of nothing" hasnt 'probe: complaint'
	report
}

# Virtio and emulated disks and cards in one machine.
mixed() {
	begin "hybrid, both kinds of disk and card"
	truncate -s 32M "$work/first" "$work/second"
	initramfs=modes-full-6.12.cpio boot full-6.12.bzImage --mode hybrid --disk "$work/first" --net peer \
		--disk "$work/second,model=nvme" --net peer,model=e1000 \
		--append 'quiet panic=-1 -- sh -c "modes-probe; poweroff -f"'
	check "powers off" is "$status" 0
	check "two disks" has 'probe: disk (nvme0n1 nvme vda ?|vda +nvme0n1 nvme)'
	check "both read back what was written" is "$(grep -c '^probe: read-back 0' "$log")" 2
	check "two cards" has 'probe: cards (virtio_net e1000|e1000 virtio_net)'
	check "both reach their peer" is "$(grep -c '^probe: ping 0' "$log")" 2
	check "the kernel complains of nothing" hasnt 'probe: complaint'
	report
}

# Reset, and the power button, in one machine.
life() {
	begin "$1: reset and power button"
	initramfs=modes-cloud-6.12.cpio start cloud-6.12.bzImage --mode "$1" --append 'quiet -- ask'
	check "it boots" expect '^init: ready'
	type_line reboot
	check "it boots again" expect '^init: ready'
	kill -TERM "$machine"
	check "the power button is pressed" expect '^init: power button'
	end
	check "the guest powers off: status 0" is "$status" 0
	report
}

for mode in full para hybrid; do
	life $mode
done
# The whole comparison, by the rows of its table. A guest that knows needs few exits to get to init.
comparison() {
	begin "compare"
	"$minivmm" compare --kernel "$guests/cloud-6.12.bzImage" >"$log" 2>"$work/err" </dev/null
	check "goes well" is $? 0
	check "says what kind of host this is" has 'host: (emulated|hardware).*'
	check "every mode has its own disk" has 'disk +nvme0n1 +nvme0n1 +vda +vda'
	check "without a driver there is no figure" has 'network card +n/a +n/a +eth0 +eth0'
	check "every phase came to its end" hasnt failed
	check "para boots with at most 0.3 of full's exits" few_exits
	check "virtio's console costs no exit to minivmm" has '  bytes per exit to minivmm +[0-9.]+ +[0-9.]+ +no exit +no exit'
	report
}

few_exits() { awk '/exits to minivmm/ { exit !($7 > 0 && $9 <= 0.3 * $7) }' "$log"; }

comparison
detection full full-6.12 2
detection para full-6.12 1
detection hybrid full-6.12 2 --console both
detection full full-6.1 1
detection para full-6.1 2
detection full cloud-6.12 1 --tsc-hint
detection para cloud-6.12 2
detection hybrid cloud-6.12 1 --console both
detection para cloud-6.1 1
mixed
detection hybrid cloud-6.1 2 --console both
echo "modes: $passed passed, $failed failed"
[ $failed -eq 0 ]
