#!/bin/bash
# linux.sh: boots stock kernels under minivmm and checks what the guest saw and how the run ended. Runs where KVM is
# real; tests/guests/run.sh makes things ready and starts it. A boot costs seconds in an emulated machine, so each
# one answers many questions.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
area=Linux
. tests/guests/common.sh

uuid_printed() { sed -n 's/.*uuid \([0-9a-f-]*\)$/\1/p' "$work/err"; }

clocksource_follows_cpuid() {
	if has 'probe: nonstop-tsc 1'; then
		has 'probe: clocksource tsc'
	else
		has 'probe: clocksource kvm-clock'
	fi
}

# One boot, and everything that is to be seen in it. boot_matrix KERNEL CPUS MEM_MIB OPTION...
boot_matrix() {
	local kernel=$1 cpus=$2 mem=$3 online=0
	shift 3
	[ "$cpus" -eq 1 ] || online=0-$((cpus - 1))
	begin "$kernel, $cpus CPUs${*:+, $*}"
	asked=$(date +%s)
	boot "$kernel" --cpus "$cpus" --mem "${mem}M" --append "quiet panic=-1 -- sh -c \"probe; exit $((40 + cpus))\"" "$@"
	check "the command's status is the run's" is "$status" $((40 + cpus))
	check "CPUs online" has "probe: online $online"
	check "one socket, a thread per core" has 'probe: sockets 1'
	check "memory" has "init: memory $mem MiB, .*"
	check "hypervisor is KVM, by CPUID and lscpu" has 'probe: lscpu KVM'
	check "kvm-clock registered" has 'probe: kvm-clock [1-9]'
	check "clock source follows CPUID" clocksource_follows_cpuid
	check "TSC frequency known, not calibrated" has 'probe: tsc-calibrated 0'
	check "LAPIC timer with TSC deadline" has 'probe: tsc-deadline 1'
	check "LAPIC timer not calibrated" has 'probe: apic-calibrated 0'
	check "delay loop preset" has 'probe: delay-preset 1'
	check "SMBIOS UUID is the one printed" has "init: uuid $(uuid_printed)"
	check "machine-id in the initramfs is the UUID's" has "init: machine-id $(uuid_printed | tr -d -)"
	check "dmidecode reads all tables without complaint" has 'probe: dmidecode 0 1[0-9] 0'
	check "the kernel complains of nothing" hasnt 'probe: complaint'
	check "the wall clock is right" clock_right
	report
}

# The guest's time lies between the moment it was asked to boot and now, however long that took.
asked=0
since() { [ "$1" -ge $((asked - 2)) ] && [ "$1" -le $(($(date +%s) + 2)) ]; }

clock_right() { since "$(sed -n 's/^init: time //p' "$log" | tail -n 1)"; }

clock_right_now() { expect '^init: time ' && since "${line#init: time }"; }

# reboots N: in one machine, each asked for on its console once the guest is ready.
reboots() {
	local i limit=$((300 + 30 * $1))
	begin "reboot in place, 2 CPUs, $1 times"
	asked=$(date +%s)
	start cloud-6.1.bzImage --cpus 2 --append 'quiet panic=-1 -- ask' --verbose
	for ((i = 1; i <= $1; i++)); do
		check "boot $i: the clock is right" clock_right_now
		check "boot $i: the guest asks" expect '^init: ready'
		if [ $i -eq 2 ]; then
			# shellcheck disable=SC2016 # for the guest's shell
			type_line 'sh -c "echo cpus $(cat /sys/devices/system/cpu/online)"'
			check "both CPUs are back, and piped input reaches the guest" expect '^cpus 0-1'
			check "the guest asks again" expect '^init: ready'
		fi
		[ $i -lt "$1" ] || break
		asked=$(date +%s)
		if [ $i -eq 3 ]; then
			type_line panic # with panic=-1, a reset
		else
			type_line reboot
		fi
	done
	check "the UUID is the same each time" is 1 "$(grep '^init: uuid' "$log" | sort -u | wc -l)"
	type_line poweroff
	end
	check "power-off ends it with 0" is "$status" 0
	report
}

# ends STATUS LABEL OPTION...: a boot of which only the end is looked at.
ends() {
	local expected=$1
	begin "$2"
	shift 2
	boot cloud-6.1.bzImage "$@"
	check "status $expected" is "$status" "$expected"
	report
}

signals() {
	begin "SIGTERM to a running command"
	start cloud-6.1.bzImage --cpus 2 --append 'quiet -- sh -c "echo running; sleep 1000"'
	expect '^running'
	kill -TERM "$machine"
	check "the power button is pressed" expect '^init: power button'
	end
	check "the guest powers off: status 0" is "$status" 0
	report

	begin "SIGTERM to a guest without a button driver"
	initramfs=no-modules.cpio start cloud-6.1.bzImage --grace 1 --append 'quiet -- sleep 1000'
	expect '^init: uptime'
	kill -TERM "$machine"
	end
	check "the grace passes: status 143" is "$status" 143
	report
}

# The groups.
kernels() {
	local kernel
	for kernel in cloud-6.1 cloud-6.12 full-6.12; do
		[ -e "$guests/$kernel.bzImage" ] || continue
		boot_matrix $kernel.bzImage 1 256
		boot_matrix $kernel.bzImage 2 512
		boot_matrix $kernel.bzImage 4 4096
		boot_matrix $kernel.vmlinux 2 512 --boot linux64
		boot_matrix $kernel.vmlinux 2 512 --boot pvh
	done
}

endings() {
	ends 0 "power-off" --append 'quiet -- poweroff'
	ends 120 "reset under --no-reboot" --no-reboot --append 'quiet -- reboot'
	ends 122 "panic under --no-reboot" --no-reboot --append 'quiet panic=-1 -- panic'
	ends 120 "panic under --no-reboot, no pvpanic driver" --no-reboot --initrd "$guests/no-modules.cpio" \
		--append 'quiet panic=-1 -- panic'
	ends 255 "status 255" --append 'quiet -- exit 255'
	ends 124 "timeout" --timeout 6 --append 'quiet -- sleep 1000'
}

case ${1:-all} in
all) reboots 6; endings; signals; kernels ;;
kernels | endings | signals) "$1" ;;
reboots) reboots "${2:-6}" ;;
--soak) reboots 100; limit=600; boot_matrix cloud-6.12.bzImage 64 1024 ;;
*) echo "usage: linux.sh [kernels|endings|signals|reboots [N]|--soak]" >&2; exit 2 ;;
esac
echo "guests: $passed passed, $failed failed"
[ $failed -eq 0 ]
