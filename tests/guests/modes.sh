#!/bin/bash
# modes.sh: full, para and hybrid machines under stock kernels: what the detection tools of a Debian root file system say
# in each, which devices and clocks the guest found, that disk and card work, and how each machine ends. See linux.sh for
# how the scripts here run, and modes-probe for what happens inside.
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
		system debian
		lsblk nvme0n1 nvme nvme1n1 nvme
		pci 8086:29c0 1ae0:001f 1ae0:001f 8086:100e
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
		system debian
		lsblk vda ?(virtio)? +vdb ?(virtio)?
		pci 1b36:0008 1af4:1042 1af4:1042 1af4:1041 .*
		END
		;;
	esac
	case $1 in
	para) printf '%s\n' 'serial 0' 'hvc 1' 'rtc 0' 'virtio 5' ;;
	hybrid) printf '%s\n' 'serial 1' 'hvc 1' 'rtc 1' 'virtio 5' ;;
	esac
}

# Cloud kernels have no driver for the emulated card.
expected_of_card() {
	case $1-$2 in
	full-full-*) echo 'cards e1000' ;;
	para-* | hybrid-*) echo 'cards virtio_net' ;;
	esac
}

# pings N: as many cards reached their peer.
pings() { [ "$(grep -c -x 'probe: ping 0' "$log")" -eq "$1" ] && [ "$(grep -c '^probe: ping' "$log")" -eq "$1" ]; }

# What has to work in any mode: worked CPUS CARDS DISK...
worked() {
	local cpus=$1 cards=$2 online=0 disk
	shift 2
	[ "$cpus" -eq 1 ] || online=0-$((cpus - 1))
	check "reboots, then powers off" is "$status" 0
	check "$cpus CPUs" has "probe: online $online"
	for disk; do
		check "after a reboot ${disk##*/} has what was written" has 'probe: read-back 0'
		check "as the host sees it" has "probe: data $(head -c 2M "$disk" | sha256sum | cut -d ' ' -f 1)"
	done
	check "as many disks read back" is "$(grep -c -x 'probe: read-back 0' "$log")" $#
	[ "$cards" -eq 0 ] || check "every card reaches its peer" pings "$cards"
	check "the kernel complains of nothing" hasnt 'probe: complaint'
}

# works MODE KERNEL CPUS OPTION...: disk, card, reboot and power-off, and the detection table.
works() {
	local mode=$1 kernel=$2 cpus=$3 fact value cards=1 table=table
	shift 3
	[ -e "$guests/debian-12.img" ] || table=
	case $mode-$kernel in
	full-cloud-*) cards=0 ;;
	esac
	[ -z "$table" ] || set -- "$@" --disk "$guests/debian-12.img,ro"
	rm -f "$work/disk"
	truncate -s 32M "$work/disk"
	begin "$mode, $kernel, $cpus CPUs"
	initramfs=modes-$kernel.cpio boot "$kernel.bzImage" --mode "$mode" --cpus "$cpus" --disk "$work/disk" --net peer \
		--append "quiet panic=-1 -- modes-probe 1 $table" "$@"
	worked "$cpus" $cards "$work/disk"
	[ -z "$table" ] || while read -r fact value; do
		check "$fact is '$value'" has "probe: $fact ?(${value:-})"
	done < <(expected "$mode"; expected_of_card "$mode" "$kernel")
	report
}

# Virtio and emulated disks and cards in one machine.
mixed() {
	begin "hybrid, both kinds of disk and card"
	truncate -s 32M "$work/first" "$work/second"
	initramfs=modes-full-6.12.cpio boot full-6.12.bzImage --mode hybrid --cpus 2 --net peer --net peer,model=e1000 \
		--disk "$work/first" --disk "$work/second,model=nvme" --append 'quiet panic=-1 -- modes-probe 2'
	check "two disks" has 'probe: disk vda nvme0n1'
	check "two cards" has 'probe: cards (virtio_net e1000|e1000 virtio_net)'
	worked 2 2 "$work/first" "$work/second"
	report
}

power_button() {
	begin "$1: power button"
	initramfs=modes-cloud-6.12.cpio start cloud-6.12.bzImage --mode "$1" --append 'quiet -- ask'
	check "it boots" expect '^init: ready'
	kill -TERM "$machine"
	check "the power button is pressed" expect '^init: power button'
	end
	check "the guest powers off: status 0" is "$status" 0
	report
}

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
	check "virtio's console takes blocks with at most a tenth of the UART's exits" a_tenth_of_the_exits
	check "virtio's console costs no exit to minivmm" has '  bytes per exit to minivmm +[0-9.]+ +[0-9.]+ +no exit +no exit'
	report
}

# Of one phase, the row of all exits, KVM's own too: the UART's in the sixth column, virtio's in the eighth.
a_tenth_of_the_exits() {
	awk '/^4 KiB to the console/ { here = 1 }
		here && /exits in all/ { ok = $8 > 0 && $8 <= 0.1 * $6; here = 0 }
		END { exit !ok }' "$log"
}

few_exits() { awk '/exits to minivmm/ { exit !($7 > 0 && $9 <= 0.3 * $7) }' "$log"; }

if [ ! -e "$guests/debian-12.img" ]; then
	printf 'skip\t0\t%s: detection tables\tno Debian image\n' "$area" >>"${CHECK_RESULTS:-/dev/null}"
fi
for mode in full para hybrid; do
	power_button $mode
done
comparison
mixed
# Every mode with every kernel, with one CPU or with two; in the long run with the other number of them, too.
while read -r -a row; do
	works "${row[@]}"
	row[2]=$((3 - row[2]))
	[ "${1:-}" != --soak ] || works "${row[@]}"
done <<-'END'
	full full-6.1 1
	full full-6.12 2
	full cloud-6.12 1 --tsc-hint
	para full-6.1 2
	para full-6.12 1
	para cloud-6.1 1
	para cloud-6.12 2
	hybrid full-6.1 1 --console both
	hybrid full-6.12 2 --console both
	hybrid cloud-6.1 2 --console both
	hybrid cloud-6.12 1 --console both
END
echo "modes: $passed passed, $failed failed"
[ $failed -eq 0 ]
